"""Reads what a command sends: the prompt, standard input, files and schemas."""

import os
import stat
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from genai_fn.schema.content import Part

__all__ = ["check_output_folder", "guess_file_type", "read_part", "read_parts", "read_prompt", "read_schema"]


def read_prompt(prompt: str | None, *, has_files: bool = False) -> tuple[str, ...]:
    """
    Return the texts to send: what is piped in, then the prompt; ``-`` is standard input alone, even of a terminal.

    Raises:
        typer.BadParameter: If there is no text and no file, or standard input is not UTF-8.
    """
    piped = _read_standard_input() if prompt == "-" or _is_piped() else ""
    found = tuple(each for each in (piped, "" if prompt == "-" else prompt or "") if each.strip())
    if not found and not (has_files and prompt is None):
        raise typer.BadParameter("the prompt is empty: give one, or pipe a text in")
    return found


def _read_standard_input() -> str:
    try:
        return typer.get_binary_stream("stdin").read().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8 text") from None


def _is_piped() -> bool:
    """Whether standard input is a pipe or a file: not a terminal, not closed, and not the null device."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # closed, or replaced by an object without a descriptor
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def check_output_folder(path: Path) -> None:
    """
    Check that a file can be in its folder before anything is sent, so that no answer is lost.

    Raises:
        typer.BadParameter: If there is no such folder.
    """
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path}: there is no folder {path.parent}")


def read_parts(files: Iterable[Path] | None, mime_type: str | None) -> "list[Part]":
    """
    Read files as parts; see `read_part`.

    Raises:
        typer.BadParameter: If a file cannot be read, or there is a type and no file.
    """
    if mime_type is not None and not files:
        raise typer.BadParameter("it is the type of the files of --file, and there is none", param_hint="'--mime-type'")
    return [read_part(each, mime_type) for each in files or ()]


def read_part(file: Path, mime_type: str | None = None) -> "Part":
    """
    Read a file as a part, with the given type or that of `guess_file_type`.

    Raises:
        typer.BadParameter: If the type cannot be guessed, or the file cannot be read.
    """
    from genai_fn.schema.content import Part  # noqa: PLC0415  # only commands with files need it

    guessed = mime_type or guess_file_type(file)
    return Part.from_bytes(data=_read_bytes(file), mime_type=guessed)


def guess_file_type(file: Path) -> str:
    """
    Guess the media type of a file: that of our table, plain text if it is UTF-8, or that of ``mimetypes``.

    Text precedes ``mimetypes``, for which many sources are ``application/…``.

    Raises:
        typer.BadParameter: If the type cannot be guessed, or the file cannot be read.
    """
    from genai_fn.schema.mime_types import guess_mime_type  # noqa: PLC0415  # only commands with files need it

    by_name = guess_mime_type(file.name)
    if by_name is not None:
        return by_name
    if _is_text(_read_bytes(file, _SAMPLE_BYTES)):
        return "text/plain"
    from mimetypes import MimeTypes  # noqa: PLC0415  # rarely needed

    by_table = MimeTypes().guess_type(file.name)[0]  # its own table, not that of the system
    if by_table is None:
        raise typer.BadParameter(f"{file}: neither its name nor its data show a media type; set --mime-type")
    return by_table


_SAMPLE_BYTES = 1 << 20


def _is_text(sample: bytes) -> bool:
    try:
        return "\0" not in getincrementaldecoder("utf-8")().decode(sample)  # it may end within a character
    except UnicodeDecodeError:
        return False


def _read_bytes(file: Path, size: int = -1) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(size)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


def read_schema(schema: str) -> Mapping[str, Any]:
    """
    Read a JSON Schema: JSON itself if it starts with ``{``, or else a file.

    Raises:
        typer.BadParameter: If the file cannot be read, or there is no JSON object.
    """
    from genai_fn import codec  # noqa: PLC0415  # only schemas need it

    try:
        text = schema.encode() if schema.lstrip().startswith("{") else Path(schema).read_bytes()
        value: Mapping[str, Any] = codec.decode(text, dict[str, Any])
    except OSError as error:
        raise typer.BadParameter(f"{schema}: {error.strerror}", param_hint="'--schema'") from None
    except ValueError as error:  # msgspec's own are ValueErrors
        raise typer.BadParameter(f"not a JSON Schema: {error}", param_hint="'--schema'") from None
    return value
