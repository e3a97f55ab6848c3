"""Dead letters: the rows that have no vector, as JSON lines with their reason."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from genai_fn.codec import decode, encode
from genai_fn.errors import GenaiError
from genai_fn.jobs.rows import cut_text
from genai_fn.values import Value

__all__ = ["DEAD_LETTERS_NAME", "DeadLetter", "describe_error", "encode_dead_letters", "iter_dead_letters"]

DEAD_LETTERS_NAME = "_dead_letters.jsonl"


class DeadLetter(Value, kw_only=True):
    """
    A row without a vector.

    `row` counts the rows of the whole source, `file_row` those of its file, both from 0. `text` is the beginning of the
    text, or empty if there is none; `text_hash` is hexadecimal. `error` has the ``type`` of the error, its ``message``,
    and its fields.
    """

    row: int
    file: str
    file_row: int
    id: Any = None
    text_hash: str
    text: str
    error: Mapping[str, Any]


def describe_error(error: GenaiError) -> dict[str, Any]:
    """Describe an error as JSON: its type, its message, and those of its fields that its ``repr`` shows."""
    shown = {each.name: getattr(error, each.name) for each in fields(error) if each.repr}
    return {"type": type(error).__name__, "message": str(error), **{name: _simplify(v) for name, v in shown.items()}}


def _simplify(value: Any) -> Any:
    """Return a value that JSON has, or else its beginning as a text."""
    if isinstance(value, GenaiError):
        return describe_error(value)
    try:
        encode(value)
    except (TypeError, ValueError):
        return cut_text(repr(value))
    return value


def encode_dead_letters(letters: list[DeadLetter]) -> bytes:
    """Encode dead letters, a line for each."""
    return b"".join(encode(each) + b"\n" for each in letters)


def iter_dead_letters(path: Path, size: int) -> Iterator[DeadLetter]:
    """Read the dead letters in the first bytes of a file."""
    with path.open("rb") as file:
        while file.tell() < size and (line := file.readline()):
            yield decode(line, DeadLetter)
