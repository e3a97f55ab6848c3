"""PNG files: small gradients and masks, whose colors and shapes are derived from a seed."""

import zlib
from collections.abc import Iterable

from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.values import Value


class PixelSize(Value):
    """Size of an image in pixels."""

    width: int
    height: int


def fit_ratio(width: int, height: int, *, long_side: int) -> PixelSize:
    """
    Return the size with an aspect ratio and a longer side of a length.

    >>> fit_ratio(16, 9, long_side=64)
    PixelSize(width=64, height=36)
    """
    unit = long_side / max(width, height)
    return PixelSize(max(round(width * unit), 1), max(round(height * unit), 1))


def draw_gradient(size: PixelSize, seed: str) -> bytes:
    """
    Draw a gradient between two colors that are derived from the seed.

    >>> cat, dog = draw_gradient(PixelSize(4, 4), "a cat"), draw_gradient(PixelSize(4, 4), "a dog")
    >>> cat == draw_gradient(PixelSize(4, 4), "a cat") != dog
    True
    """
    colors = compute_digest(seed)
    above, below = colors[:3], colors[3:6]
    last = max(size.height - 1, 1)
    rows = (_mix_colors(above, below, row, last) * size.width for row in range(size.height))
    return _encode_png(size, _TRUECOLOR, rows)


def draw_mask(size: PixelSize, seed: str) -> bytes:
    """Draw a white rectangle on black. It contains the middle; its edges are derived from the seed."""
    offsets = compute_digest(seed)
    left, right = _derive_span(size.width, offsets[0], offsets[1])
    top, bottom = _derive_span(size.height, offsets[2], offsets[3])
    outside = bytes(size.width)
    across = bytes(left) + b"\xff" * (right - left) + bytes(size.width - right)
    rows = (across if top <= row < bottom else outside for row in range(size.height))
    return _encode_png(size, _GRAYSCALE, rows)


def read_png_size(data: bytes) -> PixelSize | None:
    """
    Read the size of a PNG file; None if it is not one.

    >>> read_png_size(draw_gradient(PixelSize(3, 2), "a cat"))
    PixelSize(width=3, height=2)
    """
    header = data[12:16]
    if not data.startswith(_PNG_SIGNATURE) or header != b"IHDR" or len(data) < _HEADER_LENGTH:
        return None
    return PixelSize(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


_HEADER_LENGTH = 24


def _mix_colors(above: bytes, below: bytes, row: int, last: int) -> bytes:
    return bytes((one * (last - row) + other * row) // last for one, other in zip(above, below, strict=True))


def _derive_span(length: int, first: int, second: int) -> tuple[int, int]:
    """Derive a span that contains the middle: it starts in the first half and ends in the second."""
    return length * first // 512, length - length * second // 512


# The file format: https://www.w3.org/TR/png-3/

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAYSCALE = 0
_TRUECOLOR = 2


def _encode_png(size: PixelSize, kind: int, rows: Iterable[bytes]) -> bytes:
    header = size.width.to_bytes(4, "big") + size.height.to_bytes(4, "big") + bytes((8, kind, 0, 0, 0))
    chunks = ((b"IHDR", header), (b"IDAT", _compress_rows(rows)), (b"IEND", b""))
    return _PNG_SIGNATURE + b"".join(_encode_chunk(name, content) for name, content in chunks)


def _compress_rows(rows: Iterable[bytes]) -> bytes:
    """Compress the rows; the 0 in front of each is the PNG filter type "None"."""
    compressor = zlib.compressobj()
    chunks = [compressor.compress(b"\0" + row) for row in rows]
    return b"".join((*chunks, compressor.flush()))


def _encode_chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
