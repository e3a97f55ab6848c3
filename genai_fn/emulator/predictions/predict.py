"""Predictions: one method for images of every kind, and, on Vertex AI, for embeddings; which, its instances show."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from genai_fn import codec
from genai_fn.emulator.contents.embeddings import predict_embeddings
from genai_fn.emulator.predictions.image_predictions import EmulatedPrediction
from genai_fn.emulator.predictions.images import (
    edit_images,
    generate_images,
    recontext_images,
    segment_image,
    upscale_image,
)
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.model_paths import VERTEX_MODEL_PATHS
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema.base import Message

__all__ = ["ROUTES"]


class _Predictions(Message):
    predictions: tuple[EmulatedPrediction, ...] = ()


def _predict(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Answer ``predict``."""
    making = _choose_method(asked)
    if not asked.is_vertex and making is not generate_images:
        raise EmulatedFault(
            404, "NOT_FOUND", f"models/{asked.path_params['model']} is for Vertex AI alone to ask this of."
        )
    if making is None:
        return predict_embeddings(state, asked)
    return state, build_json_response(_Predictions(predictions=making(asked)))


ROUTES = tuple(("POST", f"{model}:predict", _predict) for model in ("models/{model}", *VERTEX_MODEL_PATHS))

_ImageMethod: TypeAlias = Callable[[EmulatedRequest], tuple[EmulatedPrediction, ...]]


def _choose_method(asked: EmulatedRequest) -> _ImageMethod | None:
    """Tell what is meant: by the model, or by what the first instance holds; None for embeddings."""
    by_model = [making for word, making in _METHODS_BY_MODEL.items() if word in asked.path_params["model"]]
    if by_model:
        return by_model[0]
    rough = _parse_partial_body(asked)
    held: Mapping[str, Any] = rough.instances[0] if rough.instances else {}
    by_name = [making for name, making in _METHODS_BY_FIELD.items() if name in held]
    if by_name:
        return by_name[0]
    if "image" in held:
        return upscale_image if rough.parameters.get("mode") == "upscale" else segment_image
    return None if "content" in held else generate_images


_METHODS_BY_MODEL: Mapping[str, _ImageMethod] = {
    "recontext": recontext_images,
    "try-on": recontext_images,
    "segmentation": segment_image,
}
_METHODS_BY_FIELD: Mapping[str, _ImageMethod] = {
    "referenceImages": edit_images,
    "reference_images": edit_images,
    "productImages": recontext_images,
    "product_images": recontext_images,
    "personImage": recontext_images,
    "person_image": recontext_images,
}


class _PartialBody(Message):
    instances: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = {}


def _parse_partial_body(asked: EmulatedRequest) -> _PartialBody:
    """Read just enough; what is wrong with a body, the method says that reads it whole."""
    try:
        return codec.decode(asked.body_bytes, _PartialBody)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _PartialBody()
