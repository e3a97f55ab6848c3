"""The options that several commands have: their names, their help texts and their variables."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "DEFAULT_MODEL",
    "FilesOption",
    "JsonOption",
    "MimeTypeOption",
    "ModelOption",
    "NameArgument",
    "NamesArgument",
    "OfflineOption",
    "PathsArgument",
    "PromptArgument",
    "SchemaOption",
    "SystemOption",
    "TemperatureOption",
    "TitleOption",
    "VertexOption",
]

DEFAULT_MODEL = "gemini-2.5-flash"

PromptArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        help="Prompt to send. Text that is piped in comes before it, or alone if there is none; - is that text alone.",
        show_default=False,
    ),
]
ModelOption: TypeAlias = Annotated[
    str, typer.Option("-m", "--model", envvar="GENAI_FN_MODEL", metavar="MODEL", help="Model to use.")
]
SystemOption: TypeAlias = Annotated[
    str | None, typer.Option("-s", "--system", metavar="TEXT", help="System instruction for the model.")
]
FilesOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "-f",
        "--file",
        exists=True,
        dir_okay=False,
        metavar="FILE",
        help="File to attach: media, PDF, or any UTF-8 text; may be repeated.",
        show_default=False,
    ),
]
MimeTypeOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--mime-type", metavar="TYPE", help="Media type of all files, such as image/png, instead of a guess."),
]
TemperatureOption: TypeAlias = Annotated[
    float | None, typer.Option("-t", "--temperature", metavar="NUMBER", help="Sampling temperature, from 0 to 2.")
]
SchemaOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--schema", metavar="FILE|JSON", help="JSON Schema of the answer: a file, or the schema itself. Prints JSON."
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, as the API has it.")]
VertexOption: TypeAlias = Annotated[
    bool, typer.Option("--vertex", help="Use Vertex AI; project and location come from the environment.")
]
OfflineOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--offline", help="Use the built-in emulator: no network, no key. It forgets all when the command ends."
    ),
]
TitleOption: TypeAlias = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Title in the list.")]
PathsArgument: TypeAlias = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, metavar="FILE...", help="Files to upload.")
]
NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Resource name, or its ID.")]
NamesArgument: TypeAlias = Annotated[list[str], typer.Argument(metavar="NAME...", help="Resource names, or their IDs.")]
