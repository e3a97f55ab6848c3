"""Images: what one is, made anew, and enlarged."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from genai_fn.errors import InvalidRequest
from genai_fn.schema.base import Message, OpenEnum, VertexOnly
from genai_fn.schema.disk import read_file, write_file
from genai_fn.schema.mime_types import guess_mime_type, resolve_mime_type
from genai_fn.schema.pillow_images import encode_pillow_image, is_pillow_image

__all__ = [
    "GenerateImagesConfig",
    "GenerateImagesResponse",
    "GeneratedImage",
    "Image",
    "ImagePromptLanguage",
    "PersonGeneration",
    "SafetyAttributes",
    "SafetyFilterLevel",
    "UpscaleImageConfig",
    "UpscaleImageParameters",
    "UpscaleImageResponse",
]


if TYPE_CHECKING:

    class PillowImage(Protocol):
        """An image of Pillow's, as far as it matters here."""

        @property
        def mode(self) -> str: ...

        def save(self, fp: Any, format: str | None = None) -> None: ...


class SafetyFilterLevel(OpenEnum):
    """From which harm on an image is held back."""

    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE"
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE"
    BLOCK_ONLY_HIGH = "BLOCK_ONLY_HIGH"
    BLOCK_NONE = "BLOCK_NONE"


class PersonGeneration(OpenEnum):
    """Whether people may be shown."""

    DONT_ALLOW = "DONT_ALLOW"
    ALLOW_ADULT = "ALLOW_ADULT"
    ALLOW_ALL = "ALLOW_ALL"


class ImagePromptLanguage(OpenEnum):
    """The language of a prompt for an image."""

    auto = "auto"
    en = "en"
    ja = "ja"
    ko = "ko"
    hi = "hi"
    zh = "zh"
    pt = "pt"
    es = "es"


class Image(Message):
    """A picture: its bytes, or its place in Cloud Storage."""

    gcs_uri: VertexOnly[str | None] = None
    """``gs://bucket/object``."""
    image_bytes: bytes | None = None
    mime_type: str | None = None

    @classmethod
    def from_file(cls, *, location: str, mime_type: str | None = None) -> Self:
        """Read a picture from a file, whose name tells the MIME type unless it is given."""
        told = guess_mime_type(location) if mime_type is None else mime_type
        return cls(image_bytes=read_file(location), mime_type=told)

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str) -> Self:
        """Make one of bytes."""
        return cls(image_bytes=data, mime_type=mime_type)

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None) -> Self:
        """Make one of its place in Cloud Storage, whose ending tells the MIME type unless it is given."""
        return cls(gcs_uri=file_uri, mime_type=resolve_mime_type(file_uri, mime_type))

    @classmethod
    def from_pillow(cls, *, image: "PillowImage") -> Self:
        """Make one of a Pillow image: a JPEG file as it is while untouched, anything else as PNG."""
        if not is_pillow_image(image):
            raise InvalidRequest("image", image, "an image of Pillow's")
        data, mime_type = encode_pillow_image(image)
        return cls(image_bytes=data, mime_type=mime_type)

    def save(self, location: str) -> None:
        """Write the bytes of the picture to a file."""
        if self.image_bytes is None:
            raise InvalidRequest("image_bytes", self, "an Image that holds its bytes")
        write_file(location, self.image_bytes)


class SafetyAttributes(Message):
    """How harmful a picture was found to be."""

    categories: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    """From 0 to 1, one for each of the categories."""
    content_type: str | None = None


class GeneratedImage(Message):
    """A picture that was made, or why it is held back."""

    image: Image | None = None
    rai_filtered_reason: str | None = None
    safety_attributes: SafetyAttributes | None = None
    enhanced_prompt: str | None = None
    """What the prompt was rewritten to."""


class GenerateImagesConfig(Message):
    """What pictures are like."""

    output_gcs_uri: VertexOnly[str | None] = None
    """``gs://…`` under which they are stored."""
    negative_prompt: VertexOnly[str | None] = None
    """What should not be seen."""
    number_of_images: int | None = None
    aspect_ratio: str | None = None
    """``1:1``, ``3:4``, ``4:3``, ``9:16`` or ``16:9``."""
    guidance_scale: float | None = None
    """How closely the prompt is followed: more means closer, and less beautiful."""
    seed: VertexOnly[int | None] = None
    """Only without a watermark."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_safety_attributes: bool | None = None
    include_rai_reason: bool | None = None
    language: ImagePromptLanguage | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100, JPEG only."""
    add_watermark: VertexOnly[bool | None] = None
    """An invisible one."""
    labels: VertexOnly[Mapping[str, str] | None] = None
    image_size: str | None = None
    """``1K`` or ``2K``."""
    enhance_prompt: VertexOnly[bool | None] = None
    """Whether the prompt may be rewritten first."""


class GenerateImagesResponse(Message):
    """The pictures that were made."""

    generated_images: tuple[GeneratedImage, ...] = ()
    positive_prompt_safety_attributes: SafetyAttributes | None = None

    @property
    def images(self) -> tuple[Image | None, ...]:
        """The pictures alone, with None for each that is held back."""
        return tuple(each.image for each in self.generated_images)


class UpscaleImageConfig(Message):
    """What an enlarged picture is like."""

    output_gcs_uri: str | None = None
    """``gs://…`` under which it is stored."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_rai_reason: bool | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100, JPEG only."""
    enhance_input_image: bool | None = None
    """Whether noise is taken out before."""
    image_preservation_factor: float | None = None
    """From 0 to 1: how much of the original stays."""
    labels: Mapping[str, str] | None = None


class UpscaleImageResponse(Message):
    """The enlarged picture."""

    generated_images: tuple[GeneratedImage, ...] = ()


class UpscaleImageParameters(Message):
    """What upscaling takes."""

    model: str | None = None
    image: Image | None = None
    upscale_factor: str | None = None
    """``x2``, ``x3`` or ``x4``."""
    config: UpscaleImageConfig | None = None
