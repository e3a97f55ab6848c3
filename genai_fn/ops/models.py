"""Models: which there are, and what is to be known and said of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.request_parts import build_query, omit_if_empty
from genai_fn.request import DELETE, GET, PATCH, Call, Operation, Request, read_json
from genai_fn.schema import (
    Checkpoint,
    DeleteModelResponse,
    Endpoint,
    ListModelsConfig,
    ListModelsResponse,
    Model,
    TunedModelInfo,
    UpdateModelConfig,
)
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

__all__ = ["DeleteModel", "GetModel", "ListModels", "UpdateModel", "delete", "get", "list", "update"]


class GetModel(Operation[Model]):
    """Look a model up."""

    op: ClassVar = "models.get"

    model: str

    def gemini(self, at: Gemini) -> Call[Model]:
        return GET(resolve_model_name(at, self.model), read_json(_GeminiModel, _model_from_gemini))

    def vertex(self, at: Vertex) -> Call[Model]:
        path = resolve_model_name(at, self.model)
        return GET(
            path, read_json(_VertexModel, _model_from_vertex), omit_project=path.startswith("publishers/google/models")
        )


def get(model: str) -> Request[Model]:
    """
    Look a model up: what it can do, how much it takes, and what it was tuned from.

    Args:
        model: As in ``generate``.
    """
    return Request(GetModel(model=check_model_name(model)))


class UpdateModel(Operation[Model]):
    """Change what is said of a model."""

    op: ClassVar = "models.update"

    model: str
    config: UpdateModelConfig = UpdateModelConfig()

    def gemini(self, at: Gemini) -> Call[Model]:
        return PATCH(
            resolve_model_name(at, self.model), omit_if_empty(self.config), read_json(_GeminiModel, _model_from_gemini)
        )

    def vertex(self, at: Vertex) -> Call[Model]:
        return PATCH(
            resolve_model_name(at, self.model), omit_if_empty(self.config), read_json(_VertexModel, _model_from_vertex)
        )


def update(model: str, config: UpdateModelConfig | Mapping[str, Any] | None = None) -> Request[Model]:
    """
    Change the display name, the description or the default checkpoint of a tuned model.

    Args:
        model: ``tunedModels/…``, or ``projects/…/models/…`` on Vertex.

        config: What changes; the rest stays.

    >>> update("tunedModels/mine", {"display_name": "Mine"}).operation.config.display_name
    'Mine'
    """
    return Request(UpdateModel(model=check_model_name(model), config=as_struct(UpdateModelConfig, config)))


class DeleteModel(Operation[DeleteModelResponse]):
    """Delete a model."""

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
        model: ``tunedModels/…``, or ``projects/…/models/…`` on Vertex.
    """
    return Request(DeleteModel(model=check_model_name(model)))


class ListModels(Operation[ListModelsResponse]):
    """List models."""

    op: ClassVar = "models.list"
    is_list: ClassVar = True

    config: ListModelsConfig = ListModelsConfig()

    def gemini(self, at: Gemini) -> Call[ListModelsResponse]:
        path = "models" if self._is_base_models else "tunedModels"
        return GET(path, read_json(_GeminiModels, _models_from_gemini), query=self._query)

    def vertex(self, at: Vertex) -> Call[ListModelsResponse]:
        answer = read_json(_VertexModels, _models_from_vertex)
        if self._is_base_models:
            return GET("publishers/google/models", answer, query=self._query, omit_project=True)
        return GET("models", answer, query=(*self._query, ("filter", "labels.tune-type:*")))

    @property
    def _is_base_models(self) -> bool:
        return self.config.query_base is not False

    @property
    def _query(self) -> tuple[tuple[str, str], ...]:
        return build_query(replace(self.config, query_base=None))


def list(config: ListModelsConfig | Mapping[str, Any] | None = None) -> Request[ListModelsResponse]:
    """
    List Google's own models, a page at a time; with ``query_base=False``, one's tuned ones.

    >>> list({"page_size": 5}).operation.config
    ListModelsConfig(page_size=5)
    """
    return Request(ListModels(config=as_struct(ListModelsConfig, config)))


# What Gemini says of a model


class _GeminiModel(Message):
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    version: str | None = None
    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: tuple[str, ...] = ()
    temperature: float | None = None
    max_temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: bool | None = None


def _model_from_gemini(said: _GeminiModel) -> Model:
    info = TunedModelInfo(base_model=said.base_model, create_time=said.create_time, update_time=said.update_time)
    return Model(
        name=said.name,
        display_name=said.display_name,
        description=said.description,
        version=said.version,
        tuned_model_info=omit_if_empty(info),
        input_token_limit=said.input_token_limit,
        output_token_limit=said.output_token_limit,
        supported_actions=said.supported_generation_methods,
        temperature=said.temperature,
        max_temperature=said.max_temperature,
        top_p=said.top_p,
        top_k=said.top_k,
        thinking=said.thinking,
    )


class _GeminiModels(Message):
    models: tuple[_GeminiModel, ...] = ()
    tuned_models: tuple[_GeminiModel, ...] = ()
    next_page_token: str | None = None


def _models_from_gemini(said: _GeminiModels) -> ListModelsResponse:
    models = tuple(_model_from_gemini(each) for each in said.models or said.tuned_models)
    return ListModelsResponse(models=models, next_page_token=said.next_page_token)


# What Vertex says of a model


class _DeployedModel(Message):
    endpoint: str | None = None
    deployed_model_id: str | None = None


class _VertexModel(Message):
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    version_id: str | None = None
    deployed_models: tuple[_DeployedModel, ...] = ()
    labels: Mapping[str, str] | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    default_checkpoint_id: str | None = None
    checkpoints: tuple[Checkpoint, ...] = ()


def _model_from_vertex(said: _VertexModel) -> Model:
    base = (said.labels or {}).get("google-vertex-llm-tuning-base-model-id")
    info = TunedModelInfo(base_model=base, create_time=said.create_time, update_time=said.update_time)
    return Model(
        name=said.name,
        display_name=said.display_name,
        description=said.description,
        version=said.version_id,
        endpoints=tuple(
            Endpoint(name=each.endpoint, deployed_model_id=each.deployed_model_id) for each in said.deployed_models
        ),
        labels=said.labels,
        tuned_model_info=omit_if_empty(info),
        default_checkpoint_id=said.default_checkpoint_id,
        checkpoints=said.checkpoints,
    )


class _VertexModels(Message):
    models: tuple[_VertexModel, ...] = ()
    publisher_models: tuple[_VertexModel, ...] = ()
    next_page_token: str | None = None


def _models_from_vertex(said: _VertexModels) -> ListModelsResponse:
    models = tuple(_model_from_vertex(each) for each in said.models or said.publisher_models)
    return ListModelsResponse(models=models, next_page_token=said.next_page_token)
