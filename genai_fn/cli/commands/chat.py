"""``genai-fn chat``: a conversation with a model in the terminal."""

from pathlib import Path
from typing import Annotated

import typer

import genai_fn
from genai_fn.cli.chat_loop import ChatLoop, load_chat
from genai_fn.cli.inputs import read_parts
from genai_fn.cli.interpreters import open_interpreter
from genai_fn.cli.options import (
    DEFAULT_MODEL,
    FilesOption,
    MimeTypeOption,
    ModelOption,
    OfflineOption,
    SystemOption,
    TemperatureOption,
    VertexOption,
)

__all__ = ["chat"]


def chat(
    context: typer.Context,
    *,
    model: ModelOption = DEFAULT_MODEL,
    system: SystemOption = None,
    file: FilesOption = None,
    mime_type: MimeTypeOption = None,
    temperature: TemperatureOption = None,
    load: Annotated[
        Path | None,
        typer.Option("--load", exists=True, dir_okay=False, metavar="FILE", help="Continue a chat that /save wrote."),
    ] = None,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """
    Talk to a model. Each line is a message; /help lists what else there is.

    Ctrl-C ends an answer, and not the chat; Ctrl-D ends the chat. Files of --file go with the first message.
    """
    if load is None:
        start = genai_fn.chats.start(model, {"system_instruction": system, "temperature": temperature})
    else:
        _check_load(context)
        start = load_chat(load)
    parts = read_parts(file, mime_type)
    with open_interpreter(vertex=vertex, offline=offline) as run:
        ChatLoop(run, start, parts).run()


def _check_load(context: typer.Context) -> None:
    """Raise BadParameter if an option is given that a saved chat has a value for."""
    given = [name for name in _SAVED if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    if given:
        raise typer.BadParameter(
            f"a saved chat has its own: leave out {', '.join(f'--{name}' for name in given)}", param_hint="'--load'"
        )


_SAVED = ("model", "system", "temperature")
