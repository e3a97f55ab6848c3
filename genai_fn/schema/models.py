"""Models: which there are, and one's own."""

from collections.abc import Mapping
from datetime import datetime

from genai_fn.schema.base import Message, Page

__all__ = [
    "Checkpoint",
    "DeleteModelConfig",
    "DeleteModelResponse",
    "Endpoint",
    "GetModelConfig",
    "ListModelsConfig",
    "ListModelsResponse",
    "Model",
    "TunedModelInfo",
    "UpdateModelConfig",
]


class Endpoint(Message):
    """Where a model is served."""

    name: str | None = None
    deployed_model_id: str | None = None


class TunedModelInfo(Message):
    """What a model was tuned from, and when."""

    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None


class Checkpoint(Message):
    """A state of a model during its tuning."""

    checkpoint_id: str | None = None
    epoch: int | None = None
    step: int | None = None


class Model(Message):
    """A model and what it can do."""

    name: str | None = None
    """``models/…``, ``tunedModels/…`` or a full Vertex name."""
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
    """The checkpoint that answers unless told otherwise."""
    checkpoints: tuple[Checkpoint, ...] = ()
    temperature: float | None = None
    max_temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: bool | None = None
    """Whether it can think."""


class GetModelConfig(Message):
    """How a model is looked up: nothing to be said."""


class UpdateModelConfig(Message):
    """What to change about a model."""

    display_name: str | None = None
    description: str | None = None
    default_checkpoint_id: str | None = None


class DeleteModelConfig(Message):
    """How a model is deleted: nothing to be said."""


class DeleteModelResponse(Message):
    """What comes back for a deleted model: nothing."""


class ListModelsConfig(Message):
    """Which page of the models."""

    page_size: int | None = None
    """How many on a page, at most."""
    page_token: str | None = None
    """The ``next_page_token`` of the page before."""
    filter: str | None = None
    query_base: bool | None = None
    """Whether Google's own models are listed, or one's tuned ones."""


class ListModelsResponse(Page[Model]):
    """A page of models."""

    models: tuple[Model, ...] = ()
