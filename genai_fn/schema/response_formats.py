"""Formats of responses: text, images, sound and video, and how they are delivered."""

from typing import Any

from msgspec import field

from genai_fn.schema.base import OpenEnum, OpenMessage


class Delivery(OpenEnum):
    """Whether a response contains bytes or a URI."""

    DELIVERY_UNSPECIFIED = "DELIVERY_UNSPECIFIED"
    INLINE = "INLINE"
    URI = "URI"


class AspectRatio(OpenEnum):
    """Width to height of an image or video."""

    ASPECT_RATIO_UNSPECIFIED = "ASPECT_RATIO_UNSPECIFIED"
    ASPECT_RATIO_ONE_BY_ONE = "ASPECT_RATIO_ONE_BY_ONE"
    ASPECT_RATIO_TWO_BY_THREE = "ASPECT_RATIO_TWO_BY_THREE"
    ASPECT_RATIO_THREE_BY_TWO = "ASPECT_RATIO_THREE_BY_TWO"
    ASPECT_RATIO_THREE_BY_FOUR = "ASPECT_RATIO_THREE_BY_FOUR"
    ASPECT_RATIO_FOUR_BY_THREE = "ASPECT_RATIO_FOUR_BY_THREE"
    ASPECT_RATIO_FOUR_BY_FIVE = "ASPECT_RATIO_FOUR_BY_FIVE"
    ASPECT_RATIO_FIVE_BY_FOUR = "ASPECT_RATIO_FIVE_BY_FOUR"
    ASPECT_RATIO_NINE_BY_SIXTEEN = "ASPECT_RATIO_NINE_BY_SIXTEEN"
    ASPECT_RATIO_SIXTEEN_BY_NINE = "ASPECT_RATIO_SIXTEEN_BY_NINE"
    ASPECT_RATIO_TWENTY_ONE_BY_NINE = "ASPECT_RATIO_TWENTY_ONE_BY_NINE"
    ASPECT_RATIO_ONE_BY_EIGHT = "ASPECT_RATIO_ONE_BY_EIGHT"
    ASPECT_RATIO_EIGHT_BY_ONE = "ASPECT_RATIO_EIGHT_BY_ONE"
    ASPECT_RATIO_ONE_BY_FOUR = "ASPECT_RATIO_ONE_BY_FOUR"
    ASPECT_RATIO_FOUR_BY_ONE = "ASPECT_RATIO_FOUR_BY_ONE"


class ImageSize(OpenEnum):
    """Size of an image: 512, 1K, 2K or 4K pixels."""

    IMAGE_SIZE_UNSPECIFIED = "IMAGE_SIZE_UNSPECIFIED"
    IMAGE_SIZE_FIVE_TWELVE = "IMAGE_SIZE_FIVE_TWELVE"
    IMAGE_SIZE_ONE_K = "IMAGE_SIZE_ONE_K"
    IMAGE_SIZE_TWO_K = "IMAGE_SIZE_TWO_K"
    IMAGE_SIZE_FOUR_K = "IMAGE_SIZE_FOUR_K"


class AudioResponseFormat(OpenMessage):
    """Format of sound in a response."""

    bit_rate: int | None = None
    """Bits per second, for compressed formats."""
    delivery: Delivery | None = None
    mime_type: str | None = None
    sample_rate: int | None = None
    """Samples per second."""


class ImageResponseFormat(OpenMessage):
    """Format of images in a response."""

    aspect_ratio: AspectRatio | None = None
    delivery: Delivery | None = None
    image_size: ImageSize | None = None
    mime_type: str | None = None


class TextResponseFormat(OpenMessage):
    """Format of text in a response."""

    mime_type: str | None = None
    jsonSchema: Any = field(default=None, name="schema")  # noqa: N815  # google-genai's name
    """Plain JSON Schema, for the MIME type ``APPLICATION_JSON``."""


class VideoResponseFormat(OpenMessage):
    """Format of videos in a response."""

    aspect_ratio: AspectRatio | None = None
    delivery: Delivery | None = None
    duration: str | None = None
    """Duration, such as ``"8s"``."""
    gcs_uri: str | None = None
    """Cloud Storage URI of the output, ``gs://…``, for the delivery ``URI``."""
    resolution: str | None = None
    """``360p``, ``720p``, ``1080p`` or ``4k``."""


class ResponseFormat(OpenMessage):
    """Format of one modality of a response."""

    audio: AudioResponseFormat | None = None
    image: ImageResponseFormat | None = None
    text: TextResponseFormat | None = None
    video: VideoResponseFormat | None = None
