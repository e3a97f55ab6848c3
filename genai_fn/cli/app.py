"""The command line: parses it, runs ``genai-fn generate``, and maps errors to exit codes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from genai_fn import (
    GenaiError,
    Http,
    InvalidRequest,
    Offline,
    Unsupported,
    Vertex,
    __version__,
    generate,
    streamed,
    text,
)
from genai_fn.cli.backends import find_backend
from genai_fn.cli.emulate_command import emulate
from genai_fn.cli.exit_codes import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE
from genai_fn.cli.terminal import print_items, print_message
from genai_fn.schema.content import Part
from genai_fn.schema.mime_types import guess_mime_type

__all__ = ["run_app"]


def run_app(arguments: Sequence[str]) -> int:
    """Parse the arguments, run the command, print its error if it fails, and return the exit code."""
    try:
        return int(get_command(_app).main(list(arguments), "genai-fn", standalone_mode=False) or 0)
    except GenaiError as error:
        print_message("error", str(error))
        return EXIT_USAGE if isinstance(error, InvalidRequest | Unsupported) else EXIT_FAILURE
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except Exception as error:
        format_message = getattr(error, "format_message", None)  # a usage error; typer exports no name for the class
        if format_message is None:
            raise
        print_message("error", f"{format_message().rstrip('.')}; see genai-fn --help")
        return EXIT_USAGE


_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _print_version(is_set: bool) -> None:
    if is_set:
        typer.echo(f"genai-fn {__version__}")
        raise typer.Exit


@_app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Call Google's generative models from the terminal."""


@_app.command("generate")
def _generate(
    prompt: Annotated[str, typer.Argument(help="Prompt to send; - reads it from standard input.")],
    *,
    model: Annotated[str, typer.Option(help="Model to use.")] = "gemini-2.5-flash",
    system: Annotated[str | None, typer.Option(help="System instruction for the model.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="File to attach; may be repeated.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature; 0 is deterministic.")] = None,
    vertex: Annotated[
        bool, typer.Option("--vertex", help="Use Vertex AI; project and location come from the environment.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Use the built-in emulator: no network, no key.")] = False,
) -> None:
    """Send a prompt to a model and print the answer as it arrives."""
    try:
        parts: list[Part | str] = [*map(_read_part, file or ()), _read_prompt(prompt)]
        answer = generate(model, parts, {"system_instruction": system, "temperature": temperature}) | streamed | text
        with _build_interpreter(vertex=vertex, offline=offline) as run, run.stream(answer) as items:
            print_items(items)
    except KeyboardInterrupt:  # typer would print "Aborted."
        raise typer.Exit(EXIT_INTERRUPTED) from None


_app.command("emulate")(emulate)


def _read_prompt(prompt: str) -> str:
    try:
        text = typer.get_binary_stream("stdin").read().decode().rstrip("\r\n") if prompt == "-" else prompt
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8 text") from None
    if not text.strip():
        raise typer.BadParameter("the prompt is empty")
    return text


def _read_part(file: Path) -> Part:
    mime_type = guess_mime_type(file.name)
    if mime_type is None:
        raise typer.BadParameter(f"{file}: the media type cannot be guessed from the file name")
    try:
        return Part.from_bytes(data=file.read_bytes(), mime_type=mime_type)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


def _build_interpreter(*, vertex: bool, offline: bool) -> Http | Offline:
    environ = {**os.environ, "GOOGLE_GENAI_USE_ENTERPRISE": "1"} if vertex else os.environ
    if not offline:
        return Http(find_backend(environ))
    print_message("offline", "the built-in emulator answers.")
    return Offline(Vertex(api_key="offline") if vertex else None)
