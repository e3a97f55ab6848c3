"""
Images: generate and upscale them. The other operations are in modules of their own.

- `editing`: edit images.
- `recontext`: place products or people in a new scene.
- `segments`: segment an image into masks.
- `prediction`: the bodies and responses that these operations share.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import Unsupported
from genai_fn.ops.images.editing import edit
from genai_fn.ops.images.prediction import (
    ImageParameters,
    ImagePrediction,
    ImagePredictions,
    PredictBody,
    WireImage,
    decode_generated_image,
    decode_safety_attributes,
    encode_image,
    encode_image_parameters,
    read_generated_images,
)
from genai_fn.ops.images.recontext import recontext
from genai_fn.ops.images.segments import segment
from genai_fn.ops.request_parts import copy_fields
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.images import (
    GenerateImagesConfig,
    GenerateImagesResponse,
    Image,
    PersonGeneration,
    SafetyFilterLevel,
    UpscaleImageConfig,
    UpscaleImageResponse,
)
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.media import GenerateImagesConfigLike, UpscaleImageConfigLike

__all__ = ["GenerateImages", "UpscaleImage", "edit", "generate", "recontext", "segment", "upscale"]


class GenerateImages(Operation[GenerateImagesResponse]):
    """Generate images from a prompt."""

    op: ClassVar = "images.generate"

    model: str
    prompt: str
    config: GenerateImagesConfig = GenerateImagesConfig()

    def gemini(self, at: Gemini) -> Call[GenerateImagesResponse]:
        _refuse_gemini_unsupported(self.config, at)
        return POST(
            f"{resolve_model_name(at, self.model)}:predict",
            _encode_generate(self),
            read_json(ImagePredictions, _decode_generate),
        )

    def vertex(self, at: Vertex) -> Call[GenerateImagesResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:predict",
            _encode_generate(self),
            read_json(ImagePredictions, _decode_generate),
        )


def generate(
    model: str, prompt: str, config: "GenerateImagesConfigLike | None" = None
) -> Request[GenerateImagesResponse]:
    """
    Generate images from a prompt.

    An image that the safety filters remove is returned without ``image``; with ``include_rai_reason`` in the config,
    its ``rai_filtered_reason`` states why.

    Args:
        model: An Imagen model, such as ``imagen-4.0-generate-001``, in any form that ``genai_fn.generate`` accepts.

        prompt: Description of the images.

        config: Number and aspect ratio of the images, safety filters, and more.

    Raises:
        InvalidRequest: If the model name is empty or invalid, the prompt is not a text, or a field of ``config`` is
            unknown or has the wrong type.

    Fails with:
        Unsupported: If a field is set that the backend does not have; the error lists the paths.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> generate("imagen-4.0-generate-001", "a cat", {"number_of_images": 2}).operation.config
    GenerateImagesConfig(number_of_images=2)
    """
    return Request(
        GenerateImages(
            model=check_model_name(model),
            prompt=as_value(str, prompt, "prompt"),
            config=as_struct(GenerateImagesConfig, config),
        )
    )


def _refuse_gemini_unsupported(config: GenerateImagesConfig, at: Gemini) -> None:
    paths: list[str] = []
    if config.safety_filter_level == SafetyFilterLevel.BLOCK_NONE:
        paths.append("config.safety_filter_level")
    if config.person_generation == PersonGeneration.ALLOW_ALL:
        paths.append("config.person_generation")
    if paths:
        raise Unsupported(at.title, tuple(paths))


class _PromptInstance(Message):
    prompt: str


def _encode_generate(operation: GenerateImages) -> PredictBody:
    return PredictBody(
        instances=(_PromptInstance(prompt=operation.prompt),),
        parameters=encode_image_parameters(ImageParameters, operation.config),
        labels=operation.config.labels,
    )


def _decode_generate(wire: ImagePredictions) -> GenerateImagesResponse:
    """Separate the images from the safety attributes of the prompt, which are sent as one of the predictions."""
    images = [each for each in wire.predictions if each.content_type != _PROMPT_CONTENT_TYPE]
    prompt_predictions = [each for each in wire.predictions if each.content_type == _PROMPT_CONTENT_TYPE]
    safety_source = (
        prompt_predictions[-1] if prompt_predictions else wire.positive_prompt_safety_attributes or ImagePrediction()
    )
    return GenerateImagesResponse(
        generated_images=tuple(map(decode_generated_image, images)),
        positive_prompt_safety_attributes=decode_safety_attributes(safety_source),
        extra=wire.extra,
    )


_PROMPT_CONTENT_TYPE = "Positive Prompt"


class UpscaleImage(Operation[UpscaleImageResponse]):
    """Upscale an image."""

    op: ClassVar = "images.upscale"

    model: str
    image: Image
    upscale_factor: str
    config: UpscaleImageConfig = UpscaleImageConfig()

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("images can be upscaled only on Vertex AI")

    def vertex(self, at: Vertex) -> Call[UpscaleImageResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:predict",
            _encode_upscale(self),
            read_generated_images(UpscaleImageResponse),
        )


def upscale(
    model: str,
    image: Image | Mapping[str, Any],
    upscale_factor: str,
    config: "UpscaleImageConfigLike | None" = None,
) -> Request[UpscaleImageResponse]:
    """
    Upscale an image. Vertex AI only.

    Args:
        model: An Imagen model, such as ``imagen-4.0-upscale-preview``, in any form that ``genai_fn.generate`` accepts.

        image: The image: its bytes, or its Cloud Storage URI.

        upscale_factor: ``x2``, ``x3`` or ``x4``.

        config: Output file type, output location, and more.

    Raises:
        InvalidRequest: If the model name is empty or invalid, an argument has the wrong type, or a field of ``config``
            is unknown.

    Fails with:
        Unsupported: On the Gemini Developer API.

        ClientError: If the model does not exist (404), or the server rejects the image or the factor (400).

    >>> upscale("imagen-4.0-upscale-preview", {"gcs_uri": "gs://b/cat.png"}, "x2").operation.image
    Image(gcs_uri='gs://b/cat.png')
    """
    return Request(
        UpscaleImage(
            model=check_model_name(model),
            image=as_value(Image, image, "image"),
            upscale_factor=as_value(str, upscale_factor, "upscale_factor"),
            config=as_struct(UpscaleImageConfig, config),
        )
    )


class _UpscaleInstance(Message):
    image: WireImage | None


class _UpscaleConfig(Message):
    upscale_factor: str
    enhance_input_image: bool | None = None
    image_preservation_factor: float | None = None


class _UpscaleParameters(ImageParameters):
    mode: str | None = None
    upscale_config: _UpscaleConfig | None = None


def _encode_upscale(operation: UpscaleImage) -> PredictBody:
    config = operation.config
    upscaling = copy_fields(_UpscaleConfig, config, upscale_factor=operation.upscale_factor)
    return PredictBody(
        instances=(_UpscaleInstance(image=encode_image(operation.image)),),
        parameters=encode_image_parameters(
            _UpscaleParameters, config, mode="upscale", number_of_images=1, upscale_config=upscaling
        ),
        labels=config.labels,
    )
