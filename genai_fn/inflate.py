"""Inflates bodies as they are read, bounded."""

import sys
import zlib
from typing import Any

from genai_fn.errors import DecodeError
from genai_fn.http import Headers

__all__ = ["Inflater"]


class Inflater:
    """
    Fed pieces of a body, answers them inflated, or what is wrong with them; a body that is not encoded passes through.
    """

    __slots__ = ("_begun", "_come", "_most", "_stream")

    def __init__(self, headers: Headers, most: float) -> None:
        encoding = next((value.strip().lower() for name, value in headers if name == "content-encoding"), "")
        self._stream = zlib.decompressobj(_ANY_HEADER) if encoding in ("gzip", "x-gzip", "deflate") else None
        self._most = most
        self._come = 0
        self._begun = False

    def feed(self, piece: bytes) -> bytes | DecodeError:
        """Take the next piece."""
        if self._stream is not None:
            try:
                piece = self._inflated(piece, self._stream)
            except zlib.error as error:
                return DecodeError(f"gzip ({error})", "", piece[:100].decode("utf-8", "replace"))
        self._come += len(piece)
        if self._come > self._most:
            return DecodeError(f"a body of at most {self._most} bytes")
        return piece

    def finish(self) -> bytes | DecodeError:
        """Say at the end of the body whether it was whole."""
        if self._stream is None or self._stream.eof or not self._begun:
            return b""
        return DecodeError("gzip to its end")

    def _inflated(self, packed: bytes, stream: Any) -> bytes:
        """Inflate up to one byte too many. What follows the end of a member is the next one (RFC 1952, 2.2)."""
        inflated: list[bytes] = []
        room = int(min(self._most, sys.maxsize - 1)) - self._come + 1
        while packed and room:
            if stream.eof:
                self._stream = stream = zlib.decompressobj(_ANY_HEADER)
            self._begun = True
            inflated.append(stream.decompress(packed, room))
            room -= len(inflated[-1])
            packed = stream.unused_data
        return b"".join(inflated)


_ANY_HEADER = 32 + zlib.MAX_WBITS
