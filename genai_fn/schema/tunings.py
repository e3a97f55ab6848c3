"""Tuning: models made one's own by examples."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import GeminiOnly, Message, OpenEnum, Page, VertexOnly
from genai_fn.schema.evaluation import EvaluationConfig
from genai_fn.schema.operations import ENDED_JOB_STATES, GoogleRpcStatus, JobState
from genai_fn.schema.tuning_data import TuningDataStats

__all__ = [
    "AdapterSize",
    "CancelTuningJobConfig",
    "CreateTuningJobConfig",
    "CreateTuningJobParameters",
    "EncryptionSpec",
    "GetTuningJobConfig",
    "ListTuningJobsConfig",
    "ListTuningJobsResponse",
    "PartnerModelTuningSpec",
    "PreTunedModel",
    "PreferenceOptimizationHyperParameters",
    "PreferenceOptimizationSpec",
    "SupervisedHyperParameters",
    "SupervisedTuningSpec",
    "TunedModel",
    "TunedModelCheckpoint",
    "TuningDataset",
    "TuningExample",
    "TuningJob",
    "TuningMethod",
    "TuningMode",
    "TuningOperation",
    "TuningTask",
    "TuningValidationDataset",
    "VeoHyperParameters",
    "VeoTuningSpec",
]


class TuningMode(OpenEnum):
    """Whether all of a model is tuned or an adapter."""

    TUNING_MODE_UNSPECIFIED = "TUNING_MODE_UNSPECIFIED"
    TUNING_MODE_FULL = "TUNING_MODE_FULL"
    TUNING_MODE_PEFT_ADAPTER = "TUNING_MODE_PEFT_ADAPTER"


class AdapterSize(OpenEnum):
    """How large the adapter is that gets tuned."""

    ADAPTER_SIZE_UNSPECIFIED = "ADAPTER_SIZE_UNSPECIFIED"
    ADAPTER_SIZE_ONE = "ADAPTER_SIZE_ONE"
    ADAPTER_SIZE_TWO = "ADAPTER_SIZE_TWO"
    ADAPTER_SIZE_FOUR = "ADAPTER_SIZE_FOUR"
    ADAPTER_SIZE_EIGHT = "ADAPTER_SIZE_EIGHT"
    ADAPTER_SIZE_SIXTEEN = "ADAPTER_SIZE_SIXTEEN"
    ADAPTER_SIZE_THIRTY_TWO = "ADAPTER_SIZE_THIRTY_TWO"


class TuningTask(OpenEnum):
    """What a video model is tuned for."""

    TUNING_TASK_UNSPECIFIED = "TUNING_TASK_UNSPECIFIED"
    TUNING_TASK_I2V = "TUNING_TASK_I2V"
    TUNING_TASK_T2V = "TUNING_TASK_T2V"
    TUNING_TASK_R2V = "TUNING_TASK_R2V"


class TuningMethod(OpenEnum):
    """What kind of examples a model is tuned with."""

    SUPERVISED_FINE_TUNING = "SUPERVISED_FINE_TUNING"
    PREFERENCE_TUNING = "PREFERENCE_TUNING"


class TunedModelCheckpoint(Message):
    """A state of a model during its tuning."""

    checkpoint_id: str | None = None
    epoch: int | None = None
    step: int | None = None
    endpoint: str | None = None


class TunedModel(Message):
    """The model that came of a tuning."""

    model: str | None = None
    """``projects/…/models/…``."""
    endpoint: str | None = None
    """``projects/…/endpoints/…``, which answers as a model."""
    checkpoints: tuple[TunedModelCheckpoint, ...] = ()


class SupervisedHyperParameters(Message):
    """How supervised tuning proceeds."""

    adapter_size: AdapterSize | None = None
    batch_size: int | None = None
    epoch_count: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None


class SupervisedTuningSpec(Message):
    """Tuning by examples of good answers."""

    export_last_checkpoint_only: bool | None = None
    hyper_parameters: SupervisedHyperParameters | None = None
    training_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    tuning_mode: TuningMode | None = None
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""


class PreferenceOptimizationHyperParameters(Message):
    """How tuning by preferences proceeds."""

    adapter_size: AdapterSize | None = None
    beta: float | None = None
    """From 0 to 1: how much the model may move away from what it was."""
    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None


class PreferenceOptimizationSpec(Message):
    """Tuning by pairs of a better and a worse answer."""

    export_last_checkpoint_only: bool | None = None
    hyper_parameters: PreferenceOptimizationHyperParameters | None = None
    training_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""


class PreTunedModel(Message):
    """A tuned model that is tuned further."""

    base_model: str | None = None
    checkpoint_id: str | None = None
    tuned_model_name: str | None = None
    """``projects/…/models/…``."""


class EncryptionSpec(Message):
    """Which key of one's own encrypts the result."""

    kms_key_name: str | None = None
    """``projects/…/locations/…/keyRings/…/cryptoKeys/…``."""


class PartnerModelTuningSpec(Message):
    """Tuning of another maker's model."""

    hyper_parameters: Mapping[str, Any] | None = None
    training_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None


class VeoHyperParameters(Message):
    """How the tuning of a video model proceeds."""

    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    tuning_task: TuningTask | None = None


class VeoTuningSpec(Message):
    """Tuning of a video model."""

    hyper_parameters: VeoHyperParameters | None = None
    training_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None


class TuningJob(Message):
    """A tuning, which goes on at the service."""

    name: str | None = None
    """``tunedModels/…`` or a full Vertex name."""
    state: JobState | None = None
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    error: GoogleRpcStatus | None = None
    description: str | None = None
    base_model: str | None = None
    tuned_model: TunedModel | None = None
    pre_tuned_model: PreTunedModel | None = None
    supervised_tuning_spec: SupervisedTuningSpec | None = None
    preference_optimization_spec: PreferenceOptimizationSpec | None = None
    tuning_data_stats: TuningDataStats | None = None
    encryption_spec: EncryptionSpec | None = None
    partner_model_tuning_spec: PartnerModelTuningSpec | None = None
    evaluation_config: EvaluationConfig | None = None
    custom_base_model: str | None = None
    experiment: str | None = None
    """The Vertex experiment that the measurements go to."""
    labels: Mapping[str, str] | None = None
    output_uri: str | None = None
    pipeline_job: str | None = None
    """The Vertex pipeline that does the work."""
    service_account: str | None = None
    tuned_model_display_name: str | None = None
    veo_tuning_spec: VeoTuningSpec | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the job will not go on by itself any more."""
        return self.state in ENDED_JOB_STATES

    @property
    def has_succeeded(self) -> bool:
        """Whether there is a tuned model."""
        return self.state == JobState.JOB_STATE_SUCCEEDED


class GetTuningJobConfig(Message):
    """How a tuning is looked up: nothing to be said."""


class CancelTuningJobConfig(Message):
    """How a tuning is cancelled: nothing to be said."""


class ListTuningJobsConfig(Message):
    """Which page of the tunings."""

    page_size: int | None = None
    """How many on a page, at most."""
    page_token: str | None = None
    """The ``next_page_token`` of the page before."""
    filter: str | None = None


class ListTuningJobsResponse(Page[TuningJob]):
    """A page of tunings."""

    tuning_jobs: tuple[TuningJob, ...] = ()


class TuningExample(Message):
    """A question and a good answer."""

    output: str | None = None
    text_input: str | None = None


class TuningDataset(Message):
    """The examples: in Cloud Storage, as a Vertex dataset, or here."""

    gcs_uri: VertexOnly[str | None] = None
    """``gs://….jsonl``."""
    vertex_dataset_resource: VertexOnly[str | None] = None
    examples: GeminiOnly[tuple[TuningExample, ...] | None] = None


class TuningValidationDataset(Message):
    """The examples that a tuning is measured with."""

    gcs_uri: str | None = None
    """``gs://….jsonl``."""
    vertex_dataset_resource: str | None = None


class CreateTuningJobConfig(Message):
    """How a tuning proceeds, and what comes of it."""

    method: TuningMethod | None = None
    validation_dataset: VertexOnly[TuningValidationDataset | None] = None
    tuned_model_display_name: str | None = None
    description: VertexOnly[str | None] = None
    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    """Of the learning rate that is recommended for the model."""
    export_last_checkpoint_only: VertexOnly[bool | None] = None
    pre_tuned_model_checkpoint_id: VertexOnly[str | None] = None
    adapter_size: VertexOnly[AdapterSize | None] = None
    batch_size: GeminiOnly[int | None] = None
    learning_rate: GeminiOnly[float | None] = None
    """In place of the multiplier."""
    evaluation_config: VertexOnly[EvaluationConfig | None] = None
    labels: VertexOnly[Mapping[str, str] | None] = None
    beta: VertexOnly[float | None] = None
    """For tuning by preferences, from 0 to 1: how much the model may move away from what it was."""


class TuningOperation(Message):
    """The start of a tuning."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    """A ``google.rpc.Status``."""


class CreateTuningJobParameters(Message):
    """What tuning takes."""

    base_model: str | None = None
    training_dataset: TuningDataset | None = None
    config: CreateTuningJobConfig | None = None
