"""The body that creates a tuning job on Vertex AI. The specification that is set in it determines the method."""

from collections.abc import Mapping
from typing import Any

from msgspec import field

from genai_fn.backend import Vertex
from genai_fn.errors import Unsupported
from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.ops.tunings.evaluation import WireEvaluationConfig, encode_evaluation
from genai_fn.ops.tunings.rewards import WireCompositeRewardConfig, WireSingleRewardConfig
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
    reward_config: WireSingleRewardConfig | None = field(default=None, name="singleRewardConfig")
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
    return copy_fields(
        TuningJobBody,
        config,
        base_model=None if is_tuned else base_model,
        pre_tuned_model=tuned if is_tuned else None,
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
            "reward_config",
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
    specs = {each.spec: _encode_spec(config, each.own_fields) for each in _METHODS.values()}
    shared = {
        method.dataset: _get_dataset_uri(dataset),
        "validation_dataset_uri": _get_dataset_uri(config.validation_dataset),
        "evaluation_config": encode_evaluation(config.evaluation_config),
    }
    given = {name: value for name, value in shared.items() if value is not None}
    return {**specs, method.spec: _encode_spec(config, (*method.own_fields, *_SHARED_FIELDS), **given)}


_SHARED_FIELDS = (
    "epoch_count",
    "learning_rate_multiplier",
    "adapter_size",
    "batch_size",
    "learning_rate",
    "export_last_checkpoint_only",
    "tuning_mode",
)
"""Options of several methods: they are part of the specification of the config's method only."""


def _encode_spec(config: CreateTuningJobConfig, names: tuple[str, ...], **others: Any) -> _TuningSpec | None:
    """Encode the options `names` of a config, and other fields of a specification; None if nothing is set."""
    options = CreateTuningJobConfig(**{name: getattr(config, name) for name in names})
    hyper_parameters = omit_if_empty(copy_fields(_HyperParameters, options))
    return omit_if_empty(copy_fields(_TuningSpec, options, hyper_parameters=hyper_parameters, **others))


def _get_dataset_uri(dataset: TuningDataset | TuningValidationDataset | None) -> str | None:
    if dataset is None:
        return None
    return dataset.gcs_uri if dataset.vertex_dataset_resource is None else dataset.vertex_dataset_resource
