"""Images: made, edited, enlarged, recomposed and segmented; a prompt that says "forbidden" is held back."""

from collections.abc import Mapping
from typing import Any

from genai_fn.emulator.faults import invalid
from genai_fn.emulator.predictions.pictures import (
    PNG,
    SQUARE,
    Framed,
    Parameters,
    Picture,
    Prediction,
    bounded,
    described,
    extent,
    judged,
    made,
    only,
    painted,
    share,
    shown,
    sized,
    without_what_vertex_has,
)
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.stand_in.pixels import Size, mask
from genai_fn.schema import EntityLabel, SegmentMode
from genai_fn.schema._base import Message

__all__ = ["edited", "enlarged", "generated", "recomposed", "segmented"]


# Made of a prompt


class _Prompt(Message):
    prompt: str = ""


class _Generate(Message):
    instances: tuple[_Prompt, ...] = ()
    parameters: Parameters = Parameters()
    labels: Mapping[str, str] | None = None


def generated(asked: Asked) -> tuple[Prediction, ...]:
    """Make images of a prompt, and judge the prompt if asked to."""
    body = body_of(asked, _Generate)
    prompt, how = only(body.instances).prompt, body.parameters
    if not asked.vertex:
        without_what_vertex_has(how, _VERTEX_ALONE)
    if not prompt.strip():
        raise invalid("Text prompt cannot be empty.")
    images = made(prompt, sized(how), how, usually=4)
    if not how.include_safety_attributes:
        return images
    return (*images, Prediction(content_type="Positive Prompt", safety_attributes=judged(prompt)))


_VERTEX_ALONE = ("storage_uri", "negative_prompt", "seed", "add_watermark", "enhance_prompt")


# Edited


class _EditReference(Message):
    reference_type: str = ""
    reference_image: Picture | None = None
    reference_id: int | None = None
    mask_image_config: Mapping[str, Any] | None = None
    control_image_config: Mapping[str, Any] | None = None
    style_image_config: Mapping[str, Any] | None = None
    subject_image_config: Mapping[str, Any] | None = None


class _EditInstance(_Prompt):
    reference_images: tuple[_EditReference, ...] = ()


class _EditConfig(Message):
    base_steps: int | None = None


class _EditParameters(Parameters):
    edit_mode: str | None = None
    edit_config: _EditConfig | None = None


class _Edit(Message):
    instances: tuple[_EditInstance, ...] = ()
    parameters: _EditParameters = _EditParameters()
    labels: Mapping[str, str] | None = None


def edited(asked: Asked) -> tuple[Prediction, ...]:
    """Make images that are as large as the one that they are made of."""
    body = body_of(asked, _Edit)
    instance = only(body.instances)
    if not instance.reference_images:
        raise invalid("Image editing failed: at least one reference image is needed.")
    for each in instance.reference_images:
        if each.reference_type not in _REFERENCES:
            raise invalid(f"Invalid reference type {each.reference_type!r}: it is none of {', '.join(_REFERENCES)}.")
    pictures = [each.reference_image for each in instance.reference_images if each.reference_image is not None]
    known = next(filter(None, map(extent, pictures)), None) if body.parameters.aspect_ratio is None else None
    of = " ".join(map(described, pictures))
    return made(instance.prompt, known or sized(body.parameters), body.parameters, usually=4, of=of)


_REFERENCES = tuple(f"REFERENCE_TYPE_{kind}" for kind in ("RAW", "MASK", "CONTROL", "STYLE", "SUBJECT", "CONTENT"))


# Enlarged


class _UpscaleConfig(Message):
    upscale_factor: str = ""
    enhance_input_image: bool | None = None
    image_preservation_factor: float | None = None


class _UpscaleParameters(Parameters):
    mode: str = ""
    upscale_config: _UpscaleConfig = _UpscaleConfig()


class _UpscaleInstance(Framed):
    prompt: str = ""


class _Upscale(Message):
    instances: tuple[_UpscaleInstance, ...] = ()
    parameters: _UpscaleParameters = _UpscaleParameters()
    labels: Mapping[str, str] | None = None


def enlarged(asked: Asked) -> tuple[Prediction, ...]:
    """Make an image so many times as wide and high, for what can be told of the one given."""
    body = body_of(asked, _Upscale)
    picture, factor = shown(only(body.instances).image), body.parameters.upscale_config.upscale_factor
    if factor not in _FACTORS:
        raise invalid(f"Invalid upscale factor {factor!r}: it is none of {', '.join(_FACTORS)}.")
    size, times = extent(picture) or SQUARE, _FACTORS[factor]
    larger = bounded(Size(size.width * times, size.height * times))
    return (painted("", larger, body.parameters, of=described(picture)),)


_FACTORS = {"x2": 2, "x3": 3, "x4": 4}


# Recomposed


class _RecontextInstance(_Prompt):
    person_image: Framed | None = None
    product_images: tuple[Framed, ...] = ()


class _RecontextParameters(Parameters):
    base_steps: int | None = None


class _Recontext(Message):
    instances: tuple[_RecontextInstance, ...] = ()
    parameters: _RecontextParameters = _RecontextParameters()
    labels: Mapping[str, str] | None = None


def recomposed(asked: Asked) -> tuple[Prediction, ...]:
    """Put one to three products into a scene, or a product on a person."""
    body = body_of(asked, _Recontext)
    instance = only(body.instances)
    most = 3 if instance.person_image is None else 1
    if not 0 < len(instance.product_images) <= most:
        raise invalid(f"{len(instance.product_images)} product images given, but from 1 to {most} are allowed.")
    framed = (*instance.product_images, instance.person_image)
    of = " ".join(described(shown(each.image)) for each in framed if each is not None)
    return made(instance.prompt, sized(body.parameters), body.parameters, usually=1, of=of)


# Segmented


class _SegmentInstance(_UpscaleInstance):
    scribble: Framed | None = None


class _SegmentParameters(Message):
    mode: SegmentMode = SegmentMode.FOREGROUND
    max_predictions: int | None = None
    confidence_threshold: float = 0
    mask_dilation: float | None = None
    binary_color_threshold: float | None = None


class _Segment(Message):
    instances: tuple[_SegmentInstance, ...] = ()
    parameters: _SegmentParameters = _SegmentParameters()
    labels: Mapping[str, str] | None = None


def segmented(asked: Asked) -> tuple[Prediction, ...]:
    """Find each thing that a prompt lists, or the one that a mode means; all masks are as large as the image."""
    body = body_of(asked, _Segment)
    instance, how = only(body.instances), body.parameters
    picture = shown(instance.image)
    if how.mode in _PROMPTED and not instance.prompt.strip():
        raise invalid(f"The mode {how.mode} needs a prompt.")
    if how.mode == SegmentMode.INTERACTIVE:
        shown((instance.scribble or Framed()).image)
    size = bounded(extent(picture) or SQUARE)
    named = instance.prompt.split(",") if how.mode in _PROMPTED else [how.mode.lower()]
    found = [_masked(name.strip(), described(picture), size) for name in named if name.strip()]
    certain = [each for each in found if (each.labels[0].score or 0) >= how.confidence_threshold]
    return tuple(certain[: how.max_predictions])


_PROMPTED = (SegmentMode.PROMPT, SegmentMode.SEMANTIC)


def _masked(name: str, within: str, size: Size) -> Prediction:
    words = f"{name} {within}"
    label = EntityLabel(label=name, score=share(words))
    return Prediction(mime_type=PNG, bytes_base64_encoded=mask(size, words), labels=(label,))
