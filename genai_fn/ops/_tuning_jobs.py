"""What the two backends say of a tuning, read as one `TuningJob`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from genai_fn.ops._parts import recast
from genai_fn.ops._tuning_evaluation import Evaluation, evaluation_read
from genai_fn.request import Answer, json
from genai_fn.schema import (
    EncryptionSpec,
    GoogleRpcStatus,
    JobState,
    ListTuningJobsResponse,
    PartnerModelTuningSpec,
    PreferenceOptimizationSpec,
    PreTunedModel,
    SupervisedTuningSpec,
    TunedModel,
    TuningDataStats,
    TuningJob,
    VeoTuningSpec,
)
from genai_fn.schema._base import Message

__all__ = ["GEMINI_BEGUN", "GEMINI_TUNING", "GEMINI_TUNINGS", "VERTEX_TUNING", "VERTEX_TUNINGS"]


def _state(text: str | None) -> JobState | None:
    return None if text is None else _STATES.get(text) or JobState(text)


_STATES = {
    "STATE_UNSPECIFIED": JobState.JOB_STATE_UNSPECIFIED,
    "CREATING": JobState.JOB_STATE_RUNNING,
    "ACTIVE": JobState.JOB_STATE_SUCCEEDED,
    "FAILED": JobState.JOB_STATE_FAILED,
}
"""Gemini's states are those of the model that comes of a tuning."""


# Gemini: the tuned model is the job


class _Task(Message):
    start_time: datetime | None = None
    complete_time: datetime | None = None


class _GeminiTuning(Message):
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    state: str | None = None
    base_model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    tuning_task: _Task | None = None


def _of_gemini(said: _GeminiTuning) -> TuningJob:
    task = said.tuning_task or _Task()
    return TuningJob(
        name=said.name,
        state=_state(said.state),
        create_time=said.create_time,
        start_time=task.start_time,
        end_time=task.complete_time,
        update_time=said.update_time,
        description=said.description,
        base_model=said.base_model,
        tuned_model=TunedModel(model=said.name, endpoint=said.name),
        tuned_model_display_name=said.display_name,
    )


class _GeminiTunings(Message):
    tuned_models: tuple[_GeminiTuning, ...] = ()
    next_page_token: str | None = None


def _listed_by_gemini(said: _GeminiTunings) -> ListTuningJobsResponse:
    jobs = tuple(_of_gemini(each) for each in said.tuned_models)
    return ListTuningJobsResponse(tuning_jobs=jobs, next_page_token=said.next_page_token)


class _Begun(Message):
    """An operation, which says whose tuning it is."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None


def _begun(said: _Begun) -> TuningJob:
    named: Any = (said.metadata or {}).get("tunedModel")
    name = named if isinstance(named, str) else (said.name or "").partition("/operations/")[0]
    if not name:
        raise ValueError("no name of what has begun")
    return TuningJob(name=name, state=JobState.JOB_STATE_QUEUED)


GEMINI_TUNING: Final[Answer[TuningJob]] = json(_GeminiTuning, _of_gemini)
GEMINI_TUNINGS: Final[Answer[ListTuningJobsResponse]] = json(_GeminiTunings, _listed_by_gemini)
GEMINI_BEGUN: Final[Answer[TuningJob]] = json(_Begun, _begun)


# Vertex AI: a job, with its evaluation within what it tunes


class _Supervised(SupervisedTuningSpec):
    evaluation_config: Evaluation | None = None


class _Preference(PreferenceOptimizationSpec):
    evaluation_config: Evaluation | None = None


class _VertexTuning(Message):
    name: str | None = None
    state: str | None = None
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    error: GoogleRpcStatus | None = None
    description: str | None = None
    base_model: str | None = None
    tuned_model: TunedModel | None = None
    pre_tuned_model: PreTunedModel | None = None
    supervised_tuning_spec: _Supervised | None = None
    preference_optimization_spec: _Preference | None = None
    tuning_data_stats: TuningDataStats | None = None
    encryption_spec: EncryptionSpec | None = None
    partner_model_tuning_spec: PartnerModelTuningSpec | None = None
    evaluation_config: Evaluation | None = None
    custom_base_model: str | None = None
    experiment: str | None = None
    labels: Mapping[str, str] | None = None
    output_uri: str | None = None
    pipeline_job: str | None = None
    service_account: str | None = None
    tuned_model_display_name: str | None = None
    veo_tuning_spec: VeoTuningSpec | None = None


def _of_vertex(said: _VertexTuning) -> TuningJob:
    supervised, preference = said.supervised_tuning_spec, said.preference_optimization_spec
    within = supervised.evaluation_config if supervised else preference.evaluation_config if preference else None
    return recast(
        TuningJob,
        said,
        state=_state(said.state),
        supervised_tuning_spec=None if supervised is None else recast(SupervisedTuningSpec, supervised),
        preference_optimization_spec=None if preference is None else recast(PreferenceOptimizationSpec, preference),
        evaluation_config=evaluation_read(said.evaluation_config or within),
    )


class _VertexTunings(Message):
    tuning_jobs: tuple[_VertexTuning, ...] = ()
    next_page_token: str | None = None


def _listed_by_vertex(said: _VertexTunings) -> ListTuningJobsResponse:
    jobs = tuple(_of_vertex(each) for each in said.tuning_jobs)
    return ListTuningJobsResponse(tuning_jobs=jobs, next_page_token=said.next_page_token)


VERTEX_TUNING: Final[Answer[TuningJob]] = json(_VertexTuning, _of_vertex)
VERTEX_TUNINGS: Final[Answer[ListTuningJobsResponse]] = json(_VertexTunings, _listed_by_vertex)
