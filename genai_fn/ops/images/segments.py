"""Image segmentation; the builder is ``images.segment``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import field

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.images.prediction import PredictBody, WireImage, WireImageField, decode_image
from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.image_editing import (
    EntityLabel,
    GeneratedImageMask,
    SegmentImageConfig,
    SegmentImageResponse,
    SegmentImageSource,
    SegmentMode,
)
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.media import SegmentImageConfigLike

__all__ = ["SegmentImage", "segment"]


class SegmentImage(Operation[SegmentImageResponse]):
    """Segment an image."""

    op: ClassVar = "images.segment"

    model: str
    source: SegmentImageSource
    config: SegmentImageConfig = SegmentImageConfig()

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("images can be segmented only on Vertex AI")

    def vertex(self, at: Vertex) -> Call[SegmentImageResponse]:
        body = omit_if_empty(_encode_segment(self))
        return POST(f"{resolve_model_name(at, self.model)}:predict", body, read_json(_MaskPredictions, _decode_segment))


def segment(
    model: str,
    source: SegmentImageSource | Mapping[str, Any],
    config: "SegmentImageConfigLike | None" = None,
) -> Request[SegmentImageResponse]:
    """
    Segment an image: masks, with a label for what each covers. Vertex AI only.

    Args:
        model: Such as ``image-segmentation-001``.

        source: The image; with a prompt for the modes ``PROMPT`` and ``SEMANTIC``, a scribble for ``INTERACTIVE``.

        config: Mode, number and thresholds of the masks.

    Raises:
        InvalidRequest: If the model name is empty or invalid, ``source`` has the wrong type, or a field of it or of
            ``config`` is unknown.

    Fails with:
        Unsupported: On the Gemini Developer API.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> cat = {"image": {"gcs_uri": "gs://b/cat.png"}}
    >>> segment("image-segmentation-001", cat, {"mode": "FOREGROUND"}).operation.source
    SegmentImageSource(image=Image(gcs_uri='gs://b/cat.png'))
    """
    return Request(
        SegmentImage(
            model=check_model_name(model),
            source=as_value(SegmentImageSource, source, "source"),
            config=as_struct(SegmentImageConfig, config),
        )
    )


class _SegmentInstance(Message):
    prompt: str | None = None
    image: WireImage | None = None
    scribble_image: WireImageField | None = field(default=None, name="scribble")


class _SegmentParameters(Message):
    mode: SegmentMode | None = None
    max_predictions: int | None = None
    confidence_threshold: float | None = None
    mask_dilation: float | None = None
    binary_color_threshold: float | None = None


def _encode_segment(operation: SegmentImage) -> PredictBody:
    instance = copy_fields(_SegmentInstance, operation.source)
    return PredictBody(
        instances=None if instance == _SegmentInstance() else (instance,),
        parameters=omit_if_empty(copy_fields(_SegmentParameters, operation.config)),
        labels=operation.config.labels,
    )


class _MaskPrediction(WireImage):
    labels: tuple[EntityLabel, ...] = ()


class _MaskPredictions(OpenMessage):
    predictions: tuple[_MaskPrediction, ...] = ()


def _decode_segment(wire: _MaskPredictions) -> SegmentImageResponse:
    masks = tuple(
        GeneratedImageMask(mask=decode_image(each), labels=each.labels, extra=each.extra) for each in wire.predictions
    )
    return SegmentImageResponse(generated_masks=masks, extra=wire.extra)
