"""Images: the type, generation and upscaling."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from genai_fn.errors import InvalidRequest
from genai_fn.schema.base import ConversionError, Message, OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.disk import read_file, write_file
from genai_fn.schema.mime_types import guess_mime_type, resolve_mime_type
from genai_fn.schema.notebooks import build_image_bundle, display_in_notebook
from genai_fn.schema.pillow_images import decode_pillow_image, encode_pillow_image, is_pillow_image, show_pillow_image

if TYPE_CHECKING:
    from pathlib import PurePath

    from PIL.Image import Image as OpenedPillowImage

    class PillowImage(Protocol):
        """The part of Pillow's `Image` that is used here."""

        @property
        def mode(self) -> str: ...

        def save(self, fp: Any, format: str | None = None) -> None: ...


class SafetyFilterLevel(OpenEnum):
    """Severity of harm from which an image is blocked."""

    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE"
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE"
    BLOCK_ONLY_HIGH = "BLOCK_ONLY_HIGH"
    BLOCK_NONE = "BLOCK_NONE"


class PersonGeneration(OpenEnum):
    """Whether generated images may show people."""

    DONT_ALLOW = "DONT_ALLOW"
    ALLOW_ADULT = "ALLOW_ADULT"
    ALLOW_ALL = "ALLOW_ALL"


class ImagePromptLanguage(OpenEnum):
    """Language of an image prompt."""

    auto = "auto"
    en = "en"
    ja = "ja"
    ko = "ko"
    hi = "hi"
    zh = "zh"
    pt = "pt"
    es = "es"


class Image(OpenMessage):
    """An image: its bytes, or its URI in Cloud Storage."""

    gcs_uri: VertexOnly[str | None] = None
    """Cloud Storage URI, ``gs://bucket/object``."""
    image_bytes: bytes | None = None
    mime_type: str | None = None

    @classmethod
    def from_file(cls, *, location: "str | PurePath", mime_type: str | None = None) -> Self:
        """Read an image from a file. Without `mime_type`, it is guessed from the extension."""
        name = str(location)
        guessed = guess_mime_type(name) if mime_type is None else mime_type
        return cls(image_bytes=read_file(name), mime_type=guessed)

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str) -> Self:
        """Build an image of bytes."""
        return cls(image_bytes=data, mime_type=mime_type)

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None) -> Self:
        """Build an image of a Cloud Storage URI. Without `mime_type`, the extension must determine it."""
        return cls(gcs_uri=file_uri, mime_type=resolve_mime_type(file_uri, mime_type))

    @classmethod
    def from_pillow(cls, *, image: "PillowImage") -> Self:
        """Build an image of a Pillow image: an unmodified JPEG file keeps its bytes, others are encoded as PNG."""
        if not is_pillow_image(image):
            raise InvalidRequest("image", image, "a Pillow image")
        try:
            data, mime_type = encode_pillow_image(image)
        except ConversionError as error:
            raise InvalidRequest("image", error.value, error.expected) from None
        return cls(image_bytes=data, mime_type=mime_type)

    def save(self, location: str) -> None:
        """Write the bytes of the image to a file. Raises InvalidRequest if there are none."""
        write_file(location, self._get_bytes())

    def as_pillow(self) -> "OpenedPillowImage":
        """Open the bytes as a Pillow image. Raises InvalidRequest if they are none, MissingExtra without Pillow."""
        return decode_pillow_image(self._get_bytes(), "Image.as_pillow()")

    def show(self) -> None:
        """Display the image in a notebook, or else open it with Pillow, which does nothing without a display."""
        data = self._get_bytes()
        if not display_in_notebook(self):
            show_pillow_image(decode_pillow_image(data, "Image.show() outside of a notebook"))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str] | None:
        return None if self.image_bytes is None else build_image_bundle(self.image_bytes, self.mime_type)

    def _get_bytes(self) -> bytes:
        if self.image_bytes is None:
            raise InvalidRequest("image_bytes", self, "an Image with its bytes")
        return self.image_bytes


class SafetyAttributes(OpenMessage):
    """Safety scores of an image."""

    categories: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    """From 0 to 1, one for each category."""
    content_type: str | None = None


class GeneratedImage(OpenMessage):
    """A generated image, or the reason why it was filtered."""

    image: Image | None = None
    rai_filtered_reason: str | None = None
    safety_attributes: SafetyAttributes | None = None
    enhanced_prompt: str | None = None
    """The rewritten prompt."""


class GenerateImagesConfig(Message):
    """Options of `images.generate`."""

    output_gcs_uri: VertexOnly[str | None] = None
    """Cloud Storage prefix for the output, ``gs://…``."""
    negative_prompt: VertexOnly[str | None] = None
    """What the output should not show."""
    number_of_images: int | None = None
    aspect_ratio: str | None = None
    """``1:1``, ``3:4``, ``4:3``, ``9:16`` or ``16:9``."""
    guidance_scale: float | None = None
    """How closely the prompt is followed. Higher values follow it more closely, at the cost of image quality."""
    seed: VertexOnly[int | None] = None
    """Seed; works only without a watermark."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_safety_attributes: bool | None = None
    include_rai_reason: bool | None = None
    language: ImagePromptLanguage | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100; JPEG only."""
    add_watermark: VertexOnly[bool | None] = None
    """Whether to add an invisible watermark."""
    labels: VertexOnly[Mapping[str, str] | None] = None
    image_size: str | None = None
    """``1K`` or ``2K``."""
    enhance_prompt: VertexOnly[bool | None] = None
    """Whether the service may rewrite the prompt first."""


class GenerateImagesResponse(OpenMessage):
    """The generated images."""

    generated_images: tuple[GeneratedImage, ...] = ()
    positive_prompt_safety_attributes: SafetyAttributes | None = None

    @property
    def images(self) -> tuple[Image | None, ...]:
        """The images, with None for each that was filtered."""
        return tuple(each.image for each in self.generated_images)


class UpscaleImageConfig(Message):
    """Options of `images.upscale`."""

    output_gcs_uri: str | None = None
    """Cloud Storage prefix for the output, ``gs://…``."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_rai_reason: bool | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100; JPEG only."""
    enhance_input_image: bool | None = None
    """Whether the input is denoised first."""
    image_preservation_factor: float | None = None
    """From 0 to 1: how much of the original image is preserved."""
    labels: Mapping[str, str] | None = None


class UpscaleImageResponse(OpenMessage):
    """The upscaled image."""

    generated_images: tuple[GeneratedImage, ...] = ()


class UpscaleImageParameters(Message):
    """Parameters of `images.upscale`."""

    model: str | None = None
    image: Image | None = None
    upscale_factor: str | None = None
    """``x2``, ``x3`` or ``x4``."""
    config: UpscaleImageConfig | None = None
