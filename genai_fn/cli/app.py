"""What the command does: its options, who answers, and how failures are told."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from genai_fn import GenaiError, Http, InvalidRequest, Offline, Unsupported, Vertex, generate, streamed, text
from genai_fn.cli.backends import find_backend
from genai_fn.cli.emulate_command import emulate
from genai_fn.cli.terminal import print_items, print_message
from genai_fn.schema import Part
from genai_fn.schema.mime_types import guess_mime_type
from genai_fn.wire import VERSION

__all__ = ["run_app"]


def run_app(arguments: Sequence[str]) -> int:
    """Run the command and say how it went, in the terms of a process."""
    try:
        return int(get_command(_app).main(list(arguments), "genai-fn", standalone_mode=False) or 0)
    except GenaiError as error:
        print_message("error", str(error))
        return 2 if isinstance(error, InvalidRequest | Unsupported) else 1
    except (KeyboardInterrupt, typer.Abort):
        return _EXIT_INTERRUPTED
    except Exception as wrong:
        reason = getattr(wrong, "format_message", None)  # an error of usage: typer has no public name for the class
        if reason is None:
            raise
        print_message("error", f"{reason().rstrip('.')}; see genai-fn --help")
        return 2


_EXIT_INTERRUPTED = 130

_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"genai-fn {VERSION}")
        raise typer.Exit


@_app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ask Google's generative models from the terminal."""


@_app.command("generate")
def _generate(
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    *,
    model: Annotated[str, typer.Option(help="Who is asked.")] = "gemini-2.5-flash",
    system: Annotated[str | None, typer.Option(help="What the model is told beforehand.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Goes along; repeatable.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="0 keeps to the likeliest words.")] = None,
    vertex: Annotated[bool, typer.Option("--vertex", help="Ask Vertex AI, as the environment says.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask the embedded model, with no network.")] = False,
) -> None:
    """Print the answer to a prompt as it is written."""
    try:
        config = {"system_instruction": system, "temperature": temperature}
        parts: list[Part | str] = [*map(_read_part, file or ()), _read_prompt(prompt)]
        answer = generate(model, parts, config) | streamed | text
        with _build_interpreter(vertex=vertex, offline=offline) as run, run.stream(answer) as items:
            print_items(items)
    except KeyboardInterrupt:  # or typer would have a word on it
        raise typer.Exit(_EXIT_INTERRUPTED) from None


_app.command("emulate")(emulate)


def _read_prompt(prompt: str) -> str:
    try:
        said = typer.get_binary_stream("stdin").read().decode().rstrip("\r\n") if prompt == "-" else prompt
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8 text") from None
    if not said.strip():
        raise typer.BadParameter("the prompt is empty")
    return said


def _read_part(file: Path) -> Part:
    kind = guess_mime_type(file.name)
    if kind is None:
        raise typer.BadParameter(f"{file}: the name does not tell what kind of file it is")
    try:
        return Part.from_bytes(data=file.read_bytes(), mime_type=kind)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


def _build_interpreter(*, vertex: bool, offline: bool) -> Http | Offline:
    environ = {**os.environ, "GOOGLE_GENAI_USE_VERTEXAI": "1"} if vertex else os.environ
    if not offline:
        return Http(find_backend(environ))
    print_message("offline", "an embedded model answers.")
    return Offline(Vertex(api_key="offline") if vertex else None)
