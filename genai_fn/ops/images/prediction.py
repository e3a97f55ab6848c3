"""Bodies and responses of ``:predict`` that all image operations share."""

from collections.abc import Mapping
from typing import Any, TypeVar

from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.images import (
    GeneratedImage,
    Image,
    ImagePromptLanguage,
    PersonGeneration,
    SafetyAttributes,
    SafetyFilterLevel,
)

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
]

P = TypeVar("P", bound="ImageParameters")


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
    """Parameters that several image operations share."""

    storage_uri: str | None = None
    negative_prompt: str | None = None
    sample_count: int | None = None
    aspect_ratio: str | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    safety_setting: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_safety_attributes: bool | None = None
    include_rai_reason: bool | None = None
    language: ImagePromptLanguage | None = None
    output_options: _ImageOutputOptions | None = None
    add_watermark: bool | None = None
    sample_image_size: str | None = None
    enhance_prompt: bool | None = None


def encode_image_parameters(kind: type[P], config: Any, **own: Any) -> P | None:
    """Encode a config and an operation's `own` parameters as a message of type `kind`; None if nothing is set."""
    options = _ImageOutputOptions(
        mime_type=config.output_mime_type, compression_quality=config.output_compression_quality
    )
    given = {
        name: getattr(config, _CONFIG_FIELD_BY_PARAMETER.get(name, name), None)
        for name in ImageParameters.__struct_fields__
    }
    given["output_options"] = omit_if_empty(options)
    return omit_if_empty(kind(**{**given, **own}))


_CONFIG_FIELD_BY_PARAMETER = {
    "storage_uri": "output_gcs_uri",
    "sample_count": "number_of_images",
    "safety_setting": "safety_filter_level",
    "sample_image_size": "image_size",
}
"""Names of these parameters in the configs; the other names are the same."""


class WireImage(OpenMessage):
    """An image as it is sent and received."""

    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


def encode_image(image: Image | None) -> WireImage | None:
    """Encode an image; None if there is none."""
    if image is None:
        return None
    return WireImage(
        gcs_uri=image.gcs_uri,
        bytes_base64_encoded=image.image_bytes,
        mime_type=image.mime_type,
        extra=image.extra,
    )


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
    prompt: str | None = None
    safety_attributes: _WireSafetyAttributes | None = None
    content_type: str | None = None


class ImagePredictions(OpenMessage):
    """Response with generated images."""

    predictions: tuple[ImagePrediction, ...] = ()
    positive_prompt_safety_attributes: ImagePrediction | None = None


def decode_generated_image(prediction: ImagePrediction) -> GeneratedImage:
    """Decode a generated image and its safety attributes."""
    return GeneratedImage(
        image=decode_image(prediction),
        rai_filtered_reason=prediction.rai_filtered_reason,
        safety_attributes=decode_safety_attributes(prediction),
        enhanced_prompt=prediction.prompt,
        extra=prediction.extra,
    )


def decode_image(wire: WireImage) -> Image | None:
    """Decode an image; None if it has no data, as when the safety filters have removed it."""
    image = Image(gcs_uri=wire.gcs_uri, image_bytes=wire.bytes_base64_encoded, mime_type=wire.mime_type)
    return None if image == Image() else image


def decode_safety_attributes(prediction: ImagePrediction) -> SafetyAttributes | None:
    """Decode the safety attributes of an image or a prompt; None if there are none."""
    safety = prediction.safety_attributes or _WireSafetyAttributes()
    attributes = SafetyAttributes(
        categories=safety.categories,
        scores=safety.scores,
        content_type=prediction.content_type,
        extra=safety.extra,
    )
    return None if attributes == SafetyAttributes() else attributes
