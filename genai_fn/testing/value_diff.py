"""Values written line by line, and how two of them differ."""

from difflib import ndiff
from typing import Any, cast

from msgspec.structs import fields

from genai_fn.request import Request
from genai_fn.schema.base import Message

__all__ = ["diff_values", "format_lines"]


def diff_values(one: Any, other: Any) -> list[str]:
    r"""
    Mark the lines of one value with ``-``, of the other with ``+``, and those of both with nothing.

    >>> from genai_fn import files
    >>> print("\n".join(diff_values(files.get("a"), files.get("b"))))
      Request(
        operation=GetFile(
    -     name='a',
    +     name='b',
        ),
      )
    """
    marked = ndiff(format_lines(one), format_lines(other))
    return [each.rstrip() for each in marked if not each.startswith("?")]


def format_lines(value: Any, name: str = "", depth: int = 0) -> list[str]:
    """Write a value line by line, fields that are as ever left out."""
    indent, comma = "  " * depth, "," if depth else ""
    inside = _list_members(value)
    if not inside:
        return [f"{indent}{name}{_format_leaf(value)}{comma}"]
    opened = "(" if isinstance(value, list | tuple) else f"{type(value).__name__}("
    within = [line for field, each in inside for line in format_lines(each, field, depth + 1)]
    return [f"{indent}{name}{opened}", *within, f"{indent}){comma}"]


def _list_members(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list | tuple):
        return [("", each) for each in cast("tuple[Any, ...]", value)]
    is_plain = isinstance(value, Message) and type(value).__repr__ is Message.__repr__
    if not is_plain and not isinstance(value, Request):
        return []  # as it shows itself: it may have something to hide
    return [
        (f"{each.name}=", held)
        for each in fields(cast("Any", value))
        if (held := getattr(cast("Any", value), each.name)) != each.default
    ]


def _format_leaf(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MAX_LEAF_LENGTH else f"{shown[:_MAX_LEAF_LENGTH]}… ({len(shown)} characters)"


_MAX_LEAF_LENGTH = 2000
