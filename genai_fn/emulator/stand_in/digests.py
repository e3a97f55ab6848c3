"""Bytes that any words have of their own: all that is made up here depends on them, and is the same each time."""

import hashlib

__all__ = ["digest"]


def digest(words: str | bytes, size: int = 32) -> bytes:
    """
    Make so many bytes of words; fewer are the beginning of more.

    >>> digest("a cat", 2) == digest("a cat")[:2] != digest("a dog", 2)
    True
    """
    return hashlib.shake_128(words.encode("utf-8", "replace") if isinstance(words, str) else words).digest(size)
