"""Decompression of bodies in chunks of any size."""

import gzip
import zlib
from math import inf

import pytest
from hypothesis import given, strategies as st

from genai_fn.errors import DecodeError
from genai_fn.wire.decompress import Decompressor

GZIP = (("content-encoding", "gzip"),)
HI = gzip.compress(b"hi", mtime=0)  # without a time, so that every process collects the same tests


def decompress(data: bytes, size: int, limit: float = inf, encoding: str = "gzip") -> bytes | DecodeError:
    """Decompress a body that arrives in chunks."""
    inflater, come = Decompressor((("content-encoding", encoding),), limit), b""
    for position in range(0, len(data), size):
        piece = inflater.feed(data[position : position + size])
        while inflater.has_more and isinstance(piece, bytes):
            come += piece
            piece = inflater.feed(b"")
        if isinstance(piece, DecodeError):
            return piece
        come += piece
    last_chunk = inflater.finish()
    return last_chunk if isinstance(last_chunk, DecodeError) else come + last_chunk


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.integers(1, 300))
def test_members(parts: list[bytes], size: int) -> None:
    """Several gzip members decompress to their concatenated contents, however the body is chunked."""
    assert decompress(b"".join(map(gzip.compress, parts)), size) == b"".join(parts)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_truncated(content: bytes, data: st.DataObject) -> None:
    """Truncated gzip data is an error, wherever it ends."""
    compressed = gzip.compress(content)
    truncated = compressed[: data.draw(st.integers(1, len(compressed) - 1))]
    assert isinstance(decompress(truncated, data.draw(st.integers(1, 40))), DecodeError)


@given(st.binary(max_size=100), st.integers(1, 40), st.integers(0, 200) | st.just(inf))
def test_any_bytes(data: bytes, size: int, limit: float) -> None:
    """Any bytes are decompressed or give an error, without an exception, and never exceed the maximum."""
    result = decompress(data, size, limit)
    assert isinstance(result, DecodeError) or len(result) <= limit


@given(st.binary(max_size=300), st.integers(1, 400), st.integers(0, 400), st.sampled_from(["gzip", "identity"]))
def test_bound(content: bytes, size: int, limit: int, encoding: str) -> None:
    """A body of exactly the maximum size passes; one byte more is an error."""
    data = gzip.compress(content) if encoding == "gzip" else content
    result = decompress(data, size, limit, encoding)
    assert (result == content) if len(content) <= limit else isinstance(result, DecodeError)


def test_bomb() -> None:
    """Decompression of a bomb stops one byte above the maximum."""
    inflater = Decompressor(GZIP, 1000)
    assert isinstance(inflater.feed(gzip.compress(bytes(10_000_000))), DecodeError)


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=4), st.integers(1, 300), st.integers(1, 300))
def test_slices(parts: list[bytes], size: int, slice_bytes: int) -> None:
    """Each slice has at most the given size, and all slices of all chunks are the contents."""
    inflater, come = Decompressor(GZIP, inf, slice_bytes), b""
    data = b"".join(map(gzip.compress, parts))
    for position in range(0, len(data), size):
        piece = inflater.feed(data[position : position + size])
        while True:
            assert isinstance(piece, bytes)
            assert len(piece) <= slice_bytes
            come += piece
            if not inflater.has_more:
                break
            piece = inflater.feed(b"")
    assert inflater.finish() == b""
    assert come == b"".join(parts)


def test_slice_of_bomb() -> None:
    """A small chunk of 30 MB returns a slice of 1 MiB, and keeps the rest compressed."""
    inflater = Decompressor(GZIP, inf)
    piece = inflater.feed(gzip.compress(bytes(30_000_000)))
    assert piece == bytes(1024 * 1024)
    assert inflater.has_more


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", b"hi"),
        ("identity", b"hi"),
        ("GZip", HI),
        ("x-gzip", HI),
        ("deflate", zlib.compress(b"hi")),
    ],
)
def test_encodings(encoding: str, data: bytes) -> None:
    """Bodies with a known encoding are decompressed; others are passed through."""
    assert decompress(data, 1, encoding=encoding) == b"hi"


@pytest.mark.parametrize("data", (b"plain", HI + b"more", HI[:-8] + b"\x00" * 8))
def test_malformed(data: bytes) -> None:
    """Data that is not gzip, trailing data, and a wrong checksum are errors."""
    assert isinstance(decompress(data, 100), DecodeError)


def test_empty() -> None:
    """An empty body is complete, whatever its headers are."""
    assert decompress(b"", 1) == b""
