"""Inflating, in pieces of any size."""

import gzip
import zlib
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai_fn.errors import DecodeError
from genai_fn.wire.decompress import Decompressor

GZIP = (("content-encoding", "gzip"),)
HI = gzip.compress(b"hi", mtime=0)  # the same in every process that collects tests


def inflated(data: bytes, size: int, most: float = inf, encoding: str = "gzip") -> bytes | DecodeError:
    """Inflate a body that comes in pieces."""
    inflater, come = Decompressor((("content-encoding", encoding),), most), b""
    for place in range(0, len(data), size):
        piece = inflater.feed(data[place : place + size])
        if isinstance(piece, DecodeError):
            return piece
        come += piece
    rest = inflater.finish()
    return rest if isinstance(rest, DecodeError) else come + rest


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.integers(1, 300))
def test_members(parts: list[bytes], size: int) -> None:
    """One member of gzip after another is their contents, whatever the pieces."""
    assert inflated(b"".join(map(gzip.compress, parts)), size) == b"".join(parts)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_cut(content: bytes, data: st.DataObject) -> None:
    """Gzip that breaks off anywhere is noticed."""
    packed = gzip.compress(content)
    cut = packed[: data.draw(st.integers(1, len(packed) - 1))]
    assert isinstance(inflated(cut, data.draw(st.integers(1, 40))), DecodeError)


@given(st.binary(max_size=100), st.integers(1, 40), st.integers(0, 200) | st.just(inf))
def test_any_bytes(data: bytes, size: int, most: float) -> None:
    """Any bytes are inflated or refused, never raised about; and never beyond the bound."""
    result = inflated(data, size, most)
    assert isinstance(result, DecodeError) or len(result) <= most


@given(st.binary(max_size=300), st.integers(1, 400), st.integers(0, 400), st.sampled_from(["gzip", "identity"]))
def test_bound(content: bytes, size: int, most: int, encoding: str) -> None:
    """As much as the bound is let through, one byte more is refused."""
    data = gzip.compress(content) if encoding == "gzip" else content
    result = inflated(data, size, most, encoding)
    assert (result == content) if len(content) <= most else isinstance(result, DecodeError)


def test_bomb() -> None:
    """A bomb is stopped after one byte too many."""
    inflater = Decompressor(GZIP, 1000)
    assert isinstance(inflater.feed(gzip.compress(bytes(10_000_000))), DecodeError)


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
    """What is encoded is inflated, everything else is as it is."""
    assert inflated(data, 1, encoding=encoding) == b"hi"


@pytest.mark.parametrize("data", (b"plain", HI + b"more", HI[:-8] + b"\x00" * 8))
def test_wrong(data: bytes) -> None:
    """What is no gzip, what follows it, and a wrong checksum are refused."""
    assert isinstance(inflated(data, 100), DecodeError)


def test_nothing() -> None:
    """A body of nothing is whole, whatever its headers say."""
    assert inflated(b"", 1) == b""
