"""Decodes the tuning jobs of both backends into `TuningJob`."""

from datetime import datetime
from typing import Any, Final

from msgspec import field

from genai_fn.ops.generate import WireGenerationConfig
from genai_fn.ops.request_parts import copy_fields, nest_extra
from genai_fn.ops.tunings.evaluation import WireEvaluationConfig, decode_evaluation
from genai_fn.ops.tunings.rewards import WireCompositeRewardConfig, WireSingleRewardConfig
from genai_fn.request import ResponseReader, read_json
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.operations import JobState
from genai_fn.schema.tuning_specs import (
    DistillationHyperParameters,
    DistillationSamplingSpec,
    DistillationSpec,
    PreferenceOptimizationSpec,
    ReinforcementTuningSpec,
    SupervisedTuningSpec,
)
from genai_fn.schema.tunings import ListTuningJobsResponse, TunedModel, TuningJob

__all__ = ["GEMINI_STARTED_TUNING", "GEMINI_TUNING", "GEMINI_TUNINGS", "VERTEX_TUNING", "VERTEX_TUNINGS"]


def _decode_state(text: str | None) -> JobState | None:
    return None if text is None else _STATE_BY_MODEL_STATE.get(text) or JobState(text)


_STATE_BY_MODEL_STATE = {
    "STATE_UNSPECIFIED": JobState.JOB_STATE_UNSPECIFIED,
    "CREATING": JobState.JOB_STATE_RUNNING,
    "ACTIVE": JobState.JOB_STATE_SUCCEEDED,
    "FAILED": JobState.JOB_STATE_FAILED,
}
"""Gemini returns the state of the tuned model."""


# Gemini: the tuned model is the job


class _GeminiTuningTask(OpenMessage):
    start_time: datetime | None = None
    complete_time: datetime | None = None


class _GeminiTunedModel(OpenMessage):
    name: str | None = None
    tuned_model_display_name: str | None = field(default=None, name="displayName")
    description: str | None = None
    state: JobState | None = None
    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    tuning_task: _GeminiTuningTask | None = None


def _job_from_gemini(wire: _GeminiTunedModel) -> TuningJob:
    task = wire.tuning_task or _GeminiTuningTask()
    return copy_fields(
        TuningJob,
        wire,
        state=_decode_state(wire.state),
        start_time=task.start_time,
        end_time=task.complete_time,
        tuned_model=TunedModel(model=wire.name, endpoint=wire.name),
        extra=nest_extra(wire, "tuning_task"),
    )


class _GeminiTunedModels(OpenMessage):
    tuned_models: tuple[_GeminiTunedModel, ...] = ()
    next_page_token: str | None = None


def _jobs_from_gemini(wire: _GeminiTunedModels) -> ListTuningJobsResponse:
    return copy_fields(ListTuningJobsResponse, wire, tuning_jobs=tuple(map(_job_from_gemini, wire.tuned_models)))


class _GeminiTuningMetadata(OpenMessage):
    type_url: str | None = field(default=None, name="@type")
    """Names the message, as it is inside an ``Any``."""
    tuned_model: Any = None


class _GeminiTuningOperation(OpenMessage):
    """The operation that tuning starts on Gemini; its metadata names the tuned model."""

    name: str | None = None
    done: bool | None = None
    metadata: _GeminiTuningMetadata | None = None


def _decode_started_tuning(wire: _GeminiTuningOperation) -> TuningJob:
    model_name = wire.metadata and wire.metadata.tuned_model
    name = model_name if isinstance(model_name, str) else (wire.name or "").partition("/operations/")[0]
    if not name:
        raise ValueError("an operation without the name of a tuned model")
    return TuningJob(name=name, state=JobState.JOB_STATE_QUEUED, extra=nest_extra(wire, "metadata"))


GEMINI_TUNING: Final[ResponseReader[TuningJob]] = read_json(_GeminiTunedModel, _job_from_gemini)
GEMINI_TUNINGS: Final[ResponseReader[ListTuningJobsResponse]] = read_json(_GeminiTunedModels, _jobs_from_gemini)
GEMINI_STARTED_TUNING: Final[ResponseReader[TuningJob]] = read_json(_GeminiTuningOperation, _decode_started_tuning)


# Vertex AI: a job, whose spec contains the evaluation config


class _VertexSupervisedSpec(SupervisedTuningSpec):
    evaluation_config: WireEvaluationConfig | None = None


class _VertexPreferenceSpec(PreferenceOptimizationSpec):
    evaluation_config: WireEvaluationConfig | None = None


class _VertexDistillationHyperParameters(DistillationHyperParameters):
    generation_config: WireGenerationConfig | None = None


class _VertexDistillationSpec(DistillationSpec):
    hyper_parameters: _VertexDistillationHyperParameters | None = None
    evaluation_config: WireEvaluationConfig | None = None


class _VertexDistillationSamplingSpec(DistillationSamplingSpec):
    hyperparameters: _VertexDistillationHyperParameters | None = None


class _VertexReinforcementSpec(ReinforcementTuningSpec):
    single_reward_config: WireSingleRewardConfig | None = None
    composite_reward_config: WireCompositeRewardConfig | None = None


class _VertexTuningJob(TuningJob):
    supervised_tuning_spec: _VertexSupervisedSpec | None = None
    preference_optimization_spec: _VertexPreferenceSpec | None = None
    distillation_spec: _VertexDistillationSpec | None = None
    reinforcement_tuning_spec: _VertexReinforcementSpec | None = None
    distillation_sampling_spec: _VertexDistillationSamplingSpec | None = None
    evaluation_config: WireEvaluationConfig | None = None  # type: ignore[assignment]  # its metrics have another shape


def _job_from_vertex(wire: _VertexTuningJob) -> TuningJob:
    specs = (wire.supervised_tuning_spec, wire.preference_optimization_spec, wire.distillation_spec)
    inner = next((each.evaluation_config for each in specs if each is not None), None)
    evaluation = decode_evaluation(wire.evaluation_config or inner)
    return copy_fields(TuningJob, wire, state=_decode_state(wire.state), evaluation_config=evaluation)


class _VertexTuningJobs(OpenMessage):
    tuning_jobs: tuple[_VertexTuningJob, ...] = ()
    next_page_token: str | None = None


def _jobs_from_vertex(wire: _VertexTuningJobs) -> ListTuningJobsResponse:
    return copy_fields(ListTuningJobsResponse, wire, tuning_jobs=tuple(map(_job_from_vertex, wire.tuning_jobs)))


VERTEX_TUNING: Final[ResponseReader[TuningJob]] = read_json(_VertexTuningJob, _job_from_vertex)
VERTEX_TUNINGS: Final[ResponseReader[ListTuningJobsResponse]] = read_json(_VertexTuningJobs, _jobs_from_vertex)
