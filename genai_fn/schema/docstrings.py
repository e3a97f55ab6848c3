"""Reads the descriptions of parameters from docstrings in the style of Google, NumPy or Sphinx."""

import re
import textwrap
from collections.abc import Iterator

__all__ = ["parse_parameter_descriptions"]


def parse_parameter_descriptions(doc: str) -> dict[str, str]:
    r"""
    Read the descriptions of parameters from a docstring, by name. The styles may be mixed.

    >>> doc = "Look up.\n\nArgs:\n    city: Where,\n        in English.\n    days (int): How long."
    >>> parse_parameter_descriptions(doc)
    {'city': 'Where, in English.', 'days': 'How long.'}
    """
    found: dict[str, str] = {}
    for item in _iter_parameter_items(doc):
        text = " ".join(item["text"].split())
        found |= {name.strip("* "): text for name in item["name"].split(",") if text}
    return found


def _iter_parameter_items(doc: str) -> Iterator[re.Match[str]]:
    yield from _SPHINX_PARAM.finditer(doc)
    for section, item in ((_GOOGLE_SECTION, _GOOGLE_PARAM), (_NUMPY_SECTION, _NUMPY_PARAM)):
        for found in section.finditer(doc):
            yield from item.finditer(textwrap.dedent(found["block"]))


_SPHINX_PARAM = re.compile(r"^:param\s+(?:[^:\n]*\s)?(?P<name>\w+):(?P<text>.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_GOOGLE_SECTION = re.compile(
    r"^(?:Args|Arguments|Parameters):[ \t]*\n(?P<block>(?:[ \t]+\S.*\n?|[ \t]*\n)+)", re.MULTILINE
)
_GOOGLE_PARAM = re.compile(
    r"^(?P<name>\*{0,2}\w+)[ \t]*(?:\(.*?\))?:(?P<text>.*(?:\n[ \t]+\S.*|\n[ \t]*(?=\n))*)", re.MULTILINE
)
_NUMPY_SECTION = re.compile(
    r"^Parameters\n-{3,}[ \t]*\n(?P<block>(?:(?!\S.*\n-{3,}).*\n?)+?)(?=\S.*\n-{3,}|\Z)", re.MULTILINE
)
_NUMPY_PARAM = re.compile(
    r"^(?P<name>\*{0,2}\w+(?:, ?\w+)*)[ \t]*(?::.*)?\n(?P<text>(?:[ \t]+\S.*\n?|[ \t]*\n)+)", re.MULTILINE
)
