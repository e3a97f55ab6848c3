"""``genai-fn emulate``: the API on this machine, for programs in any language that can be pointed at an address."""

from pathlib import Path
from typing import Annotated

import typer

from genai_fn.cli.terminal import print_message
from genai_fn.extras import install_command

__all__ = ["emulate"]


def emulate(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where to listen; 0 takes a free port.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    key: Annotated[list[str] | None, typer.Option(help="Let in who has this API key alone; repeatable.")] = None,
    certfile: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A certificate chain, for https and wss.")
    ] = None,
    keyfile: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its key, if that is not with it.")
    ] = None,
) -> None:
    """Serve an emulator of the API, until Ctrl-C."""
    from genai_fn.emulator.server.state import EmulatorState  # noqa: PLC0415  # who asks a model needs none of this
    from genai_fn.testing.server.asgi import Emulator  # noqa: PLC0415  # nor this
    from genai_fn.testing.server.serving import build_server, build_url, open_listener  # noqa: PLC0415  # nor this

    state = EmulatorState(api_keys=tuple(key) if key else None)
    chain, secret = (None if each is None else str(each) for each in (certfile, keyfile))
    try:
        server = build_server(Emulator(state), chain, secret)
        with open_listener(host, port) as heard:
            _print_address(build_url(heard, is_secure=certfile is not None), is_open=not key)
            server.run([heard])
    except KeyboardInterrupt:  # or typer would have a word on it
        raise typer.Exit(_EXIT_INTERRUPTED) from None
    except OSError as error:
        raise typer.BadParameter(f"{host}:{port} cannot be served: {error.strerror or error}") from None
    except ModuleNotFoundError as missing:
        if missing.name not in _EXTRA_MODULES:
            raise
        print_message("error", f"the emulator's server needs the package uvicorn: {install_command('uvicorn')}")
        raise typer.Exit(2) from None


_EXTRA_MODULES = ("uvicorn", "h11", "wsproto")
_EXIT_INTERRUPTED = 130


def _print_address(url: str, *, is_open: bool) -> None:
    typer.echo(f"The API is emulated at {url}, for {'any key' if is_open else 'the keys given'}. Ctrl-C ends it.")
    typer.echo("google-genai and genai_fn ask it where the environment says:")
    typer.echo(f"GOOGLE_GEMINI_BASE_URL={url}")
    typer.echo(f"GOOGLE_VERTEX_BASE_URL={url}")
