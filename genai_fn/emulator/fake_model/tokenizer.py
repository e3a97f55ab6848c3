"""Tokens: words and punctuation marks, which concatenate to the original text."""

import re
from collections.abc import Iterable, Sequence

from genai_fn import codec
from genai_fn.schema import Content, Part, Tool


def split_tokens(text: str) -> tuple[str, ...]:
    """
    Split a text into tokens: a word or a punctuation mark each, with the whitespace in front of it.

    >>> split_tokens("Why is it blue?")
    ('Why', ' is', ' it', ' blue', '?')
    """
    return tuple(_TOKEN_PATTERN.findall(text))


_TOKEN_PATTERN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+\Z")


def join_chunks(tokens: Sequence[str]) -> tuple[str, ...]:
    """
    Join tokens to the chunks of a stream, a few words each.

    >>> join_chunks(split_tokens("Why is it blue, and not green?"))
    ('Why is it blue, and', ' not green?')
    """
    return tuple(
        "".join(tokens[start : start + _TOKENS_PER_CHUNK]) for start in range(0, len(tokens), _TOKENS_PER_CHUNK)
    )


_TOKENS_PER_CHUNK = 6


def count_prompt_tokens(system: Content | None, contents: Iterable[Content], tools: Iterable[Tool] | None) -> int:
    """Count the tokens of a prompt: its system instruction, contents and tools."""
    turns = contents if system is None else (system, *contents)
    return sum(map(count_tokens, turns)) + sum(len(split_tokens(codec.encode(each).decode())) for each in tools or ())


def count_tokens(content: Content) -> int:
    """Count the tokens of a turn."""
    return sum(map(_count_part_tokens, content.parts or ()))


def _count_part_tokens(part: Part) -> int:
    if part.inline_data is not None or part.file_data is not None:
        return _TOKENS_PER_MEDIA_PART
    return len(split_tokens(part.text or ""))


_TOKENS_PER_MEDIA_PART = 258
"""Token count of an image in the API: https://ai.google.dev/gemini-api/docs/tokens"""
