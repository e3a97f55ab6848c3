"""Models: base models from the catalog, and tuned models, which the tunings store."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from genai_fn.emulator.models.catalog import BASE_MODELS, CatalogModel
from genai_fn.emulator.server.faults import make_invalid_argument, make_not_found, make_resource_not_found
from genai_fn.emulator.server.operations import delete_project_resource
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.models import Checkpoint, UpdateModelConfig


def _get_gemini_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    name = f"models/{request.path_params['model']}"
    if request.is_vertex:  # in express mode this is a path of tuned models, of which there are none without a project
        raise make_resource_not_found(name)
    found = BASE_MODELS.get(request.path_params["model"])
    if found is None:
        raise make_not_found(f"Model is not found: {name} for api version {request.api_root.rpartition('/')[2]}")
    return state, build_json_response(found)


def _get_publisher_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    found = BASE_MODELS.get(request.path_params["model"])
    publisher = request.path_params["publisher"]
    if found is None or publisher != "google":
        name = f"publishers/{publisher}/models/{request.path_params['model']}"
        raise make_not_found(f"Publisher Model `{name}` is not found.")
    return state, build_json_response(_describe_publisher_model(found))


def _describe_publisher_model(model: CatalogModel) -> dict[str, str]:
    """Return a base model as Vertex AI returns it."""
    return {
        "name": f"publishers/google/{model.name}",
        "versionId": model.version,
        "displayName": model.display_name,
        "description": model.description,
        "openSourceCategory": "PROPRIETARY",
        "launchStage": "PUBLIC_PREVIEW" if "preview" in model.name else "GA",
    }


def _list_gemini_models(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state, build_page_response("models", () if request.is_vertex else tuple(BASE_MODELS.values()), request)


def _list_publisher_models(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    models = tuple(BASE_MODELS.values())
    return state, build_page_response("publisherModels", models, request, _describe_publisher_model)


class EmulatedVertexModel(Message):
    """A tuned model of Vertex AI. Its label ``google-vertex-llm-tuning-base-model-id`` names the base model."""

    name: str
    display_name: str | None = None
    description: str | None = None
    version_id: str = "1"
    deployed_models: tuple[Mapping[str, Any], ...] = ()
    """The endpoints that serve it."""
    labels: Mapping[str, str] | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    default_checkpoint_id: str | None = None
    checkpoints: tuple[Checkpoint, ...] = ()


def _get_project_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state, build_json_response(_find_tuned_model(state, request))


def _list_project_models(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state, build_page_response("models", state.list_resources(request.path_params["collection"]), request)


def _update_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    found = _find_tuned_model(state, request)
    update = parse_body(request, UpdateModelConfig, "model" if request.is_vertex else "tuned_model")
    name: str = found.name
    changes = {field: value for field in update.__struct_fields__ if (value := getattr(update, field)) is not None}
    unknown = [field for field in changes if field not in found.__struct_fields__]
    if unknown:
        raise make_invalid_argument(f"A model under {name.rpartition('/')[0]} has no {unknown[0]}.")
    updated = replace(found, **changes, update_time=request.now)
    return state.with_resource(name, updated), build_json_response(updated)


def _delete_gemini_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state.without_resource(_find_tuned_model(state, request).name), EMPTY_RESPONSE


def _delete_project_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return delete_project_resource(state, _find_tuned_model(state, request).name)


def _find_tuned_model(state: EmulatorState, request: EmulatedRequest) -> Any:
    """Return the tuned model that the path names. A version, as in ``models/1@2``, is ignored."""
    found = state.resources.get(request.resource_name.partition("@")[0])
    if not isinstance(found, msgspec.Struct):
        raise make_resource_not_found(request.resource_name)
    return found


ROUTES = (
    ("GET", "models", _list_gemini_models),
    ("GET", "models/{model}", _get_gemini_model),
    ("GET", "publishers/google/models", _list_publisher_models),
    ("GET", "publishers/{publisher}/models/{model}", _get_publisher_model),
    ("GET", "projects/*/locations/*/publishers/{publisher}/models/{model}", _get_publisher_model),
    ("PATCH", "{name=tunedModels/*}", _update_model),
    ("DELETE", "{name=tunedModels/*}", _delete_gemini_model),
    ("GET", "{collection=projects/*/locations/*/models}", _list_project_models),
    ("GET", "{name=projects/*/locations/*/models/*}", _get_project_model),
    ("PATCH", "{name=projects/*/locations/*/models/*}", _update_model),
    ("DELETE", "{name=projects/*/locations/*/models/*}", _delete_project_model),
)
