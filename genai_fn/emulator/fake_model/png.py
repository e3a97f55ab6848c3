"""Pictures without a painter: small PNG files, byte by byte, that look alike whenever the same words ask for them."""

import zlib
from collections.abc import Iterable

from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.values import Value

__all__ = ["PixelSize", "draw_gradient", "draw_mask", "read_png_size"]


class PixelSize(Value):
    """How many pixels a picture is wide and high."""

    width: int
    height: int


def draw_gradient(size: PixelSize, words: str) -> bytes:
    """
    Paint one colour above that turns into another below; which ones is up to the words.

    >>> cat, dog = draw_gradient(PixelSize(4, 4), "a cat"), draw_gradient(PixelSize(4, 4), "a dog")
    >>> cat == draw_gradient(PixelSize(4, 4), "a cat") != dog
    True
    """
    colours = compute_digest(words)
    above, below = colours[:3], colours[3:6]
    last = max(size.height - 1, 1)
    rows = (_mix_colors(above, below, row, last) * size.width for row in range(size.height))
    return _encode_png(size, _TRUECOLOR, rows)


def draw_mask(size: PixelSize, words: str) -> bytes:
    """Paint a white rectangle on black, somewhere in the middle; where exactly is up to the words."""
    places = compute_digest(words)
    left, right = _derive_span(size.width, places[0], places[1])
    top, bottom = _derive_span(size.height, places[2], places[3])
    outside = bytes(size.width)
    across = bytes(left) + b"\xff" * (right - left) + bytes(size.width - right)
    rows = (across if top <= row < bottom else outside for row in range(size.height))
    return _encode_png(size, _GRAYSCALE, rows)


def read_png_size(picture: bytes) -> PixelSize | None:
    """
    Read off a PNG file how large it is; None of any other file.

    >>> read_png_size(draw_gradient(PixelSize(3, 2), "a cat"))
    PixelSize(width=3, height=2)
    """
    header = picture[12:16]
    if not picture.startswith(_PNG_SIGNATURE) or header != b"IHDR" or len(picture) < _HEADER_LENGTH:
        return None
    return PixelSize(int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big"))


_HEADER_LENGTH = 24


def _mix_colors(above: bytes, below: bytes, row: int, last: int) -> bytes:
    return bytes((one * (last - row) + other * row) // last for one, other in zip(above, below, strict=True))


def _derive_span(length: int, first: int, second: int) -> tuple[int, int]:
    """Cut a stretch out of a length that holds its middle: it begins in the first half and ends in the second."""
    return length * first // 512, length - length * second // 512


# The file format: https://www.w3.org/TR/png-3/

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAYSCALE = 0
_TRUECOLOR = 2


def _encode_png(size: PixelSize, kind: int, rows: Iterable[bytes]) -> bytes:
    header = size.width.to_bytes(4, "big") + size.height.to_bytes(4, "big") + bytes((8, kind, 0, 0, 0))
    return b"".join(
        (
            _PNG_SIGNATURE,
            _encode_chunk(b"IHDR", header),
            _encode_chunk(b"IDAT", _compress_rows(rows)),
            _encode_chunk(b"IEND", b""),
        )
    )


def _compress_rows(rows: Iterable[bytes]) -> bytes:
    """Compress row after row, each with a 0 before it: none of them is told by its neighbours."""
    packing = zlib.compressobj()
    pieces = [packing.compress(b"\0" + row) for row in rows]
    return b"".join((*pieces, packing.flush()))


def _encode_chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
