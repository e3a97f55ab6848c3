"""Jobs of Vertex AI, batches and tunings alike: each look at one brings it further, until it has ended."""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from msgspec.structs import replace

from genai_fn.emulator import listing
from genai_fn.emulator.answers import NOTHING, told
from genai_fn.emulator.filters import filtering
from genai_fn.emulator.models import VertexModel
from genai_fn.emulator.naming import camel
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import JobState
from genai_fn.schema._base import Value

__all__ = ["Job", "begun", "cancelled", "got", "known", "listed"]


class Job(Value):
    """A job, and how far it has come."""

    name: str
    asked: Mapping[str, Any]
    """What was asked for: it is repeated."""
    outcome: Mapping[str, Any]
    """What there is to say besides once it has succeeded."""
    create_time: datetime
    update_time: datetime
    makes: VertexModel | None = None
    """The model that there is once it has succeeded."""
    state: JobState = JobState.JOB_STATE_PENDING
    start_time: datetime | None = None
    end_time: datetime | None = None

    def told(self) -> dict[str, Any]:
        """Say what is known of it by now."""
        times = {"startTime": self.start_time, "endTime": self.end_time}
        return {
            "name": self.name,
            **self.asked,
            "state": self.state,
            "createTime": self.create_time,
            "updateTime": self.update_time,
            **{name: time for name, time in times.items() if time is not None},
            **(self.outcome if self.has_succeeded else {}),
        }

    def moved(self, now: datetime) -> "Job":
        """Let it come a step further."""
        following = _FOLLOWING.get(self.state)
        if following is None:
            return self
        start = self.start_time or (now if following == JobState.JOB_STATE_RUNNING else None)
        end = now if following not in _FOLLOWING else None
        return replace(self, state=following, update_time=now, start_time=start, end_time=end)

    @property
    def has_ended(self) -> bool:
        """Whether it will not come any further."""
        return self.state not in _FOLLOWING

    @property
    def has_succeeded(self) -> bool:
        """Whether there is what was asked for."""
        return self.state == JobState.JOB_STATE_SUCCEEDED


_FOLLOWING = {
    JobState.JOB_STATE_PENDING: JobState.JOB_STATE_RUNNING,
    JobState.JOB_STATE_RUNNING: JobState.JOB_STATE_SUCCEEDED,
    JobState.JOB_STATE_CANCELLING: JobState.JOB_STATE_CANCELLED,
}


def begun(
    state: State,
    asked: Asked,
    name: str,
    said: Mapping[str, Any],
    outcome: Mapping[str, Any],
    *,
    makes: VertexModel | None = None,
) -> tuple[State, HttpResponse]:
    """Keep a new job, and tell of it."""
    job = Job(name, said, outcome, asked.now, asked.now, makes)
    return state.putting(name, job), told(job.told())


def got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Look a job up, which brings it further."""
    before = known(state, asked)
    job = before.moved(asked.now)
    state = state.putting(job.name, job)
    if job.makes is not None and job.has_succeeded and not before.has_succeeded:
        state = state.putting(job.makes.name, job.makes)
    return state, told(job.told())


def listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """List the jobs of a kind, under its name."""
    parent, fits = asked.names["parent"], filtering(asked.query.get("filter", ""))
    jobs = [job for each in state.under(parent) if fits(functools.partial(_facts, job := each.told()))]
    return state, listing.listed(parent.rpartition("/")[2], jobs, asked)


def cancelled(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Begin to stop a job; one that has ended stays as it is."""
    job = known(state, asked)
    if job.has_ended:
        return state, NOTHING
    stopping = replace(job, state=JobState.JOB_STATE_CANCELLING, update_time=asked.now)
    return state.putting(job.name, stopping), NOTHING


def known(state: State, asked: Asked) -> Job:
    """Find the job that is asked for."""
    return state.known(asked.names["name"], Job)


def _facts(tree: Mapping[str, Any], name: str) -> Sequence[str | float]:
    """Find what a filter names: ``displayName`` or ``display_name``, ``labels.kind``."""
    found: Any = tree
    for step in name.split("."):
        pairs: Mapping[str, Any] = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
        found = pairs.get(step, pairs.get(camel(step)))
    return (found,) if isinstance(found, str | int | float) else ()
