"""Tunings of Vertex AI: jobs whose result is a model with checkpoints and an endpoint."""

from collections.abc import Mapping
from typing import Any

from genai_fn import codec
from genai_fn.emulator import vertex_jobs
from genai_fn.emulator.models.models import EmulatedDeployedModel, EmulatedVertexModel
from genai_fn.emulator.server.faults import make_invalid_argument, make_invalid_value
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import Int64
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema import (
    Checkpoint,
    PreferenceOptimizationSpec,
    PreTunedModel,
    SupervisedTuningSpec,
    TunedModel,
    TunedModelCheckpoint,
)
from genai_fn.schema.base import Message


class _SupervisedSpec(SupervisedTuningSpec):
    evaluation_config: Any = None


class _PreferenceSpec(PreferenceOptimizationSpec):
    evaluation_config: Any = None


class _NewTuningJob(Message):
    base_model: str | None = None
    pre_tuned_model: PreTunedModel | None = None
    supervised_tuning_spec: _SupervisedSpec | None = None
    preference_optimization_spec: _PreferenceSpec | None = None
    tuned_model_display_name: str | None = None
    description: str | None = None
    labels: Mapping[str, str] | None = None


def _create_tuning_job(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    new = parse_body(request, _NewTuningJob, "tuning_job")
    spec = _check_tuning_spec(new)
    state, name = state.assign_name(request.path_params["parent"])
    parent, _, job_id = name.partition("/tuningJobs/")
    model, endpoint = f"{parent}/models/{job_id}", f"{parent}/endpoints/{job_id}"
    epochs = _resolve_epoch_count(spec)
    steps = () if spec.export_last_checkpoint_only else range(1, epochs + 1)
    project_model = EmulatedVertexModel(
        name=model,
        display_name=new.tuned_model_display_name,
        description=new.description,
        deployed_models=(EmulatedDeployedModel(endpoint=endpoint, deployed_model_id=job_id),),
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
    return vertex_jobs.create_job(
        state, request, name, _echo_request_fields(new), {"tunedModel": tuned_model}, tuned_model=project_model
    )


def _echo_request_fields(new: _NewTuningJob) -> dict[str, Any]:
    """Return the fields of the request as JSON, with the 64-bit ``epochCount`` as a string."""
    tree: dict[str, Any] = codec.to_builtins(new)
    for spec in ("supervisedTuningSpec", "preferenceOptimizationSpec"):
        hyper_parameters: dict[str, Any] = tree.get(spec, {}).get("hyperParameters", {})
        if "epochCount" in hyper_parameters:
            hyper_parameters["epochCount"] = Int64(hyper_parameters["epochCount"])
    return tree


def _check_tuning_spec(new: _NewTuningJob) -> _SupervisedSpec | _PreferenceSpec:
    """Check the request, and return its tuning spec."""
    if (new.base_model is None) == (new.pre_tuned_model is None):
        raise make_invalid_argument("* tuning_job: either base_model or pre_tuned_model is required")
    spec, other = new.supervised_tuning_spec, new.preference_optimization_spec
    if spec is not None and other is not None:
        why = "oneof field 'tuning_spec' is already set. Cannot set 'preferenceOptimizationSpec'"
        raise make_invalid_value("tuning_job", "oneof", why)
    chosen = spec or other
    if chosen is None or not (chosen.training_dataset_uri or "").startswith(("gs://", "projects/")):
        raise make_invalid_argument(
            "* tuning_job: a tuning_spec with a training_dataset_uri, gs://… or a dataset, is required"
        )
    return chosen


def _resolve_epoch_count(spec: _SupervisedSpec | _PreferenceSpec) -> int:
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
