"""Formats values as lines, one field each, and shows the difference of two values."""

import itertools
from collections.abc import Iterator
from difflib import SequenceMatcher, ndiff
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
    return diff_lines(format_lines(first), format_lines(second))


def diff_lines(first: list[str], second: list[str]) -> list[str]:
    """
    Compare two lists of lines, as `difflib.ndiff` does, without its marks inside of lines.

    >>> diff_lines(["a", "b"], ["a", "c"])
    ['  a', '- b', '+ c']
    """
    pairs = enumerate(zip(first, second, strict=False))
    differing = next((index for index, (old, new) in pairs if old != new), None)
    start = min(len(first), len(second)) if differing is None else differing
    marked = itertools.chain((f"  {each}" for each in first[:start]), _compare_lines(first[start:], second[start:]))
    return [each.rstrip() for each in marked if not each.startswith("?")]


def _compare_lines(first: list[str], second: list[str]) -> Iterator[str]:
    """Compare lines up to a limit. Similar lines are paired in short blocks only, as that takes cubic time."""
    compared = first[:_MAX_LINES], second[:_MAX_LINES]
    for kind, start, end, other_start, other_end in SequenceMatcher(None, *compared).get_opcodes():
        removed, added = compared[0][start:end], compared[1][other_start:other_end]
        if kind == "equal":
            yield from (f"  {each}" for each in removed)
        elif max(len(removed), len(added)) <= _MAX_PAIRED_LINES:
            yield from ndiff(removed, added)
        else:
            yield from (f"- {each}" for each in removed)
            yield from (f"+ {each}" for each in added)
    for mark, lines in (("-", first), ("+", second)):
        if len(lines) > _MAX_LINES:
            yield f"{mark} … ({len(lines) - _MAX_LINES} more lines)"


_MAX_LINES = 2000
_MAX_PAIRED_LINES = 30


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
