"""Batches of rows as sources read them, and the texts in them that cannot be embedded."""

import hashlib
from collections.abc import Sequence
from typing import Any

from genai_fn.jobs.errors import UnusableText
from genai_fn.values import Value

__all__ = ["DIGEST_SIZE", "RowBatch", "check_text", "cut_text", "hash_text"]

DIGEST_SIZE = 16
"""Bytes of the hash of a text: two of a billion texts have the same one with a probability of 1 in 10**20."""


class RowBatch(Value):
    """
    Consecutive rows of one file.

    `texts` contains an `UnusableText` for a row that has no text to embed. `kept` is a record batch with the columns
    that are kept, one row for each text; None if there are none.
    """

    file: str
    """Name of the file below the folder of the source; an empty text if the source is no file."""
    first_row: int
    texts: Sequence[str | UnusableText]
    kept: Any = None

    def slice(self, start: int, stop: int) -> "RowBatch":
        """Return the rows from one index up to another, or to the end."""
        kept = None if self.kept is None else self.kept.slice(start, stop - start)
        return RowBatch(self.file, self.first_row + start, self.texts[start:stop], kept)


def hash_text(text: str) -> bytes:
    """
    Return the hash by which a job recognizes a text: 16 bytes of BLAKE2b of its UTF-8.

    The column ``text_hash`` of the shards contains it.

    Args:
        text: The text.

    Raises:
        UnicodeEncodeError: If the text contains a surrogate, which UTF-8 does not have.

    >>> hash_text("a text").hex()
    '706860d9e8c7ee1c65261bc1e5b75631'
    """
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_SIZE).digest()


def check_text(value: object, max_bytes: int) -> str | UnusableText:
    """Return the text of a row, which is bytes in UTF-8 or a string, or why it has none."""
    if value is None:
        return UnusableText("the text is null")
    if not isinstance(value, str | bytes):
        return UnusableText(f"the text is of type {type(value).__name__}")
    try:
        size = len(value) if isinstance(value, bytes) or value.isascii() else len(value.encode())
        if size > max_bytes:
            return UnusableText(f"the text has {size} bytes, more than max_text_bytes={max_bytes}")
        text = value.decode() if isinstance(value, bytes) else value
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        place = f"{'byte' if isinstance(value, bytes) else 'character'} {error.start}"
        return UnusableText(f"the text is not UTF-8: {error.reason} at {place}")
    return text if text and not text.isspace() else UnusableText("the text is empty")


def cut_text(text: str) -> str:
    """Return the beginning of a text, for a dead letter."""
    return text[:_SHOWN]


_SHOWN = 200
"""Characters."""
