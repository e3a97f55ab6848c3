"""``genai-fn live``: a text conversation over a live session."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import genai_fn
from genai_fn.cli.interpreters import open_async_interpreter
from genai_fn.cli.options import OfflineOption, SystemOption, VertexOption
from genai_fn.cli.terminal import print_message, strip_control_characters

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from genai_fn.errors import GenaiError
    from genai_fn.request import Live
    from genai_fn.results import Result
    from genai_fn.schema.live_server import LiveServerMessage

__all__ = ["live"]


def live(
    *,
    model: Annotated[
        str, typer.Option("-m", "--model", metavar="MODEL", help="Model to use, which must be one for live sessions.")
    ] = "gemini-live-2.5-flash-preview",
    system: SystemOption = None,
    loop: Annotated[
        Literal["trio", "asyncio"],
        typer.Option("--loop", help="Event loop to use."),
    ] = "trio",
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """
    Talk to a model over a live session, in text. Each line is a message.

    Ctrl-D ends the session, and so does Ctrl-C.
    """
    import anyio  # noqa: PLC0415  # slow to import, and only this command needs it

    connect = genai_fn.live.connect(model, {"response_modalities": ["TEXT"], "system_instruction": system})
    try:
        anyio.run(partial(_talk, connect, vertex=vertex, offline=offline), backend=loop)
    finally:
        if sys.stdin.isatty():
            sys.stdout.write("\n")  # Ctrl-C and Ctrl-D leave the cursor behind the prompt


async def _talk(connect: "Live[LiveServerMessage]", *, vertex: bool, offline: bool) -> None:
    """Send each line, and print the answer to it before the next one is read."""
    from genai_fn.cli.async_lines import LineReader  # noqa: PLC0415  # loads anyio

    async with open_async_interpreter(vertex=vertex, offline=offline) as run, run.live(connect) as session:
        if sys.stdin.isatty():
            print_message("note", "the session is open; Ctrl-D ends it")
        reader = LineReader(sys.stdin.fileno(), "> " if sys.stdin.isatty() else "")
        while (line := await reader.read_line()) is not None:
            if line.strip():
                genai_fn.raise_for(await session.send(genai_fn.live.client_content(line)))
                await _print_turn(session.turn())


async def _print_turn(messages: "AsyncIterable[Result[LiveServerMessage, GenaiError]]") -> None:
    is_terminal = sys.stdout.isatty()
    async for message in genai_fn.raise_for(messages):
        text = message.text or ""
        sys.stdout.write(strip_control_characters(text) if is_terminal else text)
        sys.stdout.flush()
    sys.stdout.write("\n")
    sys.stdout.flush()
