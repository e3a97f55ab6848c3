"""Prints lists of resources as a table on a terminal, tab-separated values in a pipe, or JSON; and values as JSON."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import genai_fn
from genai_fn.cli.terminal import strip_control_characters

if TYPE_CHECKING:
    from genai_fn.request import Request

__all__ = ["format_value", "print_list", "print_value"]


def print_list(run: Any, request: "Request[Any]", columns: Mapping[str, str], *, as_json: bool) -> None:
    """
    Print all resources that a list request returns, over all of its pages.

    Args:
        run: The interpreter.

        request: The request, such as ``models.list()``.

        columns: Titles of the columns, and the field that each shows.

        as_json: Whether to print an array of JSON instead of a table.

    Raises:
        GenaiError: If a page cannot be read.
    """
    with run.stream(request | genai_fn.items) as results:
        if as_json:
            print_value([*genai_fn.raise_for(results)])
        elif sys.stdout.isatty():
            _print_table([*genai_fn.raise_for(results)], columns)
        else:
            for each in genai_fn.raise_for(results):
                sys.stdout.write("\t".join(_format(each, field) for field in columns.values()) + "\n")


def _print_table(values: list[Any], columns: Mapping[str, str]) -> None:
    from rich.console import Console  # noqa: PLC0415  # slow to import, and only a terminal needs it
    from rich.table import Table  # noqa: PLC0415  # likewise
    from rich.text import Text  # noqa: PLC0415  # likewise

    console = Console(highlight=False)
    rows = [[_format(each, field) for field in columns.values()] for each in values]
    fits = max((len(row[0]) for row in rows), default=0) <= console.width // 2
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, title in enumerate(columns):
        table.add_column(title, overflow="fold", no_wrap=fits and number == 0)  # to copy a name in one piece
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table if rows else Text("none", style="dim"))


def _format(value: Any, field: str) -> str:
    """Format a field as one line of text; an absent one is empty."""
    found = getattr(value, field)
    if found is None:
        return ""
    isoformat = getattr(found, "isoformat", None)
    text = str(found) if isoformat is None else isoformat(sep=" ", timespec="seconds")
    return " ".join(strip_control_characters(text).split())


def print_value(value: Any) -> None:
    """Print a value as JSON with the field names of the API: on a terminal, in colors, without control characters."""
    text = format_value(value)
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415  # slow to import, and only a terminal needs it

        Console().print_json(strip_control_characters(text))  # JSON escapes only some
    else:
        sys.stdout.write(f"{text}\n")


def format_value(value: Any) -> str:
    """Return a value as indented JSON with the field names of the API."""
    from genai_fn import codec  # noqa: PLC0415  # only some commands print JSON

    return codec.format_json(codec.encode(value, enc_hook=str), indent=2).decode()
