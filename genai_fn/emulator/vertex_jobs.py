"""Jobs of Vertex AI, for batches and tunings: each ``GET`` advances a job by one state until it has ended."""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from msgspec.structs import replace

from genai_fn.emulator.models.models import EmulatedVertexModel
from genai_fn.emulator.server.filters import parse_filter
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.resource_ids import to_camel_case
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.operations import JobState
from genai_fn.values import Value


class EmulatedJob(Value):
    """A job with its state and its result."""

    name: str
    request_fields: Mapping[str, Any]
    """Fields of the create request; responses repeat them."""
    result_fields: Mapping[str, Any]
    """Fields that responses contain once the job has succeeded."""
    create_time: datetime
    update_time: datetime
    tuned_model: EmulatedVertexModel | None = None
    """Model to store once the job has succeeded."""
    state: JobState = JobState.JOB_STATE_PENDING
    start_time: datetime | None = None
    end_time: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the job as the API returns it."""
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
        """Return the job in its next state."""
        next_state = _NEXT_STATES.get(self.state)
        if next_state is None:
            return self
        start = self.start_time or (now if next_state == JobState.JOB_STATE_RUNNING else None)
        end = now if next_state not in _NEXT_STATES else None
        return replace(self, state=next_state, update_time=now, start_time=start, end_time=end)

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self.state not in _NEXT_STATES

    @property
    def has_succeeded(self) -> bool:
        """Whether the result is available."""
        return self.state == JobState.JOB_STATE_SUCCEEDED


_NEXT_STATES = {
    JobState.JOB_STATE_PENDING: JobState.JOB_STATE_RUNNING,
    JobState.JOB_STATE_RUNNING: JobState.JOB_STATE_SUCCEEDED,
    JobState.JOB_STATE_CANCELLING: JobState.JOB_STATE_CANCELLED,
}


def store_job(state: EmulatorState, job: EmulatedJob) -> RouteResult:
    """Store a job, and return it."""
    return state.with_resource(job.name, job), build_json_response(job.to_json())


def get_job(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Return a job, advanced by one state."""
    before = state.get_resource(request.resource_name, EmulatedJob)
    job = before.advance(request.now)
    state, response = store_job(state, job)
    if job.tuned_model is not None and job.has_succeeded and not before.has_succeeded:
        state = state.with_resource(job.tuned_model.name, job.tuned_model)
    return state, response


def list_jobs(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """List the jobs of a collection that match the filter."""
    parent, matches = request.path_params["parent"], parse_filter(request.query.get("filter", ""))
    jobs = [each.to_json() for each in state.list_resources(parent)]
    matching = [each for each in jobs if matches(functools.partial(_lookup_field, each))]
    return state, build_page_response(parent.rpartition("/")[2], matching, request)


def cancel_job(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Mark a job as being cancelled; its next ``GET`` completes that. A job that has ended does not change."""
    job = state.get_resource(request.resource_name, EmulatedJob)
    if job.has_ended:
        return state, EMPTY_RESPONSE
    cancelling = replace(job, state=JobState.JOB_STATE_CANCELLING, update_time=request.now)
    return state.with_resource(job.name, cancelling), EMPTY_RESPONSE


def _lookup_field(tree: Mapping[str, Any], name: str) -> Sequence[str | float]:
    """Return the values at a filter's field path: ``displayName``, ``display_name`` or ``labels.kind``."""
    found: Any = tree
    for step in name.split("."):
        pairs: Mapping[str, Any] = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
        found = pairs.get(step, pairs.get(to_camel_case(step)))
    return (found,) if isinstance(found, str | int | float) else ()
