"""Models: Google's and your tuned ones."""

from collections.abc import Mapping
from datetime import datetime

from genai_fn.schema.base import ListConfig, Message, OpenMessage, Page


class Endpoint(OpenMessage):
    """An endpoint that serves a model."""

    name: str | None = None
    deployed_model_id: str | None = None


class TunedModelInfo(OpenMessage):
    """Base model and times of a tuned model."""

    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None


class Checkpoint(OpenMessage):
    """A checkpoint of a model during its tuning."""

    checkpoint_id: str | None = None
    epoch: int | None = None
    step: int | None = None


class Model(OpenMessage):
    """A model and its capabilities."""

    name: str | None = None
    """``models/…``, ``tunedModels/…``, or a full Vertex AI name."""
    display_name: str | None = None
    description: str | None = None
    version: str | None = None
    endpoints: tuple[Endpoint, ...] = ()
    labels: Mapping[str, str] | None = None
    tuned_model_info: TunedModelInfo | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_actions: tuple[str, ...] = ()
    default_checkpoint_id: str | None = None
    """Checkpoint that is used by default."""
    checkpoints: tuple[Checkpoint, ...] = ()
    temperature: float | None = None
    max_temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: bool | None = None
    """Whether the model supports thinking."""


class GetModelConfig(Message):
    """Options of `models.get`; there are none."""


class UpdateModelConfig(OpenMessage):
    """Options of `models.update`: the fields to change."""

    display_name: str | None = None
    description: str | None = None
    default_checkpoint_id: str | None = None


class DeleteModelConfig(Message):
    """Options of `models.delete`; there are none."""


class DeleteModelResponse(OpenMessage):
    """Response to the deletion of a model; it is empty."""


class ListModelsConfig(ListConfig):
    """Options of `models.list`."""

    filter: str | None = None
    query_base: bool | None = None
    """Whether to list Google's models; False lists your tuned models."""


class ListModelsResponse(Page[Model]):
    """A page of models."""

    models: tuple[Model, ...] = ()
