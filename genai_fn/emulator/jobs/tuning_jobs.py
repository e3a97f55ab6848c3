"""Tunings of Vertex AI: jobs, which end with a model, its checkpoints, and an endpoint where it answers."""

from collections.abc import Mapping
from typing import Any

from genai_fn import codec
from genai_fn.emulator.answers import Int64
from genai_fn.emulator.faults import invalid, unreadable
from genai_fn.emulator.jobs import vertex_jobs
from genai_fn.emulator.models import DeployedModel, VertexModel
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    Checkpoint,
    PreferenceOptimizationSpec,
    PreTunedModel,
    SupervisedTuningSpec,
    TunedModel,
    TunedModelCheckpoint,
)
from genai_fn.schema._base import Message

__all__ = ["ROUTES"]


class _Supervised(SupervisedTuningSpec):
    evaluation_config: Any = None


class _Preference(PreferenceOptimizationSpec):
    evaluation_config: Any = None


class _New(Message):
    base_model: str | None = None
    pre_tuned_model: PreTunedModel | None = None
    supervised_tuning_spec: _Supervised | None = None
    preference_optimization_spec: _Preference | None = None
    tuned_model_display_name: str | None = None
    description: str | None = None
    labels: Mapping[str, str] | None = None


def _created(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    new = body_of(asked, _New, "tuning_job")
    spec = _checked(new)
    state, name = state.named(asked.names["parent"])
    place, _, identity = name.partition("/tuningJobs/")
    model, endpoint = f"{place}/models/{identity}", f"{place}/endpoints/{identity}"
    epochs = _epochs(spec)
    steps = () if spec.export_last_checkpoint_only else range(1, epochs + 1)
    made = VertexModel(
        name=model,
        display_name=new.tuned_model_display_name,
        description=new.description,
        deployed_models=(DeployedModel(endpoint=endpoint, deployed_model_id=identity),),
        labels={**(new.labels or {}), "tune-type": "sft", "google-vertex-llm-tuning-base-model-id": _base(new)},
        create_time=asked.now,
        update_time=asked.now,
        default_checkpoint_id=str(epochs) if steps else None,
        checkpoints=tuple(Checkpoint(checkpoint_id=str(each), epoch=Int64(each), step=Int64(each)) for each in steps),
    )
    tuned = TunedModel(
        model=f"{model}@1",
        endpoint=endpoint,
        checkpoints=tuple(
            TunedModelCheckpoint(checkpoint_id=str(each), epoch=Int64(each), step=Int64(each), endpoint=endpoint)
            for each in steps
        ),
    )
    return vertex_jobs.begun(state, asked, name, _repeated(new), {"tunedModel": tuned}, makes=made)


def _repeated(new: _New) -> dict[str, Any]:
    """Say what was asked for, as JSON has it; of the numbers in it one is of 64 bits."""
    tree: dict[str, Any] = codec.to_builtins(new)
    for spec in ("supervisedTuningSpec", "preferenceOptimizationSpec"):
        how: dict[str, Any] = tree.get(spec, {}).get("hyperParameters", {})
        if "epochCount" in how:
            how["epochCount"] = Int64(how["epochCount"])
    return tree


def _checked(new: _New) -> _Supervised | _Preference:
    """Give what is to be tuned with."""
    if (new.base_model is None) == (new.pre_tuned_model is None):
        raise invalid("* tuning_job: either base_model or pre_tuned_model is required")
    spec, other = new.supervised_tuning_spec, new.preference_optimization_spec
    if spec is not None and other is not None:
        why = "oneof field 'tuning_spec' is already set. Cannot set 'preferenceOptimizationSpec'"
        raise unreadable(("tuning_job", f"Invalid value at 'tuning_job' (oneof), {why}"))
    found = spec or other
    if found is None or not (found.training_dataset_uri or "").startswith(("gs://", "projects/")):
        raise invalid("* tuning_job: a tuning_spec with a training_dataset_uri, gs://… or a dataset, is required")
    return found


def _epochs(spec: _Supervised | _Preference) -> int:
    given = None if spec.hyper_parameters is None else spec.hyper_parameters.epoch_count
    if given is not None and not 0 < given <= _MOST_EPOCHS:
        raise invalid(f"* tuning_job: epoch_count must be from 1 to {_MOST_EPOCHS}, but was {given}")
    return given or 1


_MOST_EPOCHS = 100


def _base(new: _New) -> str:
    return new.base_model or (new.pre_tuned_model and new.pre_tuned_model.base_model) or "gemini-2.5-flash"


ROUTES = (
    ("POST", "{parent=projects/*/locations/*/tuningJobs}", _created),
    ("GET", "{parent=projects/*/locations/*/tuningJobs}", vertex_jobs.listed),
    ("GET", "{name=projects/*/locations/*/tuningJobs/*}", vertex_jobs.got),
    ("POST", "{name=projects/*/locations/*/tuningJobs/*}:cancel", vertex_jobs.cancelled),
)
