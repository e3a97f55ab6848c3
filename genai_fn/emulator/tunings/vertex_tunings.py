"""Tunings of Vertex AI: jobs whose result is a model with checkpoints and an endpoint."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from genai_fn import codec
from genai_fn.emulator import vertex_jobs
from genai_fn.emulator.models.models import EmulatedVertexModel
from genai_fn.emulator.server.faults import make_invalid_argument, make_invalid_value
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import Int64
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.models import Checkpoint
from genai_fn.schema.tuning_specs import (
    DistillationHyperParameters,
    DistillationSpec,
    EncryptionSpec,
    PreferenceOptimizationSpec,
    PreTunedModel,
    ReinforcementTuningSpec,
    SupervisedTuningSpec,
)
from genai_fn.schema.tunings import TunedModel, TunedModelCheckpoint


class _SupervisedSpec(SupervisedTuningSpec):
    evaluation_config: Any = None


class _PreferenceSpec(PreferenceOptimizationSpec):
    evaluation_config: Any = None


class _DistillationHyperParameters(DistillationHyperParameters):
    sft_loss_weight_multiplier: float | None = None


class _DistillationSpec(DistillationSpec):
    hyper_parameters: _DistillationHyperParameters | None = None
    evaluation_config: Any = None
    export_last_checkpoint_only: bool | None = None


class _ReinforcementSpec(ReinforcementTuningSpec):
    single_reward_config: Any = None
    composite_reward_config: Any = None


_Spec: TypeAlias = _SupervisedSpec | _PreferenceSpec | _DistillationSpec | _ReinforcementSpec


class _NewTuningJob(Message):
    base_model: str | None = None
    pre_tuned_model: PreTunedModel | None = None
    supervised_tuning_spec: _SupervisedSpec | None = None
    preference_optimization_spec: _PreferenceSpec | None = None
    distillation_spec: _DistillationSpec | None = None
    reinforcement_tuning_spec: _ReinforcementSpec | None = None
    tuned_model_display_name: str | None = None
    description: str | None = None
    labels: Mapping[str, str] | None = None
    custom_base_model: str | None = None
    output_uri: str | None = None
    encryption_spec: EncryptionSpec | None = None


def _create_tuning_job(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    new = parse_body(request, _NewTuningJob, "tuning_job")
    spec_name, spec = _find_tuning_spec(new)
    state, name = state.assign_name(request.path_params["parent"])
    parent, _, job_id = name.partition("/tuningJobs/")
    model, endpoint = f"{parent}/models/{job_id}", f"{parent}/endpoints/{job_id}"
    epochs = _resolve_epoch_count(spec)
    steps = () if getattr(spec, "export_last_checkpoint_only", None) else range(1, epochs + 1)
    project_model = EmulatedVertexModel(
        name=model,
        display_name=new.tuned_model_display_name,
        description=new.description,
        deployed_models=({"endpoint": endpoint, "deployedModelId": job_id},),
        labels={
            **(new.labels or {}),
            "tune-type": "sft",
            "google-vertex-llm-tuning-base-model-id": _resolve_base_model(new),
        },
        create_time=request.now,
        update_time=request.now,
        default_checkpoint_id=str(epochs) if steps else None,
        checkpoints=tuple(Checkpoint(checkpoint_id=str(each), epoch=Int64(each), step=Int64(each)) for each in steps),
    )
    tuned_model = TunedModel(
        model=f"{model}@1",
        endpoint=endpoint,
        checkpoints=tuple(
            TunedModelCheckpoint(checkpoint_id=str(each), epoch=Int64(each), step=Int64(each), endpoint=endpoint)
            for each in steps
        ),
    )
    job = vertex_jobs.EmulatedJob(
        name=name,
        request_fields=_echo_request_fields(new, spec_name),
        result_fields={"tunedModel": tuned_model},
        create_time=request.now,
        update_time=request.now,
        tuned_model=project_model,
    )
    return vertex_jobs.store_job(state, job)


def _echo_request_fields(new: _NewTuningJob, spec_name: str) -> dict[str, Any]:
    """Return the fields of the request as JSON, with the 64-bit ``epochCount`` as a string."""
    tree: dict[str, Any] = codec.to_builtins(new)
    hyper_parameters: dict[str, Any] = tree[spec_name].get("hyperParameters", {})
    if "epochCount" in hyper_parameters:
        hyper_parameters["epochCount"] = Int64(hyper_parameters["epochCount"])
    return tree


def _find_tuning_spec(new: _NewTuningJob) -> tuple[str, _Spec]:
    """Check the request, and return the name and the value of its tuning spec."""
    if (new.base_model is None) == (new.pre_tuned_model is None):
        raise make_invalid_argument("* tuning_job: either base_model or pre_tuned_model is required")
    specs: dict[str, _Spec | None] = {
        "supervisedTuningSpec": new.supervised_tuning_spec,
        "preferenceOptimizationSpec": new.preference_optimization_spec,
        "distillationSpec": new.distillation_spec,
        "reinforcementTuningSpec": new.reinforcement_tuning_spec,
    }
    chosen = [(name, spec) for name, spec in specs.items() if spec is not None]
    if len(chosen) > 1:
        why = f"oneof field 'tuning_spec' is already set. Cannot set '{chosen[1][0]}'"
        raise make_invalid_value("tuning_job", "oneof", why)
    if not chosen or not _get_dataset_uri(chosen[0][1]).startswith(("gs://", "projects/")):
        raise make_invalid_argument("* tuning_job: a tuning_spec with a dataset, gs://… or projects/…, is required")
    return chosen[0]


def _get_dataset_uri(spec: _Spec) -> str:
    uri = spec.prompt_dataset_uri if isinstance(spec, _DistillationSpec) else spec.training_dataset_uri
    return uri or ""


def _resolve_epoch_count(spec: _Spec) -> int:
    epoch_count = None if spec.hyper_parameters is None else spec.hyper_parameters.epoch_count
    if epoch_count is not None and not 0 < epoch_count <= _MAX_EPOCHS:
        raise make_invalid_argument(f"* tuning_job: epoch_count must be from 1 to {_MAX_EPOCHS}, but was {epoch_count}")
    return epoch_count or 1


_MAX_EPOCHS = 100


def _resolve_base_model(new: _NewTuningJob) -> str:
    return new.base_model or (new.pre_tuned_model and new.pre_tuned_model.base_model) or "gemini-2.5-flash"


ROUTES = (
    ("POST", "{parent=projects/*/locations/*/tuningJobs}", _create_tuning_job),
    ("GET", "{parent=projects/*/locations/*/tuningJobs}", vertex_jobs.list_jobs),
    ("GET", "{name=projects/*/locations/*/tuningJobs/*}", vertex_jobs.get_job),
    ("POST", "{name=projects/*/locations/*/tuningJobs/*}:cancel", vertex_jobs.cancel_job),
)
