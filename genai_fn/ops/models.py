"""Models: which there are, and what is to be known and said of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.names import model_name, valid_model
from genai_fn.ops._parts import nothing_is_none, query_of
from genai_fn.request import DELETE, GET, PATCH, Call, Operation, Request, json
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
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct

__all__ = ["DeleteModel", "GetModel", "ListModels", "UpdateModel", "delete", "get", "list", "update"]


class GetModel(Operation[Model]):
    """Look a model up."""

    op: ClassVar = "models.get"

    model: str

    def gemini(self, at: Gemini) -> Call[Model]:
        return GET(model_name(at, self.model), json(_GeminiModel, _of_gemini))

    def vertex(self, at: Vertex) -> Call[Model]:
        path = model_name(at, self.model)
        return GET(path, json(_VertexModel, _of_vertex), bare=path.startswith("publishers/google/models"))


def get(model: str) -> Request[Model]:
    """
    Look a model up: what it can do, how much it takes, and what it was tuned from.

    Args:
        model: As in ``generate``.
    """
    return Request(GetModel(model=valid_model(model)))


class UpdateModel(Operation[Model]):
    """Change what is said of a model."""

    op: ClassVar = "models.update"

    model: str
    config: UpdateModelConfig = UpdateModelConfig()

    def gemini(self, at: Gemini) -> Call[Model]:
        return PATCH(model_name(at, self.model), nothing_is_none(self.config), json(_GeminiModel, _of_gemini))

    def vertex(self, at: Vertex) -> Call[Model]:
        return PATCH(model_name(at, self.model), nothing_is_none(self.config), json(_VertexModel, _of_vertex))


def update(model: str, config: UpdateModelConfig | Mapping[str, Any] | None = None) -> Request[Model]:
    """
    Change the display name, the description or the default checkpoint of a tuned model.

    Args:
        model: ``tunedModels/…``, or ``projects/…/models/…`` on Vertex.

        config: What changes; the rest stays.

    >>> update("tunedModels/mine", {"display_name": "Mine"}).operation.config.display_name
    'Mine'
    """
    return Request(UpdateModel(model=valid_model(model), config=as_struct(UpdateModelConfig, config)))


class DeleteModel(Operation[DeleteModelResponse]):
    """Delete a model."""

    op: ClassVar = "models.delete"

    model: str

    def gemini(self, at: Gemini) -> Call[DeleteModelResponse]:
        return DELETE(model_name(at, self.model), json(DeleteModelResponse))

    def vertex(self, at: Vertex) -> Call[DeleteModelResponse]:
        return DELETE(model_name(at, self.model), json(DeleteModelResponse))


def delete(model: str) -> Request[DeleteModelResponse]:
    """
    Delete a tuned model.

    Args:
        model: ``tunedModels/…``, or ``projects/…/models/…`` on Vertex.
    """
    return Request(DeleteModel(model=valid_model(model)))


class ListModels(Operation[ListModelsResponse]):
    """List models."""

    op: ClassVar = "models.list"

    config: ListModelsConfig = ListModelsConfig()

    def gemini(self, at: Gemini) -> Call[ListModelsResponse]:
        path = "models" if self._is_base else "tunedModels"
        return GET(path, json(_GeminiModels, _listed_by_gemini), query=self._query)

    def vertex(self, at: Vertex) -> Call[ListModelsResponse]:
        answer = json(_VertexModels, _listed_by_vertex)
        if self._is_base:
            return GET("publishers/google/models", answer, query=self._query, bare=True)
        return GET("models", answer, query=(*self._query, ("filter", "labels.tune-type:*")))

    @property
    def _is_base(self) -> bool:
        return self.config.query_base is not False

    @property
    def _query(self) -> tuple[tuple[str, str], ...]:
        return query_of(replace(self.config, query_base=None))


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


def _of_gemini(said: _GeminiModel) -> Model:
    info = TunedModelInfo(base_model=said.base_model, create_time=said.create_time, update_time=said.update_time)
    return Model(
        name=said.name,
        display_name=said.display_name,
        description=said.description,
        version=said.version,
        tuned_model_info=nothing_is_none(info),
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


def _listed_by_gemini(said: _GeminiModels) -> ListModelsResponse:
    models = tuple(_of_gemini(each) for each in said.models or said.tuned_models)
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


def _of_vertex(said: _VertexModel) -> Model:
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
        tuned_model_info=nothing_is_none(info),
        default_checkpoint_id=said.default_checkpoint_id,
        checkpoints=said.checkpoints,
    )


class _VertexModels(Message):
    models: tuple[_VertexModel, ...] = ()
    publisher_models: tuple[_VertexModel, ...] = ()
    next_page_token: str | None = None


def _listed_by_vertex(said: _VertexModels) -> ListModelsResponse:
    models = tuple(_of_vertex(each) for each in said.models or said.publisher_models)
    return ListModelsResponse(models=models, next_page_token=said.next_page_token)
