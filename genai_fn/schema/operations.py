"""Work that goes on at the service: its state, its errors, how to ask after it."""

from collections.abc import Mapping
from typing import Any

from genai_fn.schema.base import Message, OpenEnum

__all__ = [
    "FetchPredictOperationConfig",
    "GetOperationConfig",
    "GoogleRpcStatus",
    "JobError",
    "JobState",
    "ProjectOperation",
]


class JobState(OpenEnum):
    """How far a job has come."""

    JOB_STATE_UNSPECIFIED = "JOB_STATE_UNSPECIFIED"
    JOB_STATE_QUEUED = "JOB_STATE_QUEUED"
    JOB_STATE_PENDING = "JOB_STATE_PENDING"
    JOB_STATE_RUNNING = "JOB_STATE_RUNNING"
    JOB_STATE_SUCCEEDED = "JOB_STATE_SUCCEEDED"
    JOB_STATE_FAILED = "JOB_STATE_FAILED"
    JOB_STATE_CANCELLING = "JOB_STATE_CANCELLING"
    JOB_STATE_CANCELLED = "JOB_STATE_CANCELLED"
    JOB_STATE_PAUSED = "JOB_STATE_PAUSED"
    JOB_STATE_EXPIRED = "JOB_STATE_EXPIRED"
    JOB_STATE_UPDATING = "JOB_STATE_UPDATING"
    JOB_STATE_PARTIALLY_SUCCEEDED = "JOB_STATE_PARTIALLY_SUCCEEDED"


class JobError(Message):
    """Why a job, or one item of it, failed."""

    details: tuple[str, ...] = ()
    code: int | None = None
    """Of ``google.rpc``."""
    message: str | None = None


class GoogleRpcStatus(Message):
    """An error in Google's general form."""

    code: int | None = None
    """Of ``google.rpc``."""
    details: tuple[Mapping[str, Any], ...] = ()
    message: str | None = None


class GetOperationConfig(Message):
    """How an operation is asked after: nothing to be said."""


class FetchPredictOperationConfig(Message):
    """How a Vertex prediction is asked after: nothing to be said."""


class ProjectOperation(Message):
    """Some work at the service, whatever it is."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    """A ``google.rpc.Status``."""


ENDED_JOB_STATES = frozenset(
    {
        JobState.JOB_STATE_SUCCEEDED,
        JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
        JobState.JOB_STATE_FAILED,
        JobState.JOB_STATE_CANCELLED,
        JobState.JOB_STATE_EXPIRED,
    }
)
