"""
Reads the arguments of a harness from bytes.

An input starts with a line of words, each of which selects an entry of a table, so that seeds can be read and written
by hand. The fuzzer changes that line, too: an unknown word selects an entry all the same.
"""

import json
import math
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

__all__ = [
    "MAX_INPUT_BYTES",
    "choose",
    "read_headers",
    "read_json",
    "read_value",
    "split_head",
    "split_pieces",
    "to_text",
]

T = TypeVar("T")

MAX_INPUT_BYTES = 4096


def split_head(data: bytes) -> tuple[list[str], bytes]:
    """Split an input into the words of its first line, and the rest."""
    head, _, rest = data.partition(b"\n")
    return head.decode("latin-1").split(), rest


def choose(words: list[str], index: int, table: Mapping[str, T]) -> T:
    """Return the entry that a word names; an unknown word selects one by its checksum, a missing one the first."""
    word = words[index] if index < len(words) else next(iter(table))
    if word in table:
        return table[word]
    return list(table.values())[zlib.crc32(word.encode()) % len(table)]


def split_pieces(data: bytes) -> list[bytes]:
    """Split data at lines of ``---``."""
    return data.split(b"\n---\n")


def read_headers(data: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Read header lines up to an empty line, as HTTP/1.1 delivers them: lower-case names, Latin-1 values."""
    head, _, body = (b"\n" + data).partition(b"\n\n")
    pairs = (line.decode("latin-1").partition(":") for line in head.split(b"\n"))
    return tuple((name.strip().lower(), value.strip()) for name, mark, value in pairs if mark), body


def to_text(data: bytes) -> str:
    """Decode text that may contain lone surrogates, as arguments of callers may."""
    return data.decode("utf-8", "surrogateescape")


def read_value(data: bytes) -> Any:
    """Read a value of a caller: JSON, in which ``{"$": "nan"}`` and the like stand for what JSON cannot express."""
    try:
        return json.loads(to_text(data), object_hook=_replace_special)
    except (ValueError, RecursionError):
        return to_text(data)


def read_json(data: bytes) -> Any:
    """Read JSON as a server sends it; None if it is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


class _Text(str):
    """A text of a class of its own, such as NumPy's."""

    __slots__ = ()


class _Broken:
    """An object whose every method fails, except for the class."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]  # it has none


class _Mood(Enum):
    CALM = 1
    WILD = "wild"


def _make_loop() -> Any:
    loop: dict[str, Any] = {}
    loop["text"] = loop["parts"] = loop["properties"] = [loop]
    return loop


_SPECIAL: dict[str, Any] = {
    "nan": math.nan,
    "inf": math.inf,
    "huge": 10**400,
    "int": 2**70,
    "bytes": b"\x00\xff",
    "bytearray": bytearray(b"\x00"),
    "tuple": ("a", 1),
    "set": {"a"},
    "date": datetime(2026, 1, 1, tzinfo=UTC),
    "naive": datetime(2026, 1, 1),  # noqa: DTZ001  # callers forget the zone
    "object": object(),
    "type": int,
    "call": len,
    "text": _Text("a"),
    "enum": _Mood.WILD,
    "number": _Mood.CALM,
}


def _replace_special(tree: dict[str, Any]) -> Any:
    name = tree.get("$")
    if not isinstance(name, str):
        return tree
    match name:
        case "broken":
            return _Broken()
        case "loop":
            return _make_loop()
        case "iterator":
            return iter(["a"])
        case "keys":
            return {1: "a", None: "b"}
        case _:
            return _SPECIAL.get(name, tree)
