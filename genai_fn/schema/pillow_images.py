"""Pillow images as bytes, without importing Pillow: whoever has such an image has it loaded already."""

import io
from typing import Any

__all__ = ["encode_pillow_image", "is_pillow_image"]


def is_pillow_image(value: object) -> bool:
    """Tell by its ancestry whether something is a Pillow image."""
    return any(each.__name__ == "Image" and each.__module__ == "PIL.Image" for each in type(value).__mro__)


def encode_pillow_image(image: Any) -> tuple[bytes, str]:
    """Give the bytes of an image and their MIME type: a JPEG file as it is while untouched, anything else as PNG."""
    untouched = _read_unmodified_jpeg(image)
    if untouched is not None:
        return untouched, "image/jpeg"
    written = io.BytesIO()
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(written, format="PNG")
    return written.getvalue(), "image/png"


_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})


def _read_unmodified_jpeg(image: Any) -> bytes | None:
    # Pixels not read yet cannot have been changed; once they are, a loaded file and an edited one look the same.
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
