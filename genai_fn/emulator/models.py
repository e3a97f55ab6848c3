"""Models: a dozen of Google's own, and those that were tuned."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from genai_fn.emulator.answers import NOTHING, told
from genai_fn.emulator.base_models import BASE_MODELS, BaseModel
from genai_fn.emulator.faults import Fault, invalid, missing
from genai_fn.emulator.listing import listed
from genai_fn.emulator.operations import deleted
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import Checkpoint
from genai_fn.schema._base import Message

__all__ = ["ROUTES", "DeployedModel", "VertexModel"]


# Google's own


def _got_of_gemini(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    name = f"models/{asked.names['model']}"
    if asked.vertex:  # express mode, where a project's own models have no project before them
        raise missing(name)
    found = BASE_MODELS.get(asked.names["model"])
    if found is None:
        raise Fault(404, "NOT_FOUND", f"Model is not found: {name} for api version {asked.base.rpartition('/')[2]}")
    return state, told(found)


def _got_of_publisher(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    found = BASE_MODELS.get(asked.names["model"])
    publisher = asked.names["publisher"]
    if found is None or publisher != "google":
        name = f"publishers/{publisher}/models/{asked.names['model']}"
        raise Fault(404, "NOT_FOUND", f"Publisher Model `{name}` is not found.")
    return state, told(_of_publisher(found))


class _PublisherModel(Message):
    name: str
    version_id: str
    display_name: str
    description: str
    open_source_category: str = ""
    launch_stage: str = ""


def _of_publisher(model: BaseModel) -> _PublisherModel:
    return _PublisherModel(
        name=f"publishers/google/{model.name}",
        version_id=model.version,
        display_name=model.display_name,
        description=model.description,
        open_source_category="PROPRIETARY",
        launch_stage="PUBLIC_PREVIEW" if "preview" in model.name else "GA",
    )


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, listed("models", () if asked.vertex else tuple(BASE_MODELS.values()), asked)


def _listed_of_publisher(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, listed("publisherModels", tuple(BASE_MODELS.values()), asked, _of_publisher)


# Tuned ones: kept by whatever tunes, under ``tunedModels/…`` and ``projects/…/locations/…/models/…``


class DeployedModel(Message):
    """Where a tuned model is served."""

    endpoint: str | None = None
    deployed_model_id: str | None = None


class VertexModel(Message):
    """A tuned model as Vertex AI tells of it; the label ``google-vertex-llm-tuning-base-model-id`` says of what."""

    name: str
    display_name: str | None = None
    description: str | None = None
    version_id: str = "1"
    deployed_models: tuple[DeployedModel, ...] = ()
    labels: Mapping[str, str] | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    default_checkpoint_id: str | None = None
    checkpoints: tuple[Checkpoint, ...] = ()


def _got_of_project(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, told(_tuned(state, asked))


def _listed_of_project(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, listed("models", state.under(asked.names["collection"]), asked)


class _Update(Message):
    display_name: str | None = None
    description: str | None = None
    default_checkpoint_id: str | None = None


def _updated(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    found, said = _tuned(state, asked), body_of(asked, _Update, "model" if asked.vertex else "tuned_model")
    name: str = found.name
    changes = {field: value for field in _FIELDS if (value := getattr(said, field)) is not None}
    unknown = [field for field in changes if field not in found.__struct_fields__]
    if unknown:
        raise invalid(f"A model under {name.rpartition('/')[0]} has no {unknown[0]}.")
    changed = replace(found, **changes, update_time=asked.now)
    return state.putting(name, changed), told(changed)


_FIELDS = _Update.__struct_fields__


def _deleted_of_gemini(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state.dropping(_tuned(state, asked).name), NOTHING


def _deleted_of_project(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return deleted(state, _tuned(state, asked).name)


def _tuned(state: State, asked: Asked) -> Any:
    """Find a model; which of its versions does not matter."""
    found = state.kept.get(asked.names["name"].partition("@")[0])
    if not isinstance(found, msgspec.Struct):
        raise missing(asked.names["name"])
    return found


ROUTES = (
    ("GET", "models", _listed),
    ("GET", "models/{model}", _got_of_gemini),
    ("GET", "publishers/google/models", _listed_of_publisher),
    ("GET", "publishers/{publisher}/models/{model}", _got_of_publisher),
    ("GET", "projects/*/locations/*/publishers/{publisher}/models/{model}", _got_of_publisher),
    ("PATCH", "{name=tunedModels/*}", _updated),
    ("DELETE", "{name=tunedModels/*}", _deleted_of_gemini),
    ("GET", "{collection=projects/*/locations/*/models}", _listed_of_project),
    ("GET", "{name=projects/*/locations/*/models/*}", _got_of_project),
    ("PATCH", "{name=projects/*/locations/*/models/*}", _updated),
    ("DELETE", "{name=projects/*/locations/*/models/*}", _deleted_of_project),
)
