"""The catalog of models for clients of OpenAI's API."""

from genai_fn.emulator.models.catalog import BASE_MODELS, CatalogModel
from genai_fn.emulator.openai.chat import get_model_id
from genai_fn.emulator.server.faults import make_not_found
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult


def _describe_model(model: CatalogModel) -> dict[str, str]:
    return {"display_name": model.display_name, "id": model.name, "object": "model", "owned_by": "google"}


def _list_models(state: EmulatorState, _request: EmulatedRequest) -> RouteResult:
    return state, build_json_response({"data": list(map(_describe_model, BASE_MODELS.values())), "object": "list"})


def _get_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    model = get_model_id(request.path_params["model"])
    if model not in BASE_MODELS:
        raise make_not_found(f"models/{model} is not found for API version v1main.")
    return state, build_json_response(_describe_model(BASE_MODELS[model]))


ROUTES = (
    ("GET", "openai/models", _list_models),
    ("GET", "openai/v1/models", _list_models),
    ("GET", "openai/models/{model}", _get_model),
    ("GET", "openai/models/models/{model}", _get_model),
    ("GET", "openai/v1/models/{model}", _get_model),
)
