"""Encodes Pillow images, without importing Pillow."""

import io
from typing import Any

__all__ = ["encode_pillow_image", "is_pillow_image"]


def is_pillow_image(value: object) -> bool:
    """Whether an object is a Pillow image, judged by the names of its base classes."""
    return any(each.__name__ == "Image" and each.__module__ == "PIL.Image" for each in type(value).__mro__)


def encode_pillow_image(image: Any) -> tuple[bytes, str]:
    """Return the bytes and MIME type of an image. An unmodified JPEG keeps its bytes; others are encoded as PNG."""
    unmodified = _read_unmodified_jpeg(image)
    if unmodified is not None:
        return unmodified, "image/jpeg"
    written = io.BytesIO()
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(written, format="PNG")
    return written.getvalue(), "image/png"


_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})


def _read_unmodified_jpeg(image: Any) -> bytes | None:
    # An image whose pixels are not loaded yet is unmodified. Once loaded, an edited one is indistinguishable.
    unread = image.format == "JPEG" and image.tile and not getattr(image, "decoderconfig", ())
    file = getattr(image, "fp", None)
    if not unread or file is None:
        return None
    place = file.tell()
    try:
        file.seek(0)
        return bytes(file.read())
    finally:
        file.seek(place)
