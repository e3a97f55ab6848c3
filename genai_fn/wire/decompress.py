"""
Decompresses bodies while they are read, up to a maximum size.

A compressed chunk may become a thousand times as large. So the output comes in slices: the caller checks the deadline,
and lets others run, between two of them.
"""

import zlib
from typing import Any

from genai_fn.errors import DecodeError
from genai_fn.http import Headers

__all__ = ["Decompressor", "find_unknown_encoding"]


MAX_SLICE_BYTES = 1024 * 1024


class Decompressor:
    """
    Decompresses the chunks of a body. A body without ``content-encoding`` is passed through.

    Args:
        headers: Headers of the response.

        max_bytes: Maximum size of the decompressed body.

        slice_bytes: Maximum size of what `feed` returns of a compressed body, at most 1 MiB.
    """

    __slots__ = (
        *("_has_more_output", "_has_started", "_max_bytes", "_output_bytes", "_slice_bytes", "_unread", "_zlib_stream"),
    )

    def __init__(self, headers: Headers, max_bytes: float, slice_bytes: int = MAX_SLICE_BYTES) -> None:
        encodings = _list_encodings(headers)
        is_compressed = bool(encodings) and encodings[0] in ("gzip", "x-gzip", "deflate")
        self._zlib_stream = zlib.decompressobj(_GZIP_OR_ZLIB_HEADER) if is_compressed else None
        self._max_bytes = max_bytes
        self._slice_bytes = slice_bytes
        self._output_bytes = 0
        self._unread = b""
        self._has_started = self._has_more_output = False

    @property
    def has_more(self) -> bool:
        """Whether there is more output of the last chunk: ``feed(b"")`` returns it."""
        return self._has_more_output or bool(self._unread)

    def feed(self, chunk: bytes) -> bytes | DecodeError:
        """
        Decompress the next chunk, and return the first slice of its output; `has_more` is whether others follow.

        Returns an error if the chunk is malformed, or if the body becomes too large.
        """
        if self._zlib_stream is not None:
            try:
                chunk = self._decompress(self._unread + chunk, self._zlib_stream)
            except zlib.error as error:
                return DecodeError(f"gzip ({error})", "", chunk[:100].decode("utf-8", "replace"))
        self._output_bytes += len(chunk)
        if self._output_bytes > self._max_bytes:
            return DecodeError(f"a body of at most {self._max_bytes} bytes")
        return chunk

    def finish(self) -> bytes | DecodeError:
        """Finish the body. Returns an error if the compressed data is incomplete."""
        if self._zlib_stream is None or self._zlib_stream.eof or not self._has_started:
            return b""
        return DecodeError("complete gzip data")

    def _decompress(self, compressed: bytes, stream: Any) -> bytes:
        """
        Decompress one slice, to at most one byte above the maximum size of the body.

        Further gzip members may follow (RFC 1952, 2.2).
        """
        decompressed: list[bytes] = []
        room = int(min(self._max_bytes - self._output_bytes + 1, self._slice_bytes))
        while room and (compressed or self._has_more_output):
            if stream.eof:
                self._zlib_stream = stream = zlib.decompressobj(_GZIP_OR_ZLIB_HEADER)
            self._has_started = True
            decompressed.append(stream.decompress(compressed, room))
            room -= len(decompressed[-1])
            compressed = stream.unused_data or stream.unconsumed_tail
            self._has_more_output = not room and not stream.eof
        self._unread = compressed
        return b"".join(decompressed)


_GZIP_OR_ZLIB_HEADER = 32 + zlib.MAX_WBITS


def find_unknown_encoding(headers: Headers) -> DecodeError | None:
    """
    Return an error if a body is encoded in a way that `Decompressor` does not decode, such as twice.

    >>> find_unknown_encoding((("content-encoding", "br"),))
    DecodeError(expected='a body in gzip, deflate or no encoding, found br', path='', text='')
    """
    found = ", ".join(_list_encodings(headers))
    return None if found in _KNOWN_ENCODINGS else DecodeError(f"a body in gzip, deflate or no encoding, found {found}")


_KNOWN_ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")


def _list_encodings(headers: Headers) -> list[str]:
    return [value.strip().lower() for name, value in headers if name == "content-encoding"]
