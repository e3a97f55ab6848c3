"""Docstrings of this package in Markdown: doctests, literal blocks, failures, and names as links."""

import re

__all__ = ["to_markdown"]

_DOCTEST = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?P=indent)\S.*|(?:\n *)+\n(?=(?P=indent)>>> ).*)*", re.MULTILINE)
_LITERAL = re.compile(r"(?<=\S)(?P<after_text>::)$|^ *::$", re.MULTILINE)
_FENCE = re.compile(r"^( *```pycon\n.*?^ *```$)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"(?<![`\[\w])`(\w+)`(?![`\]])")
_FAILURES = re.compile(r"^Fails with:\n(?P<items>(?:    .*\n?|\n(?=    ))+)", re.MULTILINE)
_FAILURE = re.compile(r"^    (?P<name>\w+): (?P<when>.*(?:\n {8}.*)*)", re.MULTILINE)


def to_markdown(docstring: str, links: dict[str, str]) -> str:
    """
    Return a docstring in Markdown.

    Args:
        docstring: The docstring, without indentation.

        links: The full name of each name that becomes a link.
    """
    fenced = _DOCTEST.sub(lambda found: f"{found['indent']}```pycon\n{found[0]}\n{found['indent']}```", docstring)
    fenced = _LITERAL.sub(lambda found: ":" if found["after_text"] is not None else "", fenced)
    listed = _FAILURES.sub(_list_failures, fenced)
    return "".join(part if part.lstrip().startswith("```") else _link(part, links) for part in _FENCE.split(listed))


def _list_failures(section: re.Match[str]) -> str:
    items = (f"- `{each['name']}`: {' '.join(each['when'].split())}\n" for each in _FAILURE.finditer(section["items"]))
    return f"**Fails with:**\n\n{''.join(items)}"


def _link(text: str, links: dict[str, str]) -> str:
    return _NAME.sub(lambda found: f"[{found[0]}][{links[found[1]]}]" if found[1] in links else found[0], text)
