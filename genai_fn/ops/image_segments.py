"""Images segmented: masks of what is where. People find the builder in ``images``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.names import model_name, valid_model
from genai_fn.ops._parts import nothing_is_none
from genai_fn.ops._predict import Framed, Picture, Predict, picture, seen
from genai_fn.request import POST, Call, Operation, Refusal, Request, json
from genai_fn.schema import (
    EntityLabel,
    GeneratedImageMask,
    SegmentImageConfig,
    SegmentImageResponse,
    SegmentImageSource,
    SegmentMode,
)
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct, as_value

__all__ = ["SegmentImage", "segment"]


class SegmentImage(Operation[SegmentImageResponse]):
    """Find what is where in an image."""

    op: ClassVar = "images.segment"

    model: str
    source: SegmentImageSource
    config: SegmentImageConfig = SegmentImageConfig()

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("images are segmented on Vertex AI alone")

    def vertex(self, at: Vertex) -> Call[SegmentImageResponse]:
        body = nothing_is_none(_segment(self))
        return POST(f"{model_name(at, self.model)}:predict", body, json(_Masks, _segmented))


def segment(
    model: str,
    source: SegmentImageSource | Mapping[str, Any],
    config: SegmentImageConfig | Mapping[str, Any] | None = None,
) -> Request[SegmentImageResponse]:
    """
    Find what is where in an image: masks, and names for what they cover.

    Args:
        model: Such as ``image-segmentation-001``.

        source: The image, with a prompt for the modes ``PROMPT`` and ``SEMANTIC``, a scribble for ``INTERACTIVE``.

        config: What is looked for, and what masks are like.

    >>> cat = {"image": {"gcs_uri": "gs://b/cat.png"}}
    >>> segment("image-segmentation-001", cat, {"mode": "FOREGROUND"}).operation.source
    SegmentImageSource(image=Image(gcs_uri='gs://b/cat.png'))
    """
    return Request(
        SegmentImage(
            model=valid_model(model),
            source=as_value(SegmentImageSource, source, "source"),
            config=as_struct(SegmentImageConfig, config),
        )
    )


class _Segment(Message):
    prompt: str | None = None
    image: Picture | None = None
    scribble: Framed | None = None


class _SegmentParameters(Message):
    mode: SegmentMode | None = None
    max_predictions: int | None = None
    confidence_threshold: float | None = None
    mask_dilation: float | None = None
    binary_color_threshold: float | None = None


def _segment(operation: SegmentImage) -> Predict:
    source, config = operation.source, operation.config
    scribble = source.scribble_image
    instance = _Segment(
        prompt=source.prompt,
        image=picture(source.image),
        scribble=None if scribble is None else Framed(image=picture(scribble.image)),
    )
    how = _SegmentParameters(
        mode=config.mode,
        max_predictions=config.max_predictions,
        confidence_threshold=config.confidence_threshold,
        mask_dilation=config.mask_dilation,
        binary_color_threshold=config.binary_color_threshold,
    )
    return Predict(
        instances=None if instance == _Segment() else (instance,), parameters=nothing_is_none(how), labels=config.labels
    )


class _Mask(Picture):
    labels: tuple[EntityLabel, ...] = ()


class _Masks(Message):
    predictions: tuple[_Mask, ...] = ()


def _segmented(wire: _Masks) -> SegmentImageResponse:
    masks = tuple(GeneratedImageMask(mask=seen(each), labels=each.labels) for each in wire.predictions)
    return SegmentImageResponse(generated_masks=masks)
