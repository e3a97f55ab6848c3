"""The ``predict`` method: serves all image methods and, on Vertex AI, embeddings. The body decides which."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from genai_fn import codec
from genai_fn.emulator.predictions.image_predictions import EmulatedPrediction
from genai_fn.emulator.predictions.images import (
    edit_images,
    generate_images,
    recontext_images,
    segment_image,
    upscale_image,
)
from genai_fn.emulator.predictions.text_embeddings import predict_embeddings
from genai_fn.emulator.server.faults import make_not_found
from genai_fn.emulator.server.model_paths import VERTEX_MODEL_PATHS
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message


class _Predictions(Message):
    predictions: tuple[EmulatedPrediction, ...] = ()


def _predict(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``predict``."""
    method = _choose_method(request)
    if not request.is_vertex and method is not generate_images:
        raise make_not_found(f"models/{request.path_params['model']} supports this method only on Vertex AI.")
    if method is None:
        return predict_embeddings(state, request)
    return state, build_json_response(_Predictions(predictions=method(request)))


ROUTES = tuple(("POST", f"{model}:predict", _predict) for model in ("models/{model}", *VERTEX_MODEL_PATHS))

_ImageMethod: TypeAlias = Callable[[EmulatedRequest], tuple[EmulatedPrediction, ...]]


def _choose_method(request: EmulatedRequest) -> _ImageMethod | None:
    """Choose the image method by the model, or by the fields of the first instance; None for embeddings."""
    for word, method in _METHODS_BY_MODEL.items():
        if word in request.path_params["model"]:
            return method
    partial = _parse_partial_body(request)
    instance: Mapping[str, Any] = partial.instances[0] if partial.instances else {}
    for name, method in _METHODS_BY_FIELD.items():
        if name in instance:
            return method
    if "image" in instance:
        return upscale_image if partial.parameters.get("mode") == "upscale" else segment_image
    return None if "content" in instance else generate_images


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


def _parse_partial_body(request: EmulatedRequest) -> _PartialBody:
    """Parse only the fields that decide the method; errors are left to that method's strict parsing."""
    try:
        return codec.decode(request.body_bytes, _PartialBody)
    except (ValueError, RecursionError):
        return _PartialBody()
