"""Configs of tunings and their rewards."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from genai_fn.schema.config_dicts.resources import ListConfigDict
from genai_fn.schema.evaluation import EvaluationConfig
from genai_fn.schema.foreign_values import GoogleGenaiValue
from genai_fn.schema.rewards import (
    CompositeReinforcementTuningRewardConfig,
    CompositeReinforcementTuningRewardConfigWeightedRewardConfig,
    ReinforcementTuningAutoraterScorer,
    ReinforcementTuningCloudRunRewardScorer,
    ReinforcementTuningCodeExecutionRewardScorer,
    ReinforcementTuningParseResponseConfig,
    ReinforcementTuningStringMatchRewardScorer,
    SingleReinforcementTuningRewardConfig,
)
from genai_fn.schema.tuning_specs import AdapterSize, EncryptionSpec, ReinforcementTuningThinkingLevel, TuningMode
from genai_fn.schema.tunings import CreateTuningJobConfig, ListTuningJobsConfig, TuningMethod, TuningValidationDataset


class CreateTuningJobConfigDict(TypedDict, total=False):
    """The fields of `CreateTuningJobConfig`."""

    method: TuningMethod | str | None
    validation_dataset: TuningValidationDataset | Mapping[str, Any] | None
    tuned_model_display_name: str | None
    description: str | None
    epoch_count: int | None
    learning_rate_multiplier: float | None
    export_last_checkpoint_only: bool | None
    pre_tuned_model_checkpoint_id: str | None
    adapter_size: AdapterSize | str | None
    tuning_mode: TuningMode | str | None
    custom_base_model: str | None
    batch_size: int | None
    learning_rate: float | None
    evaluation_config: EvaluationConfig | Mapping[str, Any] | None
    labels: Mapping[str, str] | None
    beta: float | None
    base_teacher_model: str | None
    tuned_teacher_model_source: str | None
    sft_loss_weight_multiplier: float | None
    output_uri: str | None
    encryption_spec: EncryptionSpec | Mapping[str, Any] | None
    reward_config: SingleReinforcementTuningRewardConfig | Mapping[str, Any] | None
    composite_reward_config: CompositeReinforcementTuningRewardConfig | Mapping[str, Any] | None
    samples_per_prompt: int | None
    evaluate_interval: int | None
    checkpoint_interval: int | None
    max_output_tokens: int | None
    thinking_level: ReinforcementTuningThinkingLevel | str | None
    validation_dataset_uri: str | None


CreateTuningJobConfigLike: TypeAlias = CreateTuningJobConfig | CreateTuningJobConfigDict | GoogleGenaiValue


class ListTuningJobsConfigDict(ListConfigDict, total=False):
    """The fields of `ListTuningJobsConfig`."""

    filter: str | None


ListTuningJobsConfigLike: TypeAlias = ListTuningJobsConfig | ListTuningJobsConfigDict | GoogleGenaiValue


class CompositeReinforcementTuningRewardConfigDict(TypedDict, total=False):
    """The fields of `CompositeReinforcementTuningRewardConfig`."""

    weighted_reward_configs: (
        Sequence[CompositeReinforcementTuningRewardConfigWeightedRewardConfig | Mapping[str, Any]] | None
    )


CompositeReinforcementTuningRewardConfigLike: TypeAlias = (
    CompositeReinforcementTuningRewardConfig | CompositeReinforcementTuningRewardConfigDict | GoogleGenaiValue
)


class SingleReinforcementTuningRewardConfigDict(TypedDict, total=False):
    """The fields of `SingleReinforcementTuningRewardConfig`."""

    autorater_scorer: ReinforcementTuningAutoraterScorer | Mapping[str, Any] | None
    reward_name: str | None
    parse_response_config: ReinforcementTuningParseResponseConfig | Mapping[str, Any] | None
    code_execution_reward_scorer: ReinforcementTuningCodeExecutionRewardScorer | Mapping[str, Any] | None
    string_match_reward_scorer: ReinforcementTuningStringMatchRewardScorer | Mapping[str, Any] | None
    cloud_run_reward_scorer: ReinforcementTuningCloudRunRewardScorer | Mapping[str, Any] | None


SingleReinforcementTuningRewardConfigLike: TypeAlias = (
    SingleReinforcementTuningRewardConfig | SingleReinforcementTuningRewardConfigDict | GoogleGenaiValue
)
