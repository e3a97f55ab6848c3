"""Pictures without a painter: small PNG files, byte by byte, that look alike whenever the same words ask for them."""

import zlib
from collections.abc import Iterable

from genai_fn.emulator.stand_in.digests import digest
from genai_fn.schema._base import Value

__all__ = ["Size", "gradient", "mask", "size_of"]


class Size(Value):
    """How many pixels a picture is wide and high."""

    width: int
    height: int


def gradient(size: Size, words: str) -> bytes:
    """
    Paint one colour above that turns into another below; which ones is up to the words.

    >>> gradient(Size(4, 4), "a cat") == gradient(Size(4, 4), "a cat") != gradient(Size(4, 4), "a dog")
    True
    """
    colours = digest(words)
    above, below = colours[:3], colours[3:6]
    last = max(size.height - 1, 1)
    rows = (_mixed(above, below, row, last) * size.width for row in range(size.height))
    return _png(size, _COLOURS, rows)


def mask(size: Size, words: str) -> bytes:
    """Paint a white rectangle on black, somewhere in the middle; where exactly is up to the words."""
    places = digest(words)
    left, right = _span(size.width, places[0], places[1])
    top, bottom = _span(size.height, places[2], places[3])
    outside = bytes(size.width)
    across = bytes(left) + b"\xff" * (right - left) + bytes(size.width - right)
    rows = (across if top <= row < bottom else outside for row in range(size.height))
    return _png(size, _GREY, rows)


def size_of(picture: bytes) -> Size | None:
    """
    Read off a PNG file how large it is; None of any other file.

    >>> size_of(gradient(Size(3, 2), "a cat"))
    Size(width=3, height=2)
    """
    header = picture[12:16]
    if not picture.startswith(_SIGNATURE) or header != b"IHDR" or len(picture) < _HEADED:
        return None
    return Size(int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big"))


_HEADED = 24


def _mixed(above: bytes, below: bytes, row: int, last: int) -> bytes:
    return bytes((one * (last - row) + other * row) // last for one, other in zip(above, below, strict=True))


def _span(length: int, first: int, second: int) -> tuple[int, int]:
    """Cut a stretch out of a length that holds its middle: it begins in the first half and ends in the second."""
    return length * first // 512, length - length * second // 512


# The file format: https://www.w3.org/TR/png-3/

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY = 0
_COLOURS = 2


def _png(size: Size, kind: int, rows: Iterable[bytes]) -> bytes:
    header = size.width.to_bytes(4, "big") + size.height.to_bytes(4, "big") + bytes((8, kind, 0, 0, 0))
    return b"".join((_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", _packed(rows)), _chunk(b"IEND", b"")))


def _packed(rows: Iterable[bytes]) -> bytes:
    """Compress row after row, each with a 0 before it: none of them is told by its neighbours."""
    packing = zlib.compressobj()
    pieces = [packing.compress(b"\0" + row) for row in rows]
    return b"".join((*pieces, packing.flush()))


def _chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
