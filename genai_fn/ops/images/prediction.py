"""Images in the bodies and answers of ``:predict``, where the service has names of its own for them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.schema import (
    GeneratedImage,
    Image,
    ImagePromptLanguage,
    PersonGeneration,
    SafetyAttributes,
    SafetyFilterLevel,
)
from genai_fn.schema.base import Message

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


# Out


class PredictBody(Message):
    """A body."""

    instances: tuple[Message, ...] | None = None
    parameters: Message | None = None
    labels: Mapping[str, str] | None = None


class _ImageOutputOptions(Message):
    mime_type: str | None = None
    compression_quality: int | None = None


class ImageParameters(Message):
    """What the makers of images have in common."""

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
    """Write what a config says of images, and what else its operation has to say; None where that is nothing."""
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
"""What configs call these; they call the others the same."""


class WireImage(Message):
    """An image."""

    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


def encode_image(image: Image | None) -> WireImage | None:
    """Write an image."""
    if image is None:
        return None
    return WireImage(gcs_uri=image.gcs_uri, bytes_base64_encoded=image.image_bytes, mime_type=image.mime_type)


class WireImageField(Message):
    """An image in a message of its own."""

    image: WireImage | None = None


# In


class _WireSafetyAttributes(Message):
    categories: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()


class ImagePrediction(WireImage):
    """An image that was made, and what is said of it."""

    rai_filtered_reason: str | None = None
    prompt: str | None = None
    safety_attributes: _WireSafetyAttributes | None = None
    content_type: str | None = None


class ImagePredictions(Message):
    """What comes back for images."""

    predictions: tuple[ImagePrediction, ...] = ()
    positive_prompt_safety_attributes: ImagePrediction | None = None


def decode_generated_image(prediction: ImagePrediction) -> GeneratedImage:
    """Read an image that was made."""
    return GeneratedImage(
        image=decode_image(prediction),
        rai_filtered_reason=prediction.rai_filtered_reason,
        safety_attributes=decode_safety_attributes(prediction),
        enhanced_prompt=prediction.prompt,
    )


def decode_image(wire: WireImage) -> Image | None:
    """Read an image; one that is held back is none."""
    image = Image(gcs_uri=wire.gcs_uri, image_bytes=wire.bytes_base64_encoded, mime_type=wire.mime_type)
    return None if image == Image() else image


def decode_safety_attributes(prediction: ImagePrediction) -> SafetyAttributes | None:
    """Read how harmful an image, or its prompt, was found to be."""
    safety = prediction.safety_attributes or _WireSafetyAttributes()
    found = SafetyAttributes(categories=safety.categories, scores=safety.scores, content_type=prediction.content_type)
    return None if found == SafetyAttributes() else found
