"""Bodies and responses of ``:predict`` that all image operations share."""

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import field

from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.request import ResponseReader, read_json
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.images import (
    GeneratedImage,
    Image,
    ImagePromptLanguage,
    PersonGeneration,
    SafetyAttributes,
    SafetyFilterLevel,
)
from genai_fn.values import Value

__all__ = [
    "ImageParameters",
    "ImagePrediction",
    "ImagePredictions",
    "PredictBody",
    "WireImage",
    "WireImageField",
    "decode_generated_image",
    "decode_image",
    "decode_safety_attributes",
    "encode_image",
    "encode_image_parameters",
    "read_generated_images",
]

P = TypeVar("P", bound="ImageParameters")
T = TypeVar("T")


# Requests


class PredictBody(Message):
    """Body of a ``:predict`` request."""

    instances: tuple[Message, ...] | None = None
    parameters: Message | None = None
    labels: Mapping[str, str] | None = None


class _ImageOutputOptions(Message):
    mime_type: str | None = None
    compression_quality: int | None = None


class ImageParameters(Message):
    """Parameters that several image operations share, named as in their configs."""

    output_gcs_uri: str | None = field(default=None, name="storageUri")
    negative_prompt: str | None = None
    number_of_images: int | None = field(default=None, name="sampleCount")
    aspect_ratio: str | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    safety_filter_level: SafetyFilterLevel | None = field(default=None, name="safetySetting")
    person_generation: PersonGeneration | None = None
    include_safety_attributes: bool | None = None
    include_rai_reason: bool | None = None
    language: ImagePromptLanguage | None = None
    output_options: _ImageOutputOptions | None = None
    add_watermark: bool | None = None
    image_size: str | None = field(default=None, name="sampleImageSize")
    enhance_prompt: bool | None = None


def encode_image_parameters(kind: type[P], config: Any, **own: Any) -> P | None:
    """Encode a config and an operation's `own` parameters as a message of type `kind`; None if nothing is set."""
    options = _ImageOutputOptions(
        mime_type=config.output_mime_type, compression_quality=config.output_compression_quality
    )
    return omit_if_empty(copy_fields(kind, config, output_options=omit_if_empty(options), **own))


class WireImage(OpenMessage):
    """An `Image` as it is sent and received."""

    gcs_uri: str | None = None
    image_bytes: bytes | None = field(default=None, name="bytesBase64Encoded")
    mime_type: str | None = None


def encode_image(image: Image | None) -> WireImage | None:
    """Encode an image; None if there is none."""
    return None if image is None else copy_fields(WireImage, image)


class WireImageField(Message):
    """A message whose only field is an image."""

    image: WireImage | None = None


# Responses


class _WireSafetyAttributes(OpenMessage):
    categories: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()


class ImagePrediction(WireImage):
    """A generated image with its safety attributes."""

    rai_filtered_reason: str | None = None
    enhanced_prompt: str | None = field(default=None, name="prompt")
    safety_attributes: _WireSafetyAttributes | None = None
    content_type: str | None = None


class ImagePredictions(OpenMessage):
    """Response with generated images."""

    predictions: tuple[ImagePrediction, ...] = ()
    positive_prompt_safety_attributes: ImagePrediction | None = None


def read_generated_images(kind: type[T]) -> ResponseReader[T]:
    """Read a response whose only field is ``generated_images``, as a message of type `kind`."""
    return read_json(ImagePredictions, _ImagesDecoder(kind))


class _ImagesDecoder(Value):
    kind: Any

    def __call__(self, wire: ImagePredictions) -> Any:
        return self.kind(generated_images=tuple(map(decode_generated_image, wire.predictions)), extra=wire.extra)


def decode_generated_image(prediction: ImagePrediction) -> GeneratedImage:
    """Decode a generated image and its safety attributes."""
    return copy_fields(
        GeneratedImage,
        prediction,
        image=decode_image(prediction),
        safety_attributes=decode_safety_attributes(prediction),
    )


def decode_image(wire: WireImage) -> Image | None:
    """Decode an image; None if it has no data, as when the safety filters have removed it."""
    return omit_if_empty(copy_fields(Image, wire, extra=None))


def decode_safety_attributes(prediction: ImagePrediction) -> SafetyAttributes | None:
    """Decode the safety attributes of an image or a prompt; None if there are none."""
    attributes = prediction.safety_attributes or _WireSafetyAttributes()
    return omit_if_empty(copy_fields(SafetyAttributes, attributes, content_type=prediction.content_type))
