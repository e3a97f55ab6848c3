"""The body that creates a tuning job on Vertex AI. The specification that is set in it determines the method."""

from collections.abc import Mapping
from typing import Any

from genai_fn.backend import Vertex
from genai_fn.errors import Unsupported
from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.ops.tunings.evaluation import WireEvaluationConfig, encode_evaluation
from genai_fn.ops.tunings.rewards import (
    WireCompositeRewardConfig,
    WireSingleRewardConfig,
    encode_composite_reward,
    encode_single_reward,
)
from genai_fn.schema.base import Message
from genai_fn.schema.tuning_specs import (
    AdapterSize,
    EncryptionSpec,
    PreTunedModel,
    ReinforcementTuningThinkingLevel,
    TuningMode,
)
from genai_fn.schema.tunings import CreateTuningJobConfig, TuningDataset, TuningMethod, TuningValidationDataset
from genai_fn.values import Value

__all__ = ["TuningJobBody", "encode_tuning_job"]


class _HyperParameters(Message):
    epoch_count: int | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: AdapterSize | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    beta: float | None = None
    sft_loss_weight_multiplier: float | None = None
    samples_per_prompt: int | None = None
    evaluate_interval: int | None = None
    checkpoint_interval: int | None = None
    max_output_tokens: int | None = None
    thinking_level: ReinforcementTuningThinkingLevel | None = None


class _TuningSpec(Message):
    training_dataset_uri: str | None = None
    prompt_dataset_uri: str | None = None
    validation_dataset_uri: str | None = None
    hyper_parameters: _HyperParameters | None = None
    export_last_checkpoint_only: bool | None = None
    tuning_mode: TuningMode | None = None
    evaluation_config: WireEvaluationConfig | None = None
    base_teacher_model: str | None = None
    tuned_teacher_model_source: str | None = None
    single_reward_config: WireSingleRewardConfig | None = None
    composite_reward_config: WireCompositeRewardConfig | None = None


class TuningJobBody(Message):
    """A new tuning job, as it is sent."""

    base_model: str | None = None
    pre_tuned_model: PreTunedModel | None = None
    supervised_tuning_spec: _TuningSpec | None = None
    preference_optimization_spec: _TuningSpec | None = None
    distillation_spec: _TuningSpec | None = None
    reinforcement_tuning_spec: _TuningSpec | None = None
    tuned_model_display_name: str | None = None
    description: str | None = None
    custom_base_model: str | None = None
    labels: Mapping[str, str] | None = None
    output_uri: str | None = None
    encryption_spec: EncryptionSpec | None = None


def encode_tuning_job(
    base_model: str, dataset: TuningDataset, config: CreateTuningJobConfig, at: Vertex
) -> TuningJobBody:
    """Encode a new tuning job; raise `Unsupported` for options that its method does not have."""
    is_tuned, checkpoint = base_model.startswith("projects/"), config.pre_tuned_model_checkpoint_id
    if checkpoint is not None and not is_tuned:
        path = "config.pre_tuned_model_checkpoint_id"
        raise Unsupported(at.title, (path,), "only a tuned model, projects/…/models/…, has checkpoints")
    tuned = PreTunedModel(tuned_model_name=base_model, checkpoint_id=checkpoint)
    return TuningJobBody(
        base_model=None if is_tuned else base_model,
        pre_tuned_model=tuned if is_tuned else None,
        tuned_model_display_name=config.tuned_model_display_name,
        description=config.description,
        custom_base_model=config.custom_base_model,
        labels=config.labels,
        output_uri=config.output_uri,
        encryption_spec=config.encryption_spec,
        **_encode_specs(dataset, config, at),
    )


class _Method(Value):
    """How a tuning method is sent."""

    spec: str
    """Field of the job with its specification."""
    dataset: str = "training_dataset_uri"
    """Field of the specification with the training dataset."""
    own_fields: tuple[str, ...] = ()
    """Options that only this method has: they are always part of its specification, as in google-genai."""
    lacks: tuple[str, ...] = ()
    """Options that it does not have, though others do."""


_METHODS: Mapping[TuningMethod, _Method] = {
    TuningMethod.SUPERVISED_FINE_TUNING: _Method("supervised_tuning_spec"),
    TuningMethod.PREFERENCE_TUNING: _Method(
        "preference_optimization_spec",
        own_fields=("beta",),
        lacks=("batch_size", "learning_rate", "tuning_mode"),
    ),
    TuningMethod.DISTILLATION: _Method(
        "distillation_spec",
        "prompt_dataset_uri",
        own_fields=("base_teacher_model", "tuned_teacher_model_source", "sft_loss_weight_multiplier"),
    ),
    TuningMethod.REINFORCEMENT_TUNING: _Method(
        "reinforcement_tuning_spec",
        own_fields=(
            "single_reward_config",
            "composite_reward_config",
            "samples_per_prompt",
            "evaluate_interval",
            "checkpoint_interval",
            "max_output_tokens",
            "thinking_level",
            "validation_dataset_uri",
        ),
        lacks=("learning_rate", "export_last_checkpoint_only", "tuning_mode", "evaluation_config"),
    ),
}


def _encode_specs(dataset: TuningDataset, config: CreateTuningJobConfig, at: Vertex) -> dict[str, Any]:
    """Encode the specification of the config's method, and of any other method whose own options are set."""
    method = _METHODS.get(config.method or TuningMethod.SUPERVISED_FINE_TUNING)
    if method is None:
        raise Unsupported(at.title, ("config.method",), f"the methods are {', '.join(_METHODS)}")
    lacking = tuple(f"config.{name}" for name in method.lacks if getattr(config, name) is not None)
    if lacking:
        raise Unsupported(at.title, lacking, f"{config.method} does not have it")
    specs = {each.spec: {name: _get_own_option(config, name) for name in each.own_fields} for each in _METHODS.values()}
    for name, value in _list_shared_options(dataset, config, method).items():
        if value is not None:
            specs[method.spec][name] = value
    return {name: _build_spec(values) for name, values in specs.items()}


def _get_own_option(config: CreateTuningJobConfig, name: str) -> Any:
    match name:
        case "single_reward_config":
            return encode_single_reward(config.reward_config)
        case "composite_reward_config":
            return encode_composite_reward(config.composite_reward_config)
        case _:
            return getattr(config, name)


def _list_shared_options(dataset: TuningDataset, config: CreateTuningJobConfig, method: _Method) -> dict[str, Any]:
    return {
        method.dataset: _get_dataset_uri(dataset),
        "validation_dataset_uri": _get_dataset_uri(config.validation_dataset),
        "epoch_count": config.epoch_count,
        "learning_rate_multiplier": config.learning_rate_multiplier,
        "adapter_size": config.adapter_size,
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "export_last_checkpoint_only": config.export_last_checkpoint_only,
        "tuning_mode": config.tuning_mode,
        "evaluation_config": encode_evaluation(config.evaluation_config),
    }


def _build_spec(values: Mapping[str, Any]) -> _TuningSpec | None:
    hyper_parameters = _HyperParameters(
        **{name: value for name, value in values.items() if name in _HyperParameters.__struct_fields__}
    )
    others = {name: value for name, value in values.items() if name in _TuningSpec.__struct_fields__}
    return omit_if_empty(_TuningSpec(hyper_parameters=omit_if_empty(hyper_parameters), **others))


def _get_dataset_uri(dataset: TuningDataset | TuningValidationDataset | None) -> str | None:
    if dataset is None:
        return None
    return dataset.gcs_uri if dataset.vertex_dataset_resource is None else dataset.vertex_dataset_resource
