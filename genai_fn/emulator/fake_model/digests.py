"""Digests: bytes derived from a text, the source of all generated output."""

import hashlib


def compute_digest(text: str | bytes, size: int = 32) -> bytes:
    """
    Return a digest of any size in bytes. A shorter digest is a prefix of a longer one.

    >>> compute_digest("a cat", 2) == compute_digest("a cat")[:2] != compute_digest("a dog", 2)
    True
    """
    return hashlib.shake_128(text.encode("utf-8", "replace") if isinstance(text, str) else text).digest(size)
