"""``genai-fn emulate``: serves the emulator over HTTP and WebSocket until Ctrl-C."""

import sys
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import genai_fn
from genai_fn.cli.exit_codes import EXIT_INTERRUPTED
from genai_fn.cli.terminal import strip_control_characters

if TYPE_CHECKING:
    from genai_fn.testing.server.asgi import Emulator
    from genai_fn.testing.server.asgi_events import Receive, Scope, Send

__all__ = ["RequestPrinter", "emulate"]


def emulate(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="PORT", help="Port to listen on; 0 picks a free one.")
    ] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    key: Annotated[
        list[str] | None, typer.Option(help="API key to accept; may be repeated. Without it, any key is accepted.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name under which it is reached, besides localhost and addresses; may be repeated."),
    ] = None,
    script: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Script (JSON): what the model answers.")
    ] = None,
    certfile: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Certificate chain (PEM), to serve https and wss.")
    ] = None,
    keyfile: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Private key (PEM), if it is not in the certificate file."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not print a line for each request.")] = False,
) -> None:
    """
    Serve an emulator of the API until Ctrl-C.

    It prints a line for each request to standard error: the time, the method, the path and the status.
    """
    if keyfile is not None and certfile is None:
        raise typer.BadParameter("it is the key of a certificate: pass --certfile, too", param_hint="'--keyfile'")
    from genai_fn.emulator.server.state import EmulatorState  # noqa: PLC0415  # slow to import, and only this command needs it
    from genai_fn.testing.server.asgi import Emulator  # noqa: PLC0415  # likewise
    from genai_fn.testing.server.serving import build_server, build_url, open_listener  # noqa: PLC0415  # likewise

    state = EmulatorState(api_keys=tuple(key) if key else None)
    try:
        emulator = Emulator(state, script=script, allowed_hosts=(host, *(allow_host or ())))
        application = emulator if quiet else RequestPrinter(emulator)
        server = build_server(application, *(None if each is None else str(each) for each in (certfile, keyfile)))
        with open_listener(host, port) as listener:
            _print_address(build_url(listener, is_secure=certfile is not None), accepts_any_key=not key)
            server.run([listener])
    except KeyboardInterrupt:  # typer would print "Aborted."
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except genai_fn.InvalidRequest as error:
        raise typer.BadParameter(f"{script} is not a valid script: {error}", param_hint="'--script'") from None
    except BrokenPipeError:  # of standard output
        raise
    except OSError as error:
        raise typer.BadParameter(f"{host}:{port} cannot be served: {error.strerror or error}") from None


def _print_address(url: str, *, accepts_any_key: bool) -> None:
    keys = "any key" if accepts_any_key else "the given keys"
    typer.echo(f"The emulator serves {url} and accepts {keys}. Ctrl-C stops it.")
    typer.echo("To use it from google-genai or genai_fn, set:")
    typer.echo(f"GOOGLE_GEMINI_BASE_URL={url}")
    typer.echo(f"GOOGLE_VERTEX_BASE_URL={url}")


class RequestPrinter:
    """
    An ASGI application that prints a line for each request of another one, without the query, which may have a key.

    A session is printed when it is opened.
    """

    def __init__(self, application: "Emulator") -> None:
        self._application = application

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one ASGI scope."""
        method = scope.get("method", "LIVE")

        async def send_and_log(message: MutableMapping[str, Any]) -> None:
            status = _STATUS_BY_EVENT.get(message["type"], message.get("status"))
            if message["type"] in _FIRST_EVENTS:
                path = strip_control_characters(scope["path"])
                with suppress(OSError):  # its reader is gone, and requests are answered as before
                    sys.stderr.write(f"{datetime.now().astimezone():%H:%M:%S} {method} {path} {status}\n")
                    sys.stderr.flush()
            await send(message)

        await self._application(scope, receive, send_and_log)


_FIRST_EVENTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
_STATUS_BY_EVENT = {"websocket.accept": 101}
