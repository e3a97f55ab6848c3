"""Formats values as lines, one field each, and shows the difference of two values."""

from difflib import ndiff
from typing import Any, cast

from msgspec.structs import fields

from genai_fn.request import Request
from genai_fn.schema.base import Message


def diff_values(first: Any, second: Any) -> list[str]:
    r"""
    Compare two values line by line: ``-`` marks lines of the first, ``+`` lines of the second.

    >>> from genai_fn import files
    >>> print("\n".join(diff_values(files.get("a"), files.get("b"))))
      Request(
        operation=GetFile(
    -     name='a',
    +     name='b',
        ),
      )
    """
    lines = ndiff(format_lines(first), format_lines(second))
    return [each.rstrip() for each in lines if not each.startswith("?")]


def format_lines(value: Any, name: str = "", depth: int = 0) -> list[str]:
    """Format a value with one line a field. Fields with their default value are omitted."""
    indent, comma = "  " * depth, "," if depth else ""
    members = _list_members(value)
    if not members:
        return [f"{indent}{name}{_format_leaf(value)}{comma}"]
    opened = "(" if isinstance(value, list | tuple) else f"{type(value).__name__}("
    inside = [line for field, each in members for line in format_lines(each, field, depth + 1)]
    return [f"{indent}{name}{opened}", *inside, f"{indent}){comma}"]


def _list_members(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list | tuple):
        return [("", each) for each in cast("tuple[Any, ...]", value)]
    is_plain = isinstance(value, Message) and type(value).__repr__ is Message.__repr__
    if not is_plain and not isinstance(value, Request):
        return []  # its own repr may mask secrets
    return [
        (f"{each.name}=", member)
        for each in fields(cast("Any", value))
        if (member := getattr(cast("Any", value), each.name)) != each.default
    ]


def _format_leaf(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MAX_LEAF_LENGTH else f"{shown[:_MAX_LEAF_LENGTH]}… ({len(shown)} characters)"


_MAX_LEAF_LENGTH = 2000
