"""Images in the bodies and answers of ``:predict``, where the service has names of its own for them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from genai_fn.ops._parts import nothing_is_none
from genai_fn.schema import (
    GeneratedImage,
    Image,
    ImagePromptLanguage,
    PersonGeneration,
    SafetyAttributes,
    SafetyFilterLevel,
)
from genai_fn.schema._base import Message

__all__ = [
    "Framed",
    "Parameters",
    "Picture",
    "Predict",
    "Prediction",
    "Predictions",
    "drawn",
    "judged",
    "parameters",
    "picture",
    "seen",
]

P = TypeVar("P", bound="Parameters")


# Out


class Predict(Message):
    """A body."""

    instances: tuple[Message, ...] | None = None
    parameters: Message | None = None
    labels: Mapping[str, str] | None = None


class _OutputOptions(Message):
    mime_type: str | None = None
    compression_quality: int | None = None


class Parameters(Message):
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
    output_options: _OutputOptions | None = None
    add_watermark: bool | None = None
    sample_image_size: str | None = None
    enhance_prompt: bool | None = None


def parameters(kind: type[P], config: Any, **own: Any) -> P | None:
    """Write what a config says of images, and what else its operation has to say; None where that is nothing."""
    options = _OutputOptions(mime_type=config.output_mime_type, compression_quality=config.output_compression_quality)
    given = {name: getattr(config, _CONFIGS.get(name, name), None) for name in Parameters.__struct_fields__}
    given["output_options"] = nothing_is_none(options)
    return nothing_is_none(kind(**{**given, **own}))


_CONFIGS = {
    "storage_uri": "output_gcs_uri",
    "sample_count": "number_of_images",
    "safety_setting": "safety_filter_level",
    "sample_image_size": "image_size",
}
"""What configs call these; they call the others the same."""


class Picture(Message):
    """An image."""

    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


def picture(image: Image | None) -> Picture | None:
    """Write an image."""
    if image is None:
        return None
    return Picture(gcs_uri=image.gcs_uri, bytes_base64_encoded=image.image_bytes, mime_type=image.mime_type)


class Framed(Message):
    """An image in a message of its own."""

    image: Picture | None = None


# In


class _Safety(Message):
    categories: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()


class Prediction(Picture):
    """An image that was made, and what is said of it."""

    rai_filtered_reason: str | None = None
    prompt: str | None = None
    safety_attributes: _Safety | None = None
    content_type: str | None = None


class Predictions(Message):
    """What comes back for images."""

    predictions: tuple[Prediction, ...] = ()
    positive_prompt_safety_attributes: Prediction | None = None


def drawn(prediction: Prediction) -> GeneratedImage:
    """Read an image that was made."""
    return GeneratedImage(
        image=seen(prediction),
        rai_filtered_reason=prediction.rai_filtered_reason,
        safety_attributes=judged(prediction),
        enhanced_prompt=prediction.prompt,
    )


def seen(wire: Picture) -> Image | None:
    """Read an image; one that is held back is none."""
    image = Image(gcs_uri=wire.gcs_uri, image_bytes=wire.bytes_base64_encoded, mime_type=wire.mime_type)
    return None if image == Image() else image


def judged(prediction: Prediction) -> SafetyAttributes | None:
    """Read how harmful an image, or its prompt, was found to be."""
    safety = prediction.safety_attributes or _Safety()
    found = SafetyAttributes(categories=safety.categories, scores=safety.scores, content_type=prediction.content_type)
    return None if found == SafetyAttributes() else found
