"""Images: generation, editing, upscaling, recontextualization, segmentation. A prompt with "forbidden" is blocked."""

from collections.abc import Mapping
from typing import Any

from genai_fn.emulator.fake_model.png import PixelSize, draw_mask
from genai_fn.emulator.predictions.image_predictions import (
    DEFAULT_SIZE,
    PNG_MIME_TYPE,
    EmulatedImage,
    EmulatedImageField,
    EmulatedImageParameters,
    EmulatedPredictBody,
    EmulatedPrediction,
    build_prediction,
    build_predictions,
    check_choice,
    check_image_size,
    derive_score,
    get_single_instance,
    hash_image,
    parse_image_size,
    rate_safety,
    read_image_size,
    refuse_vertex_fields,
    require_image,
)
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, check_count, parse_body
from genai_fn.schema.base import Message
from genai_fn.schema.image_editing import EntityLabel, SegmentMode


class _PromptInstance(Message):
    prompt: str = ""


class _GenerateBody(EmulatedPredictBody):
    instances: tuple[_PromptInstance, ...] = ()
    parameters: EmulatedImageParameters = EmulatedImageParameters()


def generate_images(request: EmulatedRequest) -> tuple[EmulatedPrediction, ...]:
    """Generate images from a prompt, with the safety attributes of the prompt if requested."""
    body = parse_body(request, _GenerateBody)
    prompt, parameters = get_single_instance(body.instances).prompt, body.parameters
    if not request.is_vertex:
        refuse_vertex_fields(parameters, _VERTEX_ONLY_FIELDS)
    if not prompt.strip():
        raise make_invalid_argument("Text prompt cannot be empty.")
    images = build_predictions(prompt, parse_image_size(parameters), parameters, default_count=4)
    if not parameters.include_safety_attributes:
        return images
    return (*images, EmulatedPrediction(content_type="Positive Prompt", safety_attributes=rate_safety(prompt)))


_VERTEX_ONLY_FIELDS = ("storage_uri", "negative_prompt", "seed", "add_watermark", "enhance_prompt")


class _EditReference(Message):
    reference_type: str = ""
    reference_image: EmulatedImage | None = None
    reference_id: int | None = None
    mask_image_config: Mapping[str, Any] | None = None
    control_image_config: Mapping[str, Any] | None = None
    style_image_config: Mapping[str, Any] | None = None
    subject_image_config: Mapping[str, Any] | None = None


class _EditInstance(_PromptInstance):
    reference_images: tuple[_EditReference, ...] = ()


class _EditConfig(Message):
    base_steps: int | None = None


class _EditParameters(EmulatedImageParameters):
    edit_mode: str | None = None
    edit_config: _EditConfig | None = None


class _EditBody(EmulatedPredictBody):
    instances: tuple[_EditInstance, ...] = ()
    parameters: _EditParameters = _EditParameters()


def edit_images(request: EmulatedRequest) -> tuple[EmulatedPrediction, ...]:
    """Edit images. The results have the size of the first reference image whose size is known."""
    body = parse_body(request, _EditBody)
    instance = get_single_instance(body.instances)
    if not instance.reference_images:
        raise make_invalid_argument("Image editing failed: at least one reference image is needed.")
    for each in instance.reference_images:
        check_choice("reference type", each.reference_type, _REFERENCE_TYPES)
    images = [each.reference_image for each in instance.reference_images if each.reference_image is not None]
    size = next(filter(None, map(read_image_size, images)), None) if body.parameters.aspect_ratio is None else None
    size = size or parse_image_size(body.parameters)
    seed_text = " ".join(map(hash_image, images))
    return build_predictions(instance.prompt, size, body.parameters, default_count=4, seed_text=seed_text)


_REFERENCE_TYPES = tuple(f"REFERENCE_TYPE_{kind}" for kind in ("RAW", "MASK", "CONTROL", "STYLE", "SUBJECT", "CONTENT"))


class _UpscaleConfig(Message):
    upscale_factor: str = ""
    enhance_input_image: bool | None = None
    image_preservation_factor: float | None = None


class _UpscaleParameters(EmulatedImageParameters):
    mode: str = ""
    upscale_config: _UpscaleConfig = _UpscaleConfig()


class _UpscaleInstance(EmulatedImageField):
    prompt: str = ""


class _UpscaleBody(EmulatedPredictBody):
    instances: tuple[_UpscaleInstance, ...] = ()
    parameters: _UpscaleParameters = _UpscaleParameters()


def upscale_image(request: EmulatedRequest) -> tuple[EmulatedPrediction, ...]:
    """Upscale an image by a factor of 2, 3 or 4."""
    body = parse_body(request, _UpscaleBody)
    image = require_image(get_single_instance(body.instances).image)
    factor = body.parameters.upscale_config.upscale_factor
    check_choice("upscale factor", factor, _UPSCALE_FACTORS)
    size, scale = read_image_size(image) or DEFAULT_SIZE, _UPSCALE_FACTORS[factor]
    larger = check_image_size(PixelSize(size.width * scale, size.height * scale))
    return (build_prediction("", larger, body.parameters, seed_text=hash_image(image)),)


_UPSCALE_FACTORS = {"x2": 2, "x3": 3, "x4": 4}


class _RecontextInstance(_PromptInstance):
    person_image: EmulatedImageField | None = None
    product_images: tuple[EmulatedImageField, ...] = ()


class _RecontextParameters(EmulatedImageParameters):
    base_steps: int | None = None


class _RecontextBody(EmulatedPredictBody):
    instances: tuple[_RecontextInstance, ...] = ()
    parameters: _RecontextParameters = _RecontextParameters()


def recontext_images(request: EmulatedRequest) -> tuple[EmulatedPrediction, ...]:
    """Place one to three products in a scene, or one product on a person."""
    body = parse_body(request, _RecontextBody)
    instance = get_single_instance(body.instances)
    max_count = 3 if instance.person_image is None else 1
    check_count(instance.product_images, "product images", max_count)
    image_fields = (*instance.product_images, instance.person_image)
    seed_text = " ".join(hash_image(require_image(each.image)) for each in image_fields if each is not None)
    return build_predictions(
        instance.prompt, parse_image_size(body.parameters), body.parameters, default_count=1, seed_text=seed_text
    )


class _SegmentInstance(_UpscaleInstance):
    scribble: EmulatedImageField | None = None


class _SegmentParameters(Message):
    mode: SegmentMode = SegmentMode.FOREGROUND
    max_predictions: int | None = None
    confidence_threshold: float = 0
    mask_dilation: float | None = None
    binary_color_threshold: float | None = None


class _SegmentBody(EmulatedPredictBody):
    instances: tuple[_SegmentInstance, ...] = ()
    parameters: _SegmentParameters = _SegmentParameters()


def segment_image(request: EmulatedRequest) -> tuple[EmulatedPrediction, ...]:
    """Return a mask for each object that the prompt lists, or one for the mode. Masks have the size of the image."""
    body = parse_body(request, _SegmentBody)
    instance, parameters = get_single_instance(body.instances), body.parameters
    image = require_image(instance.image)
    if parameters.mode in _MODES_WITH_PROMPT and not instance.prompt.strip():
        raise make_invalid_argument(f"The mode {parameters.mode} needs a prompt.")
    if parameters.mode == SegmentMode.INTERACTIVE:
        require_image((instance.scribble or EmulatedImageField()).image)
    size = check_image_size(read_image_size(image) or DEFAULT_SIZE)
    labels = instance.prompt.split(",") if parameters.mode in _MODES_WITH_PROMPT else [parameters.mode.lower()]
    if (parameters.max_predictions or 0) < 0:
        raise make_invalid_argument(f"max_predictions must not be less than 0, but is {parameters.max_predictions}.")
    image_hash = hash_image(image)
    seeds = [(name.strip(), f"{name.strip()} {image_hash}") for name in labels if name.strip()]
    confident = [each for each in seeds if derive_score(each[1]) >= parameters.confidence_threshold]
    return tuple(_build_mask_prediction(*each, size) for each in confident[: parameters.max_predictions])


_MODES_WITH_PROMPT = (SegmentMode.PROMPT, SegmentMode.SEMANTIC)


def _build_mask_prediction(name: str, seed: str, size: PixelSize) -> EmulatedPrediction:
    label = EntityLabel(label=name, score=derive_score(seed))
    return EmulatedPrediction(mime_type=PNG_MIME_TYPE, bytes_base64_encoded=draw_mask(size, seed), labels=(label,))
