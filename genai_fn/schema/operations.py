"""Long-running operations: states and errors."""

from collections.abc import Mapping
from typing import Any

from genai_fn.schema.base import Message, OpenEnum, OpenMessage


class JobState(OpenEnum):
    """State of a job."""

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


class JobError(OpenMessage):
    """Error of a job, or of an item of it."""

    details: tuple[str, ...] = ()
    code: int | None = None
    """A code of ``google.rpc.Code``."""
    message: str | None = None


class GoogleRpcStatus(OpenMessage):
    """An error in Google's general form."""

    code: int | None = None
    """A code of ``google.rpc.Code``."""
    details: tuple[Mapping[str, Any], ...] = ()
    message: str | None = None


class WebhookConfig(OpenMessage):
    """Webhooks that are called when an operation ends."""

    uris: tuple[str, ...] | None = None
    """URIs to call instead of the registered webhooks."""
    user_metadata: Mapping[str, Any] | None = None
    """Your own metadata, which each call contains."""


class GetOperationConfig(Message):
    """Options of `operations.get`; there are none."""


class FetchPredictOperationConfig(Message):
    """Options of the lookup of a Vertex AI prediction; there are none."""


class LongRunningOperation(OpenMessage):
    """Base of the long-running operations, whose responses differ."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    """A ``google.rpc.Status``."""


class ProjectOperation(LongRunningOperation):
    """A long-running operation of any kind."""


ENDED_JOB_STATES = frozenset(
    {
        JobState.JOB_STATE_SUCCEEDED,
        JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
        JobState.JOB_STATE_FAILED,
        JobState.JOB_STATE_CANCELLED,
        JobState.JOB_STATE_EXPIRED,
    }
)
