"""
Tuning jobs: train a model on examples.

- `jobs`: decodes the jobs of both backends.
- `evaluation`: the evaluation config on Vertex AI.
- `rewards`: the rewards of reinforcement tuning, and their validation before a job.
- `specs`: the specification of each tuning method on Vertex AI.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.request_parts import EMPTY_RESPONSE, build_query, copy_fields, omit_if_empty
from genai_fn.ops.tunings.evaluation import validate_evaluation
from genai_fn.ops.tunings.jobs import (
    GEMINI_STARTED_TUNING,
    GEMINI_TUNING,
    GEMINI_TUNINGS,
    VERTEX_TUNING,
    VERTEX_TUNINGS,
)
from genai_fn.ops.tunings.rewards import validate_reward
from genai_fn.ops.tunings.specs import encode_tuning_job
from genai_fn.request import GET, POST, Call, Operation, Request
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.schema.tunings import (
    CreateTuningJobConfig,
    ListTuningJobsConfig,
    ListTuningJobsResponse,
    TuningDataset,
    TuningExample,
    TuningJob,
    TuningMethod,
    TuningValidationDataset,
)
from genai_fn.wire.resource_names import check_model_name, check_name_in

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.tunings import CreateTuningJobConfigLike, ListTuningJobsConfigLike

__all__ = [
    "CancelTuning",
    "CreateTuning",
    "GetTuning",
    "ListTunings",
    "cancel",
    "get",
    "list",
    "tune",
    "validate_reward",
]


class CreateTuning(Operation[TuningJob]):
    """Start a tuning job."""

    op: ClassVar = "tunings.tune"
    repeatable: ClassVar = False

    base_model: str
    training_dataset: TuningDataset
    config: CreateTuningJobConfig = CreateTuningJobConfig()

    def __post_init__(self) -> None:
        validate_evaluation(self.config.evaluation_config, "config.evaluation_config")
        _validate_dataset_source(self.training_dataset, "training_dataset")
        _validate_dataset_source(self.config.validation_dataset, "config.validation_dataset")
        _validate_choices(self.config)

    def gemini(self, at: Gemini) -> Call[TuningJob]:
        if self.config.method not in (None, TuningMethod.SUPERVISED_FINE_TUNING):
            raise Unsupported(at.title, ("config.method",))
        return POST("tunedModels", _encode_tuned_model(self), GEMINI_STARTED_TUNING)

    def vertex(self, at: Vertex) -> Call[TuningJob]:
        return POST(
            "tuningJobs", encode_tuning_job(self.base_model, self.training_dataset, self.config, at), VERTEX_TUNING
        )


def tune(
    base_model: str,
    training_dataset: TuningDataset | Mapping[str, Any],
    config: "CreateTuningJobConfigLike | None" = None,
) -> Request[TuningJob]:
    """
    Start a tuning job, which may take hours; ``| until_done()`` waits for its end.

    Args:
        base_model: The model to tune, as the backend names it. On Vertex AI also a tuned model,
            ``projects/…/models/…``; ``pre_tuned_model_checkpoint_id`` in the config then chooses its checkpoint.

        training_dataset: ``examples`` on Gemini; ``gcs_uri`` or ``vertex_dataset_resource`` on Vertex AI.

        config: Method, hyperparameters, validation dataset and evaluation.

    Raises:
        InvalidRequest: If the model name is empty or invalid, a field is unknown or has the wrong type, a dataset has
            two sources, or the evaluation is incomplete.

    Fails with:
        Unsupported: If a field is set that the backend does not have; the error lists the paths.

        ClientError: If the model cannot be tuned, or the server rejects the dataset (400).

        OperationFailed: After ``| until_done()``, if the job has failed or was cancelled.

    >>> tune("gemini-2.5-flash", {"gcs_uri": "gs://b/examples.jsonl"}, {"epoch_count": 3}).operation.config
    CreateTuningJobConfig(epoch_count=3)
    """
    return Request(
        CreateTuning(
            base_model=check_model_name(base_model, "base_model"),
            training_dataset=as_struct(TuningDataset, training_dataset, "training_dataset"),
            config=as_struct(CreateTuningJobConfig, config),
        )
    )


def _validate_dataset_source(dataset: TuningDataset | TuningValidationDataset | None, path: str) -> None:
    if dataset is not None and dataset.gcs_uri is not None and dataset.vertex_dataset_resource is not None:
        raise InvalidRequest(path, dataset, "either gcs_uri or vertex_dataset_resource")


def _validate_choices(config: CreateTuningJobConfig) -> None:
    """Raise `InvalidRequest` if two options are set that mean the same."""
    for name, other in (("reward_config", "composite_reward_config"), ("validation_dataset_uri", "validation_dataset")):
        if getattr(config, name) is not None and getattr(config, other) is not None:
            raise InvalidRequest(f"config.{name}", getattr(config, name), f"either {name} or {other}")


# Gemini: creates a tuned model with a tuning task


class _GeminiHyperparameters(Message):
    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None


class _TuningExamples(Message):
    examples: tuple[TuningExample, ...]


class _TrainingData(Message):
    examples: _TuningExamples


class _CreateTuningTask(Message):
    hyperparameters: _GeminiHyperparameters | None = None
    training_data: _TrainingData | None = None


class _CreateTunedModelBody(Message):
    base_model: str
    display_name: str | None = None
    tuning_task: _CreateTuningTask | None = None


def _encode_tuned_model(operation: CreateTuning) -> _CreateTunedModelBody:
    config, examples = operation.config, operation.training_dataset.examples
    task = _CreateTuningTask(
        hyperparameters=omit_if_empty(copy_fields(_GeminiHyperparameters, config)),
        training_data=None if examples is None else _TrainingData(examples=_TuningExamples(examples=examples)),
    )
    return _CreateTunedModelBody(
        base_model=operation.base_model, display_name=config.tuned_model_display_name, tuning_task=omit_if_empty(task)
    )


class GetTuning(Operation[TuningJob]):
    """Get a tuning job."""

    op: ClassVar = "tunings.get"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[TuningJob]:
        return GET(self.name, GEMINI_TUNING)

    def vertex(self, at: Vertex) -> Call[TuningJob]:
        return GET(self.name, VERTEX_TUNING)


def get(name: str) -> Request[TuningJob]:
    """
    Get a tuning job and its state; ``| until_done()`` repeats this until the job has ended.

    Args:
        name: ``tunedModels/…``; on Vertex AI ``tuningJobs/…`` or a full name.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection.

    Fails with:
        ClientError: If the job does not exist (404).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> get("tunedModels/abc")
    tunings.get("tunedModels/abc")
    >>> run(get("tunedModels/gone")).failure().code
    404
    """
    return Request(GetTuning(name=check_name_in(name, "tunedModels", "tuningJobs")))


class CancelTuning(Operation[None]):
    """Cancel a tuning job."""

    op: ClassVar = "tunings.cancel"

    name: str

    def gemini(self, at: Gemini) -> Call[None]:
        return POST(f"{self.name}:cancel", None, EMPTY_RESPONSE)

    def vertex(self, at: Vertex) -> Call[None]:
        return POST(f"{self.name}:cancel", None, EMPTY_RESPONSE)


def cancel(name: str) -> Request[None]:
    """
    Cancel a tuning job. The job may run for some time after the request has succeeded.

    Args:
        name: ``tunedModels/…``; on Vertex AI ``tuningJobs/…`` or a full name.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection.

    Fails with:
        ClientError: If the job does not exist (404), or has already ended (400).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> cancel("tunedModels/abc")
    tunings.cancel("tunedModels/abc")
    >>> run(cancel("tunedModels/gone")).failure().code
    404
    """
    return Request(CancelTuning(name=check_name_in(name, "tunedModels", "tuningJobs")))


class ListTunings(Operation[ListTuningJobsResponse]):
    """List tuning jobs."""

    op: ClassVar = "tunings.list"
    is_list: ClassVar = True

    config: ListTuningJobsConfig = ListTuningJobsConfig()

    def gemini(self, at: Gemini) -> Call[ListTuningJobsResponse]:
        return GET("tunedModels", GEMINI_TUNINGS, query=build_query(self.config))

    def vertex(self, at: Vertex) -> Call[ListTuningJobsResponse]:
        return GET("tuningJobs", VERTEX_TUNINGS, query=build_query(self.config))


def list(config: "ListTuningJobsConfigLike | None" = None) -> Request[ListTuningJobsResponse]:
    """
    List tuning jobs, one page at a time; ``| items`` and ``| pages`` read all pages.

    Args:
        config: ``page_size``, ``page_token`` and ``filter``.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type.

    Fails with:
        ClientError: If the server rejects the page token or the filter (400).

    >>> from genai_fn import Offline, collected, items
    >>> run = Offline()
    >>> run(list({"page_size": 10}) | items | collected)
    <Success: ()>
    >>> run(list({"page_token": "wrong"})).failure().code
    400
    """
    return Request(ListTunings(config=as_struct(ListTuningJobsConfig, config)))
