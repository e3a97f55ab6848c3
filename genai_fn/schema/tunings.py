"""Tuning jobs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import GeminiOnly, Message, OpenEnum, OpenMessage, Page, VertexOnly
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
    """Whether the full model is tuned, or an adapter."""

    TUNING_MODE_UNSPECIFIED = "TUNING_MODE_UNSPECIFIED"
    TUNING_MODE_FULL = "TUNING_MODE_FULL"
    TUNING_MODE_PEFT_ADAPTER = "TUNING_MODE_PEFT_ADAPTER"


class AdapterSize(OpenEnum):
    """Size of the adapter that is trained with ``TUNING_MODE_PEFT_ADAPTER``."""

    ADAPTER_SIZE_UNSPECIFIED = "ADAPTER_SIZE_UNSPECIFIED"
    ADAPTER_SIZE_ONE = "ADAPTER_SIZE_ONE"
    ADAPTER_SIZE_TWO = "ADAPTER_SIZE_TWO"
    ADAPTER_SIZE_FOUR = "ADAPTER_SIZE_FOUR"
    ADAPTER_SIZE_EIGHT = "ADAPTER_SIZE_EIGHT"
    ADAPTER_SIZE_SIXTEEN = "ADAPTER_SIZE_SIXTEEN"
    ADAPTER_SIZE_THIRTY_TWO = "ADAPTER_SIZE_THIRTY_TWO"


class TuningTask(OpenEnum):
    """Task that a video model is tuned for: image to video (I2V), text to video (T2V) or reference to video (R2V)."""

    TUNING_TASK_UNSPECIFIED = "TUNING_TASK_UNSPECIFIED"
    TUNING_TASK_I2V = "TUNING_TASK_I2V"
    TUNING_TASK_T2V = "TUNING_TASK_T2V"
    TUNING_TASK_R2V = "TUNING_TASK_R2V"


class TuningMethod(OpenEnum):
    """Whether a model is tuned with examples, or with pairs of a better and a worse response."""

    SUPERVISED_FINE_TUNING = "SUPERVISED_FINE_TUNING"
    PREFERENCE_TUNING = "PREFERENCE_TUNING"


class TunedModelCheckpoint(OpenMessage):
    """A checkpoint of a model during its tuning."""

    checkpoint_id: str | None = None
    epoch: int | None = None
    step: int | None = None
    endpoint: str | None = None


class TunedModel(OpenMessage):
    """The model that a tuning job has produced."""

    model: str | None = None
    """``projects/…/models/…``."""
    endpoint: str | None = None
    """``projects/…/endpoints/…``, which can be used as a model name."""
    checkpoints: tuple[TunedModelCheckpoint, ...] = ()


class SupervisedHyperParameters(Message):
    """Hyperparameters of supervised tuning."""

    adapter_size: AdapterSize | None = None
    batch_size: int | None = None
    epoch_count: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None


class SupervisedTuningSpec(OpenMessage):
    """Datasets and options of supervised tuning."""

    export_last_checkpoint_only: bool | None = None
    hyper_parameters: SupervisedHyperParameters | None = None
    training_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    tuning_mode: TuningMode | None = None
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""


class PreferenceOptimizationHyperParameters(Message):
    """Hyperparameters of preference optimization."""

    adapter_size: AdapterSize | None = None
    beta: float | None = None
    """Weight of the regularization by KL divergence, from 0 to 1."""
    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None


class PreferenceOptimizationSpec(OpenMessage):
    """Datasets and options of preference optimization: tuning with pairs of a better and a worse response."""

    export_last_checkpoint_only: bool | None = None
    hyper_parameters: PreferenceOptimizationHyperParameters | None = None
    training_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""


class PreTunedModel(OpenMessage):
    """A tuned model to continue from."""

    base_model: str | None = None
    checkpoint_id: str | None = None
    tuned_model_name: str | None = None
    """``projects/…/models/…``."""


class EncryptionSpec(OpenMessage):
    """Customer-managed key that encrypts the result."""

    kms_key_name: str | None = None
    """``projects/…/locations/…/keyRings/…/cryptoKeys/…``."""


class PartnerModelTuningSpec(OpenMessage):
    """Datasets and options of the tuning of an open-source or third-party model."""

    hyper_parameters: Mapping[str, Any] | None = None
    training_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None


class VeoHyperParameters(Message):
    """Hyperparameters of the tuning of a video model."""

    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    tuning_task: TuningTask | None = None


class VeoTuningSpec(OpenMessage):
    """Datasets and options of the tuning of a video model."""

    hyper_parameters: VeoHyperParameters | None = None
    training_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None


class TuningJob(OpenMessage):
    """A job that tunes a model: its state, its parameters and the tuned model."""

    name: str | None = None
    """``tunedModels/…``, or a full Vertex AI name."""
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
    """Vertex AI experiment associated with the job."""
    labels: Mapping[str, str] | None = None
    output_uri: str | None = None
    pipeline_job: str | None = None
    """Vertex AI pipeline that runs the job."""
    service_account: str | None = None
    tuned_model_display_name: str | None = None
    veo_tuning_spec: VeoTuningSpec | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the job has ended: it succeeded (perhaps in part), failed, was cancelled, or expired."""
        return self.state in ENDED_JOB_STATES

    @property
    def has_succeeded(self) -> bool:
        """Whether the job has succeeded completely; False if it has succeeded only in part."""
        return self.state == JobState.JOB_STATE_SUCCEEDED


class GetTuningJobConfig(Message):
    """Options of `tunings.get`; there are none."""


class CancelTuningJobConfig(Message):
    """Options of `tunings.cancel`; there are none."""


class ListTuningJobsConfig(Message):
    """Options of `tunings.list`."""

    page_size: int | None = None
    """Maximum number of items on a page."""
    page_token: str | None = None
    """The ``next_page_token`` of the previous page."""
    filter: str | None = None


class ListTuningJobsResponse(Page[TuningJob]):
    """A page of tuning jobs."""

    tuning_jobs: tuple[TuningJob, ...] = ()


class TuningExample(OpenMessage):
    """A training example: an input and the desired output."""

    output: str | None = None
    text_input: str | None = None


class TuningDataset(Message):
    """The training examples: in Cloud Storage, as a Vertex AI dataset, or inline."""

    gcs_uri: VertexOnly[str | None] = None
    """``gs://….jsonl``."""
    vertex_dataset_resource: VertexOnly[str | None] = None
    examples: GeminiOnly[tuple[TuningExample, ...] | None] = None


class TuningValidationDataset(Message):
    """The examples that the tuned model is validated with."""

    gcs_uri: str | None = None
    """``gs://….jsonl``."""
    vertex_dataset_resource: str | None = None


class CreateTuningJobConfig(Message):
    """Options of `tunings.tune`."""

    method: TuningMethod | None = None
    validation_dataset: VertexOnly[TuningValidationDataset | None] = None
    tuned_model_display_name: str | None = None
    description: VertexOnly[str | None] = None
    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    """Multiplier of the learning rate that is recommended for the model."""
    export_last_checkpoint_only: VertexOnly[bool | None] = None
    pre_tuned_model_checkpoint_id: VertexOnly[str | None] = None
    adapter_size: VertexOnly[AdapterSize | None] = None
    batch_size: GeminiOnly[int | None] = None
    learning_rate: GeminiOnly[float | None] = None
    """Learning rate; set this or the multiplier."""
    evaluation_config: VertexOnly[EvaluationConfig | None] = None
    labels: VertexOnly[Mapping[str, str] | None] = None
    beta: VertexOnly[float | None] = None
    """Weight of the regularization by KL divergence, from 0 to 1; for preference optimization."""


class TuningOperation(Message):
    """The creation of a tuning job: a long-running operation."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    """A ``google.rpc.Status``."""


class CreateTuningJobParameters(Message):
    """Parameters of `tunings.tune`."""

    base_model: str | None = None
    training_dataset: TuningDataset | None = None
    config: CreateTuningJobConfig | None = None
