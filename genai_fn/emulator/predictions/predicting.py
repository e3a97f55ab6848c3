"""Predictions: one method for images of every kind, and, on Vertex AI, for embeddings; which, its instances show."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from genai_fn import codec
from genai_fn.emulator.answers import told
from genai_fn.emulator.contents.embeddings import embedded
from genai_fn.emulator.faults import Fault
from genai_fn.emulator.places import VERTEX_MODELS
from genai_fn.emulator.predictions.images import edited, enlarged, generated, recomposed, segmented
from genai_fn.emulator.predictions.pictures import Prediction
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema._base import Message

__all__ = ["ROUTES"]


class _Predictions(Message):
    predictions: tuple[Prediction, ...] = ()


def _predicted(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``predict``."""
    making = _making(asked)
    if not asked.vertex and making is not generated:
        raise Fault(404, "NOT_FOUND", f"models/{asked.names['model']} is for Vertex AI alone to ask this of.")
    if making is None:
        return embedded(state, asked)
    return state, told(_Predictions(predictions=making(asked)))


ROUTES = tuple(("POST", f"{model}:predict", _predicted) for model in ("models/{model}", *VERTEX_MODELS))

_Making: TypeAlias = Callable[[Asked], tuple[Prediction, ...]]


def _making(asked: Asked) -> _Making | None:
    """Tell what is meant: by the model, or by what the first instance holds; None for embeddings."""
    by_model = [making for word, making in _MODELS.items() if word in asked.names["model"]]
    if by_model:
        return by_model[0]
    rough = _rough(asked)
    held: Mapping[str, Any] = rough.instances[0] if rough.instances else {}
    by_name = [making for name, making in _NAMES.items() if name in held]
    if by_name:
        return by_name[0]
    if "image" in held:
        return enlarged if rough.parameters.get("mode") == "upscale" else segmented
    return None if "content" in held else generated


_MODELS: Mapping[str, _Making] = {"recontext": recomposed, "try-on": recomposed, "segmentation": segmented}
_NAMES: Mapping[str, _Making] = {
    "referenceImages": edited,
    "reference_images": edited,
    "productImages": recomposed,
    "product_images": recomposed,
    "personImage": recomposed,
    "person_image": recomposed,
}


class _Rough(Message):
    instances: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = {}


def _rough(asked: Asked) -> _Rough:
    """Read just enough; what is wrong with a body, the method says that reads it whole."""
    try:
        return codec.decode(asked.whole, _Rough)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _Rough()
