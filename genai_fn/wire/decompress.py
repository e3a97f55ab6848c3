"""Inflates bodies as they are read, bounded."""

import sys
import zlib
from typing import Any

from genai_fn.errors import DecodeError
from genai_fn.http import Headers

__all__ = ["Decompressor"]


class Decompressor:
    """
    Fed pieces of a body, answers them inflated, or what is wrong with them; a body that is not encoded passes through.
    """

    __slots__ = ("_has_started", "_max_bytes", "_output_bytes", "_zlib_stream")

    def __init__(self, headers: Headers, max_bytes: float) -> None:
        encoding = next((value.strip().lower() for name, value in headers if name == "content-encoding"), "")
        self._zlib_stream = (
            zlib.decompressobj(_GZIP_OR_ZLIB_HEADER) if encoding in ("gzip", "x-gzip", "deflate") else None
        )
        self._max_bytes = max_bytes
        self._output_bytes = 0
        self._has_started = False

    def feed(self, piece: bytes) -> bytes | DecodeError:
        """Take the next piece."""
        if self._zlib_stream is not None:
            try:
                piece = self._decompress(piece, self._zlib_stream)
            except zlib.error as error:
                return DecodeError(f"gzip ({error})", "", piece[:100].decode("utf-8", "replace"))
        self._output_bytes += len(piece)
        if self._output_bytes > self._max_bytes:
            return DecodeError(f"a body of at most {self._max_bytes} bytes")
        return piece

    def finish(self) -> bytes | DecodeError:
        """Say at the end of the body whether it was whole."""
        if self._zlib_stream is None or self._zlib_stream.eof or not self._has_started:
            return b""
        return DecodeError("gzip to its end")

    def _decompress(self, packed: bytes, stream: Any) -> bytes:
        """Inflate up to one byte too many. What follows the end of a member is the next one (RFC 1952, 2.2)."""
        inflated: list[bytes] = []
        room = int(min(self._max_bytes, sys.maxsize - 1)) - self._output_bytes + 1
        while packed and room:
            if stream.eof:
                self._zlib_stream = stream = zlib.decompressobj(_GZIP_OR_ZLIB_HEADER)
            self._has_started = True
            inflated.append(stream.decompress(packed, room))
            room -= len(inflated[-1])
            packed = stream.unused_data
        return b"".join(inflated)


_GZIP_OR_ZLIB_HEADER = 32 + zlib.MAX_WBITS
