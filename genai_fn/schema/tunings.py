"""Tuning jobs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import GeminiOnly, ListConfig, Message, OpenEnum, OpenMessage, Page, VertexOnly
from genai_fn.schema.evaluation import EvaluationConfig
from genai_fn.schema.evaluation_results import EvaluateDatasetRun
from genai_fn.schema.operations import ENDED_JOB_STATES, GoogleRpcStatus, JobState
from genai_fn.schema.rewards import (
    CompositeReinforcementTuningRewardConfig,
    SingleReinforcementTuningRewardConfig,
)
from genai_fn.schema.tuning_data import TuningDataStats
from genai_fn.schema.tuning_specs import (
    AdapterSize,
    DistillationSamplingSpec,
    DistillationSpec,
    EncryptionSpec,
    FullFineTuningSpec,
    PartnerModelTuningSpec,
    PreferenceOptimizationSpec,
    PreTunedModel,
    ReinforcementTuningSpec,
    ReinforcementTuningThinkingLevel,
    SupervisedTuningSpec,
    TuningMode,
    VeoLoraTuningSpec,
    VeoTuningSpec,
)


class TuningMethod(OpenEnum):
    """What a model is tuned with: examples, pairs of a better and a worse response, a teacher model, or rewards."""

    SUPERVISED_FINE_TUNING = "SUPERVISED_FINE_TUNING"
    PREFERENCE_TUNING = "PREFERENCE_TUNING"
    DISTILLATION = "DISTILLATION"
    REINFORCEMENT_TUNING = "REINFORCEMENT_TUNING"


class TuningJobState(OpenEnum):
    """Phase of a running tuning job."""

    TUNING_JOB_STATE_UNSPECIFIED = "TUNING_JOB_STATE_UNSPECIFIED"
    TUNING_JOB_STATE_WAITING_FOR_QUOTA = "TUNING_JOB_STATE_WAITING_FOR_QUOTA"
    TUNING_JOB_STATE_PROCESSING_DATASET = "TUNING_JOB_STATE_PROCESSING_DATASET"
    TUNING_JOB_STATE_WAITING_FOR_CAPACITY = "TUNING_JOB_STATE_WAITING_FOR_CAPACITY"
    TUNING_JOB_STATE_TUNING = "TUNING_JOB_STATE_TUNING"
    TUNING_JOB_STATE_POST_PROCESSING = "TUNING_JOB_STATE_POST_PROCESSING"


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


class TuningJobMetadata(OpenMessage):
    """Progress of a tuning job."""

    completed_epoch_count: int | None = None
    completed_step_count: int | None = None


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
    distillation_spec: DistillationSpec | None = None
    reinforcement_tuning_spec: ReinforcementTuningSpec | None = None
    tuning_data_stats: TuningDataStats | None = None
    encryption_spec: EncryptionSpec | None = None
    partner_model_tuning_spec: PartnerModelTuningSpec | None = None
    evaluation_config: EvaluationConfig | None = None
    custom_base_model: str | None = None
    evaluate_dataset_runs: tuple[EvaluateDatasetRun, ...] = ()
    experiment: str | None = None
    """Vertex AI experiment associated with the job."""
    full_fine_tuning_spec: FullFineTuningSpec | None = None
    labels: Mapping[str, str] | None = None
    output_uri: str | None = None
    pipeline_job: str | None = None
    """Vertex AI pipeline that runs the job."""
    service_account: str | None = None
    tuned_model_display_name: str | None = None
    tuning_job_state: TuningJobState | None = None
    """Phase of the job while its ``state`` is ``JOB_STATE_RUNNING``."""
    veo_tuning_spec: VeoTuningSpec | None = None
    tuning_job_metadata: TuningJobMetadata | None = None
    veo_lora_tuning_spec: VeoLoraTuningSpec | None = None
    distillation_sampling_spec: DistillationSamplingSpec | None = None
    gcs_metrics_uri: str | None = None
    """``gs://…``, the location of the metrics of the job."""

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


class CancelTuningJobResponse(Message):
    """Response to the cancellation of a tuning job; it is empty."""


class ListTuningJobsConfig(ListConfig):
    """Options of `tunings.list`."""

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
    tuning_mode: VertexOnly[TuningMode | None] = None
    custom_base_model: VertexOnly[str | None] = None
    """``gs://…``, the location of the weights of a custom model."""
    batch_size: int | None = None
    learning_rate: float | None = None
    """Learning rate; set this or the multiplier."""
    evaluation_config: VertexOnly[EvaluationConfig | None] = None
    labels: VertexOnly[Mapping[str, str] | None] = None
    beta: VertexOnly[float | None] = None
    """Weight of the regularization by KL divergence, from 0 to 1; for preference optimization."""
    base_teacher_model: VertexOnly[str | None] = None
    """For distillation: the teacher, if it is not tuned."""
    tuned_teacher_model_source: VertexOnly[str | None] = None
    """For distillation: the teacher, if it is tuned, ``projects/…/locations/…/models/…``."""
    sft_loss_weight_multiplier: VertexOnly[float | None] = None
    """For distillation: weight of the loss of supervised tuning."""
    output_uri: VertexOnly[str | None] = None
    """``gs://…``, the destination of the tuned weights of an open model."""
    encryption_spec: VertexOnly[EncryptionSpec | None] = None
    reward_config: VertexOnly[SingleReinforcementTuningRewardConfig | None] = None
    """For reinforcement tuning: the reward; set this or ``composite_reward_config``."""
    composite_reward_config: VertexOnly[CompositeReinforcementTuningRewardConfig | None] = None
    """For reinforcement tuning: several rewards."""
    samples_per_prompt: VertexOnly[int | None] = None
    """For reinforcement tuning: number of responses that are generated for a prompt."""
    evaluate_interval: VertexOnly[int | None] = None
    """For reinforcement tuning: number of steps between evaluations."""
    checkpoint_interval: VertexOnly[int | None] = None
    """For reinforcement tuning: number of steps between checkpoints."""
    max_output_tokens: VertexOnly[int | None] = None
    """For reinforcement tuning: maximum number of tokens of a response."""
    thinking_level: VertexOnly[ReinforcementTuningThinkingLevel | None] = None
    """For reinforcement tuning: upper limit of the model's thinking."""
    validation_dataset_uri: VertexOnly[str | None] = None
    """For reinforcement tuning: ``gs://….jsonl``; set this or ``validation_dataset``."""


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
