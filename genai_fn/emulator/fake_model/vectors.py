"""Vectors that are made of the words of a text, so that texts which share words lie close together."""

import math
from collections import Counter
from collections.abc import Iterator

from genai_fn import codec
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.words import is_content_word, split_words
from genai_fn.schema import Content, Part

__all__ = ["build_vector", "is_empty"]


def build_vector(content: Content, size: int) -> tuple[float, ...]:
    """
    Make a vector of length 1: the sum of those of its words, each of which points somewhere of its own.

    Words that tell little weigh little; a shorter vector is the beginning of a longer one, stretched.

    >>> from genai_fn.schema import UserContent
    >>> texts = ("Why is the sky blue?", "A blue sky", "Cold snow")
    >>> [sky, blue, snow] = [build_vector(UserContent(each), 768) for each in texts]
    >>> math.dist(sky, blue) < 1 < math.dist(sky, snow)
    True
    """
    shares = {
        word: math.sqrt(count) * (1 if is_content_word(word) else _STOP_WORD_WEIGHT)
        for word, count in _count_words(content).items()
    }
    total = [-_MEAN_BYTE * sum(shares.values())] * size
    for word, share in shares.items():
        total = [each + share * step for each, step in zip(total, compute_digest(word, size), strict=True)]
    length = math.hypot(*total) or 1.0
    return tuple(round(each / length, 8) for each in total)


_STOP_WORD_WEIGHT = 0.2
_MEAN_BYTE = 127.5
"""What the bytes of a digest lie around."""


def is_empty(content: Content) -> bool:
    """Tell whether there is nothing to make a vector of."""
    return not _count_words(content)


def _count_words(content: Content) -> Counter[str]:
    return Counter(word for part in content.parts or () for word in _iterate_words(part))


def _iterate_words(part: Part) -> Iterator[str]:
    """Take what is no text for one word."""
    if part.text is not None:
        yield from split_words(part.text) or ([part.text] if part.text.strip() else [])
    elif part != Part():
        yield codec.encode(part).decode()
