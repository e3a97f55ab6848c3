"""An extension of griffe for the docstrings of this package: doctests and literal blocks become blocks of code."""

import re
from typing import Any

from griffe import Extension, Object

__all__ = ["DocstringBlocks"]

_DOCTEST = re.compile(
    r"^(?P<indent> *)>>> .*(?:\n(?P=indent)\S.*|\n(?= *\n)(?:\n *)+(?=(?P=indent)>>> ).*)*", re.MULTILINE
)
_LITERAL = re.compile(r"(?:(?<=\w)::|^(?P<indent> *)::)$", re.MULTILINE)
_NAME = re.compile(r"(?<![`\[\w])`([A-Za-z_][\w.]*)`(?![`\]])")
_HEADING = re.compile(r"^Fails with:$", re.MULTILINE)


class DocstringBlocks(Extension):
    """Prepares every docstring for Markdown: doctests as fenced code, and names in backquotes as links."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(docstring: str) -> str:
    """Return a docstring with its doctests fenced and its literal blocks introduced by a colon."""
    fenced = _DOCTEST.sub(_fence, docstring)
    return _LITERAL.sub(lambda found: "" if found["indent"] is not None else ":", fenced)


def _fence(found: re.Match[str]) -> str:
    indent = found["indent"]
    return f"{indent}```pycon\n{found[0].rstrip()}\n{indent}```"
