"""Encodes and decodes Pillow images. Pillow is imported only to decode."""

import io
from typing import TYPE_CHECKING, Any

from genai_fn.errors import InvalidRequest, MissingExtra
from genai_fn.schema.base import ConversionError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage


def is_pillow_image(value: object) -> bool:
    """Whether an object is a Pillow image, judged by the names of its base classes."""
    return any(each.__name__ == "Image" and each.__module__ == "PIL.Image" for each in type(value).__mro__)


def encode_pillow_image(image: Any) -> tuple[bytes, str]:
    """
    Return the bytes and MIME type of an image. An unmodified JPEG keeps its bytes; others are encoded as PNG.

    Raises:
        ConversionError: If Pillow cannot encode it: it is closed or empty, or its file is truncated.
    """
    try:
        unmodified = _read_unmodified_jpeg(image)
        if unmodified is not None:
            return unmodified, "image/jpeg"
        written = io.BytesIO()
        (image if image.mode in _PNG_MODES else image.convert("RGB")).save(written, format="PNG")
    except (OSError, SyntaxError, ValueError) as error:
        raise ConversionError(image, f"an image that Pillow can encode ({error})") from None
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


def decode_pillow_image(data: bytes, needed_by: str) -> "PillowImage":
    """
    Open an encoded image. Its pixels are decoded when they are needed.

    Raises:
        MissingExtra: If Pillow is not installed.

        InvalidRequest: If the data is not an image in a format of Pillow, or one too large for Pillow.
    """
    try:
        from PIL import Image  # noqa: PLC0415  # an optional package
    except ImportError:
        raise MissingExtra("pillow", needed_by, "pip install pillow") from None
    try:
        return Image.open(io.BytesIO(data))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _build_image_error(error) from None


def show_pillow_image(image: "PillowImage") -> None:
    """Open an image in a window. Raises `InvalidRequest` if its pixels cannot be decoded."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise _build_image_error(error) from None
    image.show()


def _build_image_error(error: Exception) -> InvalidRequest:
    return InvalidRequest("image_bytes", "***", f"an image that Pillow opens ({error})")
