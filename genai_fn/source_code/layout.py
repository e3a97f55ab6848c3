"""Breaks code into lines."""

from typing import NamedTuple, TypeAlias, overload

__all__ = ["Brackets", "Fragment", "append_text", "format_import", "format_lines", "format_one_line", "quote_text"]

LINE_WIDTH = 100


class Brackets(NamedTuple):
    """A call, list, tuple or mapping: on one line if it fits, else with one line for each item."""

    before: str
    items: "list[tuple[str, Fragment]]"
    """Each with its prefix, such as ``name=``."""

    after: str


Fragment: TypeAlias = str | Brackets


def format_one_line(fragment: Fragment) -> str:
    """Write a fragment on one line, of any width."""
    if isinstance(fragment, str):
        return fragment
    comma = "," if fragment.before == "(" and len(fragment.items) == 1 else ""
    items = ", ".join(prefix + format_one_line(item) for prefix, item in fragment.items)
    return f"{fragment.before}{items}{comma}{fragment.after}"


def format_lines(fragment: Fragment, before: str, after: str, indent: str = "") -> list[str]:
    """Write a fragment between two texts, on one line if it fits, else with one line for each item."""
    one_line = f"{indent}{before}{format_one_line(fragment)}{after}"
    if isinstance(fragment, str) or not fragment.items or len(one_line) <= LINE_WIDTH:
        return [one_line]
    lines = [line for prefix, item in fragment.items for line in format_lines(item, prefix, ",", indent + "    ")]
    return [f"{indent}{before}{fragment.before}", *lines, f"{indent}{fragment.after}{after}"]


def format_import(module: str, names: list[str]) -> list[str]:
    """Write the import of names from a module, on one line if it fits."""
    one_line = f"from {module} import {', '.join(names)}"
    if len(one_line) <= LINE_WIDTH:
        return [one_line]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def quote_text(text: str) -> str:
    """Write a text in double quotes, unless it contains some."""
    return repr(text) if '"' in text else repr(f"{text}'")[:-2] + '"'  # the quote at the end makes repr use double ones


@overload
def append_text(fragment: Brackets, text: str) -> Brackets: ...
@overload
def append_text(fragment: Fragment, text: str) -> Fragment: ...
def append_text(fragment: Fragment, text: str) -> Fragment:
    """Append a text after the closing bracket of a fragment."""
    return f"{fragment}{text}" if isinstance(fragment, str) else fragment._replace(after=fragment.after + text)
