"""Embeddings: vectors derived from the words of a text, so that texts with common words are close."""

import math
from collections import Counter
from collections.abc import Iterator

from genai_fn import codec
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.words import is_content_word, split_words
from genai_fn.schema.content import Content, Part


def build_vector(content: Content, size: int) -> tuple[float, ...]:
    """
    Build a vector of length 1: the weighted sum of one pseudo-random vector for each word.

    Stop words have little weight. A shorter vector is a prefix of a longer one, normalized.

    >>> from genai_fn.schema import UserContent
    >>> texts = ("Why is the sky blue?", "A blue sky", "Cold snow")
    >>> [sky, blue, snow] = [build_vector(UserContent(each), 768) for each in texts]
    >>> math.dist(sky, blue) < 1 < math.dist(sky, snow)
    True
    """
    weights = {
        word: math.sqrt(count) * (1 if is_content_word(word) else _STOP_WORD_WEIGHT)
        for word, count in _count_words(content).items()
    }
    vector = [-_MEAN_BYTE * sum(weights.values())] * size
    for word, weight in weights.items():
        vector = [each + weight * step for each, step in zip(vector, compute_digest(word, size), strict=True)]
    length = math.hypot(*vector) or 1.0
    return tuple(round(each / length, 8) for each in vector)


_STOP_WORD_WEIGHT = 0.2
_MEAN_BYTE = 127.5
"""Mean of the bytes of a digest."""


def is_empty(content: Content) -> bool:
    """Whether the content has no words, so that no vector can be built."""
    return not _count_words(content)


def _count_words(content: Content) -> Counter[str]:
    return Counter(word for part in content.parts or () for word in _iterate_words(part))


def _iterate_words(part: Part) -> Iterator[str]:
    """Return the words of a part; a part without text counts as one word."""
    if part.text is not None:
        yield from split_words(part.text) or ([part.text] if part.text.strip() else [])
    elif part != Part():
        yield codec.encode(part).decode()
