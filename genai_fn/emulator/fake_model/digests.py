"""Bytes that any words have of their own: all that is made up here depends on them, and is the same each time."""

import hashlib

__all__ = ["compute_digest"]


def compute_digest(words: str | bytes, size: int = 32) -> bytes:
    """
    Make so many bytes of words; fewer are the beginning of more.

    >>> compute_digest("a cat", 2) == compute_digest("a cat")[:2] != compute_digest("a dog", 2)
    True
    """
    return hashlib.shake_128(words.encode("utf-8", "replace") if isinstance(words, str) else words).digest(size)
