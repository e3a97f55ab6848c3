"""Models: get, list, update and delete them."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from msgspec import field
from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.request_parts import build_query, copy_fields, omit_if_empty
from genai_fn.request import DELETE, GET, PATCH, Call, Operation, Request, read_json
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.convert import as_struct
from genai_fn.schema.models import (
    Checkpoint,
    DeleteModelResponse,
    ListModelsConfig,
    ListModelsResponse,
    Model,
    TunedModelInfo,
    UpdateModelConfig,
)
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import ListModelsConfigLike, UpdateModelConfigLike

__all__ = ["DeleteModel", "GetModel", "ListModels", "UpdateModel", "delete", "get", "list", "update"]


class GetModel(Operation[Model]):
    """Get a model."""

    op: ClassVar = "models.get"

    model: str

    def gemini(self, at: Gemini) -> Call[Model]:
        return GET(resolve_model_name(at, self.model), read_json(_GeminiModel, _decode_gemini_model))

    def vertex(self, at: Vertex) -> Call[Model]:
        path = resolve_model_name(at, self.model)
        return GET(path, read_json(_VertexModel, _decode_vertex_model), omit_project=path.startswith("publishers/"))


def get(model: str) -> Request[Model]:
    """
    Get a model: its capabilities, token limits and default parameters.

    Args:
        model: A model, in any form that ``genai_fn.generate`` accepts.

    Raises:
        InvalidRequest: If the model name is empty or invalid.

    Fails with:
        ClientError: If the model does not exist (404).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> run(get("gemini-2.5-flash")).unwrap().name
    'models/gemini-2.5-flash'
    >>> run(get("gone")).failure().code
    404
    """
    return Request(GetModel(model=check_model_name(model)))


class UpdateModel(Operation[Model]):
    """Update the display name, the description or the default checkpoint of a tuned model."""

    op: ClassVar = "models.update"

    model: str
    config: UpdateModelConfig = UpdateModelConfig()

    def gemini(self, at: Gemini) -> Call[Model]:
        return PATCH(
            resolve_model_name(at, self.model),
            omit_if_empty(self.config),
            read_json(_GeminiModel, _decode_gemini_model),
        )

    def vertex(self, at: Vertex) -> Call[Model]:
        return PATCH(
            resolve_model_name(at, self.model),
            omit_if_empty(self.config),
            read_json(_VertexModel, _decode_vertex_model),
        )


def update(model: str, config: "UpdateModelConfigLike | None" = None) -> Request[Model]:
    """
    Update the display name, the description or the default checkpoint of a tuned model.

    Args:
        model: ``tunedModels/…``, or ``projects/…/models/…`` on Vertex AI.

        config: The fields to change; the others keep their values.

    Raises:
        InvalidRequest: If the model name is empty or invalid, or a field of ``config`` is unknown or has the wrong
            type.

    Fails with:
        Unsupported: If a field is set that the backend does not have.

        ClientError: If the model does not exist (404), or is not a tuned model (400).

    >>> update("tunedModels/mine", {"display_name": "Mine"}).operation.config.display_name
    'Mine'
    """
    return Request(UpdateModel(model=check_model_name(model), config=as_struct(UpdateModelConfig, config)))


class DeleteModel(Operation[DeleteModelResponse]):
    """Delete a tuned model."""

    op: ClassVar = "models.delete"

    model: str

    def gemini(self, at: Gemini) -> Call[DeleteModelResponse]:
        return DELETE(resolve_model_name(at, self.model), read_json(DeleteModelResponse))

    def vertex(self, at: Vertex) -> Call[DeleteModelResponse]:
        return DELETE(resolve_model_name(at, self.model), read_json(DeleteModelResponse))


def delete(model: str) -> Request[DeleteModelResponse]:
    """
    Delete a tuned model.

    Args:
        model: ``tunedModels/…``, or ``projects/…/models/…`` on Vertex AI.

    Raises:
        InvalidRequest: If the model name is empty or invalid.

    Fails with:
        ClientError: If the model does not exist (404).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> delete("tunedModels/abc")
    models.delete("tunedModels/abc")
    >>> run(delete("tunedModels/gone")).failure().code
    404
    """
    return Request(DeleteModel(model=check_model_name(model)))


class ListModels(Operation[ListModelsResponse]):
    """List models."""

    op: ClassVar = "models.list"
    is_list: ClassVar = True

    config: ListModelsConfig = ListModelsConfig()

    def gemini(self, at: Gemini) -> Call[ListModelsResponse]:
        path = "models" if self._is_base_models else "tunedModels"
        return GET(path, read_json(_GeminiModels, _decode_gemini_models), query=self._query)

    def vertex(self, at: Vertex) -> Call[ListModelsResponse]:
        reader = read_json(_VertexModels, _decode_vertex_models)
        if self._is_base_models:
            return GET("publishers/google/models", reader, query=self._query, omit_project=True)
        # The caller's filter and this one are two parameters, as in google-genai 1.51.0
        return GET("models", reader, query=(*self._query, ("filter", "labels.tune-type:*")))

    @property
    def _is_base_models(self) -> bool:
        return self.config.query_base is not False

    @property
    def _query(self) -> tuple[tuple[str, str], ...]:
        return build_query(replace(self.config, query_base=None))


def list(config: "ListModelsConfigLike | None" = None) -> Request[ListModelsResponse]:
    """
    List Google's models, one page at a time; with ``query_base=False``, list your tuned models.

    ``| items`` and ``| pages`` read all pages.

    Args:
        config: ``page_size``, ``page_token``, ``filter`` and ``query_base``.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type.

    Fails with:
        ClientError: If the server rejects the page token or the filter (400).

    >>> list({"page_size": 5}).operation.config
    ListModelsConfig(page_size=5)
    """
    return Request(ListModels(config=as_struct(ListModelsConfig, config)))


# Gemini


class _GeminiModel(OpenMessage):
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    version: str | None = None
    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_actions: tuple[str, ...] = field(default=(), name="supportedGenerationMethods")
    temperature: float | None = None
    max_temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: bool | None = None


def _decode_gemini_model(wire: _GeminiModel) -> Model:
    return _build_model(wire, wire.base_model)


class _GeminiModels(OpenMessage):
    models: tuple[_GeminiModel, ...] = ()
    tuned_models: tuple[_GeminiModel, ...] = ()
    next_page_token: str | None = None


def _decode_gemini_models(wire: _GeminiModels) -> ListModelsResponse:
    models = tuple(map(_decode_gemini_model, wire.models or wire.tuned_models))
    return copy_fields(ListModelsResponse, wire, models=models)


# Vertex AI


class _DeployedModel(OpenMessage):
    name: str | None = field(default=None, name="endpoint")
    deployed_model_id: str | None = None


class _VertexModel(OpenMessage):
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    version: str | None = field(default=None, name="versionId")
    endpoints: tuple[_DeployedModel, ...] = field(default=(), name="deployedModels")
    labels: Mapping[str, str] | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    default_checkpoint_id: str | None = None
    checkpoints: tuple[Checkpoint, ...] = ()


def _decode_vertex_model(wire: _VertexModel) -> Model:
    return _build_model(wire, (wire.labels or {}).get("google-vertex-llm-tuning-base-model-id"))


class _VertexModels(OpenMessage):
    models: tuple[_VertexModel, ...] = ()
    publisher_models: tuple[_VertexModel, ...] = ()
    next_page_token: str | None = None


def _decode_vertex_models(wire: _VertexModels) -> ListModelsResponse:
    models = tuple(map(_decode_vertex_model, wire.models or wire.publisher_models))
    return copy_fields(ListModelsResponse, wire, models=models)


# Both


def _build_model(wire: _GeminiModel | _VertexModel, base_model: str | None) -> Model:
    tuned = TunedModelInfo(base_model=base_model, create_time=wire.create_time, update_time=wire.update_time)
    return copy_fields(Model, wire, tuned_model_info=omit_if_empty(tuned))
