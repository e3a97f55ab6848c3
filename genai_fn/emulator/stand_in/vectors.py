"""Vectors that are made of the words of a text, so that texts which share words lie close together."""

import math
from collections import Counter
from collections.abc import Iterator

from genai_fn import codec
from genai_fn.emulator.stand_in.digests import digest
from genai_fn.emulator.stand_in.words import tells, words
from genai_fn.schema import Content, Part

__all__ = ["is_empty", "vector"]


def vector(content: Content, size: int) -> tuple[float, ...]:
    """
    Make a vector of length 1: the sum of those of its words, each of which points somewhere of its own.

    Words that tell little weigh little; a shorter vector is the beginning of a longer one, stretched.

    >>> from genai_fn.schema import UserContent
    >>> texts = ("Why is the sky blue?", "A blue sky", "Cold snow")
    >>> [sky, blue, snow] = [vector(UserContent(each), 768) for each in texts]
    >>> math.dist(sky, blue) < 1 < math.dist(sky, snow)
    True
    """
    shares = {word: math.sqrt(count) * (1 if tells(word) else _LITTLE) for word, count in _words(content).items()}
    total = [-_MIDDLE * sum(shares.values())] * size
    for word, share in shares.items():
        total = [each + share * step for each, step in zip(total, digest(word, size), strict=True)]
    length = math.hypot(*total) or 1.0
    return tuple(round(each / length, 8) for each in total)


_LITTLE = 0.2
_MIDDLE = 127.5
"""What the bytes of a digest lie around."""


def is_empty(content: Content) -> bool:
    """Tell whether there is nothing to make a vector of."""
    return not _words(content)


def _words(content: Content) -> Counter[str]:
    return Counter(word for part in content.parts or () for word in _words_of(part))


def _words_of(part: Part) -> Iterator[str]:
    """Take what is no text for one word."""
    if part.text is not None:
        yield from words(part.text) or ([part.text] if part.text.strip() else [])
    elif part != Part():
        yield codec.encode(part).decode()
