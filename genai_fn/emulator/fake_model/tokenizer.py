"""Tokens: words and punctuation marks, which concatenate to the original text."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from genai_fn import codec
from genai_fn.schema.content import Content, Part
from genai_fn.schema.responses import MediaModality, ModalityTokenCount
from genai_fn.schema.tools import Tool


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


def sum_token_counts(counts: Iterable[ModalityTokenCount]) -> int:
    """Return the number of tokens of all modalities."""
    return sum(each.token_count or 0 for each in counts)


def count_prompt_modalities(
    system: Content | None, contents: Iterable[Content], tools: Iterable[Tool] | None
) -> tuple[ModalityTokenCount, ...]:
    """
    Count the tokens of a prompt by modality; tools count as text.

    >>> from genai_fn.schema import UserContent
    >>> image = Part.from_bytes(data=b"x", mime_type="image/png")
    >>> count_prompt_modalities(None, [UserContent(["Why?", image])], None)[1]
    ModalityTokenCount(modality=<MediaModality.IMAGE: 'IMAGE'>, token_count=258)
    """
    turns = contents if system is None else (system, *contents)
    counts = _count_modalities(part for turn in turns for part in turn.parts or ())
    counts[MediaModality.TEXT] += sum(len(split_tokens(codec.encode(each).decode())) for each in tools or ())
    return _list_modalities(counts)


def count_part_modalities(parts: Iterable[Part]) -> tuple[ModalityTokenCount, ...]:
    """Count the tokens of parts by modality."""
    return _list_modalities(_count_modalities(parts))


def _count_modalities(parts: Iterable[Part]) -> Counter[MediaModality]:
    counts: Counter[MediaModality] = Counter()
    for part in parts:
        counts[_get_modality(part)] += _count_part_tokens(part)
    return counts


def _list_modalities(counts: Counter[MediaModality]) -> tuple[ModalityTokenCount, ...]:
    """List the modalities that have tokens, text first."""
    return tuple(
        ModalityTokenCount(modality=each, token_count=counts[each]) for each in MediaModality if counts[each] > 0
    )


def _get_modality(part: Part) -> MediaModality:
    medium = part.inline_data or part.file_data
    kind = "text" if medium is None else (medium.mime_type or "application").partition("/")[0]
    return _MODALITIES.get(kind, MediaModality.DOCUMENT)


_MODALITIES = {each.value.lower(): each for each in MediaModality if each != MediaModality.MODALITY_UNSPECIFIED}
"""Modalities by the first half of a MIME type; anything else, such as a PDF, is a document."""


def count_tokens(content: Content) -> int:
    """Count the tokens of a turn."""
    return sum(map(_count_part_tokens, content.parts or ()))


def _count_part_tokens(part: Part) -> int:
    if part.inline_data is not None or part.file_data is not None:
        return _TOKENS_PER_MEDIA_PART
    return len(split_tokens(part.text or ""))


_TOKENS_PER_MEDIA_PART = 258
"""Token count of an image in the API: https://ai.google.dev/gemini-api/docs/tokens"""
