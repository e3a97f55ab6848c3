"""Jobs of Vertex AI, batches and tunings alike: each look at one brings it further, until it has ended."""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from msgspec.structs import replace

from genai_fn.emulator.models.models import EmulatedVertexModel
from genai_fn.emulator.server import pagination
from genai_fn.emulator.server.filters import parse_filter
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.resource_ids import to_camel_case
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema import JobState
from genai_fn.values import Value

__all__ = ["EmulatedJob", "cancel_job", "create_job", "find_job", "get_job", "list_jobs"]


class EmulatedJob(Value):
    """A job, and how far it has come."""

    name: str
    request_fields: Mapping[str, Any]
    """What was asked for: it is repeated."""
    result_fields: Mapping[str, Any]
    """What there is to say besides once it has succeeded."""
    create_time: datetime
    update_time: datetime
    tuned_model: EmulatedVertexModel | None = None
    """The model that there is once it has succeeded."""
    state: JobState = JobState.JOB_STATE_PENDING
    start_time: datetime | None = None
    end_time: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Say what is known of it by now."""
        times = {"startTime": self.start_time, "endTime": self.end_time}
        return {
            "name": self.name,
            **self.request_fields,
            "state": self.state,
            "createTime": self.create_time,
            "updateTime": self.update_time,
            **{name: time for name, time in times.items() if time is not None},
            **(self.result_fields if self.has_succeeded else {}),
        }

    def advance(self, now: datetime) -> "EmulatedJob":
        """Let it come a step further."""
        following = _NEXT_STATES.get(self.state)
        if following is None:
            return self
        start = self.start_time or (now if following == JobState.JOB_STATE_RUNNING else None)
        end = now if following not in _NEXT_STATES else None
        return replace(self, state=following, update_time=now, start_time=start, end_time=end)

    @property
    def has_ended(self) -> bool:
        """Whether it will not come any further."""
        return self.state not in _NEXT_STATES

    @property
    def has_succeeded(self) -> bool:
        """Whether there is what was asked for."""
        return self.state == JobState.JOB_STATE_SUCCEEDED


_NEXT_STATES = {
    JobState.JOB_STATE_PENDING: JobState.JOB_STATE_RUNNING,
    JobState.JOB_STATE_RUNNING: JobState.JOB_STATE_SUCCEEDED,
    JobState.JOB_STATE_CANCELLING: JobState.JOB_STATE_CANCELLED,
}


def create_job(
    state: EmulatorState,
    asked: EmulatedRequest,
    name: str,
    said: Mapping[str, Any],
    outcome: Mapping[str, Any],
    *,
    tuned_model: EmulatedVertexModel | None = None,
) -> tuple[EmulatorState, HttpResponse]:
    """Keep a new job, and tell of it."""
    job = EmulatedJob(name, said, outcome, asked.now, asked.now, tuned_model)
    return state.with_resource(name, job), build_json_response(job.to_json())


def get_job(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Look a job up, which brings it further."""
    before = find_job(state, asked)
    job = before.advance(asked.now)
    state = state.with_resource(job.name, job)
    if job.tuned_model is not None and job.has_succeeded and not before.has_succeeded:
        state = state.with_resource(job.tuned_model.name, job.tuned_model)
    return state, build_json_response(job.to_json())


def list_jobs(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """List the jobs of a kind, under its name."""
    parent, fits = asked.path_params["parent"], parse_filter(asked.query.get("filter", ""))
    jobs = [
        job for each in state.list_resources(parent) if fits(functools.partial(_lookup_field, job := each.to_json()))
    ]
    return state, pagination.build_page_response(parent.rpartition("/")[2], jobs, asked)


def cancel_job(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Begin to stop a job; one that has ended stays as it is."""
    job = find_job(state, asked)
    if job.has_ended:
        return state, EMPTY_RESPONSE
    stopping = replace(job, state=JobState.JOB_STATE_CANCELLING, update_time=asked.now)
    return state.with_resource(job.name, stopping), EMPTY_RESPONSE


def find_job(state: EmulatorState, asked: EmulatedRequest) -> EmulatedJob:
    """Find the job that is asked for."""
    return state.get_resource(asked.path_params["name"], EmulatedJob)


def _lookup_field(tree: Mapping[str, Any], name: str) -> Sequence[str | float]:
    """Find what a filter names: ``displayName`` or ``display_name``, ``labels.kind``."""
    found: Any = tree
    for step in name.split("."):
        pairs: Mapping[str, Any] = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
        found = pairs.get(step, pairs.get(to_camel_case(step)))
    return (found,) if isinstance(found, str | int | float) else ()
