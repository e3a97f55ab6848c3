"""Tokens of a kind: words and signs, which are cheap to tell and add up to the text they came from."""

import re
from collections.abc import Iterable, Sequence

from genai_fn import codec
from genai_fn.schema import Content, Part, Tool

__all__ = ["chunks", "pieces", "prompted", "weight"]


def pieces(text: str) -> tuple[str, ...]:
    """
    Cut a text into tokens: a word or a sign each, with the space before it.

    >>> pieces("Why is it blue?")
    ('Why', ' is', ' it', ' blue', '?')
    """
    return tuple(_PIECE.findall(text))


_PIECE = re.compile(r"\s*(?:\w+|[^\w\s])|\s+\Z")


def chunks(tokens: Sequence[str]) -> tuple[str, ...]:
    """
    Join tokens to a few words each, which are said at a time.

    >>> chunks(pieces("Why is it blue, and not green?"))
    ('Why is it blue, and', ' not green?')
    """
    return tuple("".join(tokens[start : start + _CHUNK]) for start in range(0, len(tokens), _CHUNK))


_CHUNK = 6


def prompted(system: Content | None, contents: Iterable[Content], tools: Iterable[Tool] | None) -> int:
    """Count the tokens of all that a model is given."""
    turns = contents if system is None else (system, *contents)
    return sum(map(weight, turns)) + sum(len(pieces(codec.encode(each).decode())) for each in tools or ())


def weight(content: Content) -> int:
    """Count the tokens of a turn."""
    return sum(map(_weight, content.parts or ()))


def _weight(part: Part) -> int:
    if part.inline_data is not None or part.file_data is not None:
        return _MEDIUM
    return len(pieces(part.text or ""))


_MEDIUM = 258
"""What the API counts for an image: https://ai.google.dev/gemini-api/docs/tokens"""
