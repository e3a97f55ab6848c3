"""Tuning methods: datasets, hyperparameters and options of each."""

from collections.abc import Mapping
from typing import Any

from genai_fn.schema.base import OpenEnum, OpenMessage
from genai_fn.schema.generation import GenerationConfig
from genai_fn.schema.rewards import CompositeReinforcementTuningRewardConfig, SingleReinforcementTuningRewardConfig


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


class TuningSpeed(OpenEnum):
    """Speed of the tuning of a Veo 3.0 model; the default is ``FAST``."""

    TUNING_SPEED_UNSPECIFIED = "TUNING_SPEED_UNSPECIFIED"
    REGULAR = "REGULAR"
    FAST = "FAST"


class VideoOrientation(OpenEnum):
    """Orientation of the videos of a dataset; the default is ``LANDSCAPE``."""

    VIDEO_ORIENTATION_UNSPECIFIED = "VIDEO_ORIENTATION_UNSPECIFIED"
    LANDSCAPE = "LANDSCAPE"
    PORTRAIT = "PORTRAIT"


class ReinforcementTuningThinkingLevel(OpenEnum):
    """How much the model thinks at most during reinforcement tuning."""

    REINFORCEMENT_TUNING_THINKING_LEVEL_UNSPECIFIED = "REINFORCEMENT_TUNING_THINKING_LEVEL_UNSPECIFIED"
    MINIMAL = "MINIMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class SupervisedHyperParameters(OpenMessage):
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


class FullFineTuningSpec(OpenMessage):
    """Datasets and options of supervised tuning of all weights."""

    hyper_parameters: SupervisedHyperParameters | None = None
    training_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""


class PreferenceOptimizationHyperParameters(OpenMessage):
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


class DistillationHyperParameters(OpenMessage):
    """Hyperparameters of distillation."""

    adapter_size: AdapterSize | None = None
    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    generation_config: GenerationConfig | None = None
    """How the teacher model generates."""
    learning_rate: float | None = None
    batch_size: int | None = None


class DistillationSpec(OpenMessage):
    """Datasets and options of distillation: a model learns from the responses of a larger one, its teacher."""

    prompt_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    base_teacher_model: str | None = None
    """The teacher, if it is not tuned."""
    hyper_parameters: DistillationHyperParameters | None = None
    pipeline_root_directory: str | None = None
    student_model: str | None = None
    """Predecessor of the job's ``base_model``."""
    training_dataset_uri: str | None = None
    """Predecessor of ``prompt_dataset_uri``."""
    tuned_teacher_model_source: str | None = None
    """The teacher, if it is tuned: ``projects/…/locations/…/models/…``."""
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    tuning_mode: TuningMode | None = None


class DistillationSamplingSpec(OpenMessage):
    """The teacher model and the prompts of a distillation."""

    base_teacher_model: str | None = None
    """The teacher, if it is not tuned."""
    tuned_teacher_model_source: str | None = None
    """The teacher, if it is tuned: ``projects/…/locations/…/models/…``."""
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    prompt_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    hyperparameters: DistillationHyperParameters | None = None


class ReinforcementTuningHyperParameters(OpenMessage):
    """Hyperparameters of reinforcement tuning."""

    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: AdapterSize | None = None
    samples_per_prompt: int | None = None
    """Number of responses that are generated for a prompt."""
    batch_size: int | None = None
    """Number of prompts in a step."""
    evaluate_interval: int | None = None
    """Number of steps between evaluations; by default they take place after each epoch."""
    checkpoint_interval: int | None = None
    """Number of steps between checkpoints; by default there is one after each epoch."""
    max_output_tokens: int | None = None
    """For each prompt; the default is 32,768."""
    thinking_level: ReinforcementTuningThinkingLevel | None = None
    thinking_budget: int | None = None
    """Predecessor of ``thinking_level``."""
    step_count: int | None = None


class ReinforcementTuningSpec(OpenMessage):
    """Datasets, rewards and options of reinforcement tuning."""

    composite_reward_config: CompositeReinforcementTuningRewardConfig | None = None
    training_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    validation_dataset_uri: str | None = None
    """``gs://….jsonl``."""
    hyper_parameters: ReinforcementTuningHyperParameters | None = None
    single_reward_config: SingleReinforcementTuningRewardConfig | None = None


class PartnerModelTuningSpec(OpenMessage):
    """Datasets and options of the tuning of an open-source or third-party model."""

    hyper_parameters: Mapping[str, Any] | None = None
    training_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None


class VeoHyperParameters(OpenMessage):
    """Hyperparameters of the tuning of a video model."""

    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    tuning_task: TuningTask | None = None
    veo_data_mixture_ratio: float | None = None
    """Share of Google's own data in the training data, from 0 up to 1; the default is 0.1."""
    adapter_size: AdapterSize | None = None
    tuning_speed: TuningSpeed | None = None


class VeoTuningSpec(OpenMessage):
    """Datasets and options of the tuning of a video model."""

    hyper_parameters: VeoHyperParameters | None = None
    training_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None


class VeoLoraTuningSpec(OpenMessage):
    """Datasets and options of the tuning of an adapter for a video model."""

    hyper_parameters: VeoHyperParameters | None = None
    training_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None
    video_orientation: VideoOrientation | None = None


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
