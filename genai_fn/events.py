"""
Events that ``on_event`` receives: requests, function calls, uploads, Live sessions, jobs. They contain no credentials.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from genai_fn.errors import GenaiError
from genai_fn.http import HttpRequest
from genai_fn.schema.usage import Usage
from genai_fn.values import Value

__all__ = [
    "CacheHit",
    "Called",
    "Completed",
    "EmbeddingProgress",
    "Event",
    "Failed",
    "FellBack",
    "Reconnecting",
    "Responded",
    "Resumed",
    "Retrying",
    "Sending",
    "Uploaded",
]


class Sending(Value):
    """An attempt to send a request starts. `attempt` counts from 1."""

    request: HttpRequest
    attempt: int
    call_id: int = 0
    """The same in all events of one call, which is a request with its attempts; unique in the process."""
    operation: str = ""
    """Name of the operation, such as ``generate`` or ``caches.create``."""
    model: str | None = None
    """Model of the operation, as it was given."""


class Responded(Value):
    """The status and headers of a response have arrived, `duration` seconds after the attempt started."""

    request: HttpRequest
    status: int
    call_id: int = 0
    attempt: int = 1
    duration: float = 0.0


class Retrying(Value):
    """An attempt has failed after `duration` seconds; the next one starts in `seconds`."""

    request: HttpRequest
    error: GenaiError
    seconds: float
    call_id: int = 0
    attempt: int = 1
    """Number of the attempt that has failed."""
    duration: float = 0.0


class Failed(Value):
    """A request has failed, and is not retried, or its stream has. `duration`: of the whole call, with retries."""

    request: HttpRequest
    error: GenaiError
    call_id: int = 0
    attempt: int = 1
    """Number of the last attempt."""
    duration: float = 0.0


class Completed(Value):
    """
    A call has succeeded: its response was read, or its stream to the end. A stream that is left early has no such end.
    """

    request: HttpRequest
    status: int
    call_id: int = 0
    attempt: int = 1
    """Number of the attempt that succeeded."""
    duration: float = 0.0
    """Seconds of the whole call, with retries; of a stream, until its end."""
    usage: Usage | None = None
    """Tokens and media that the answer states."""
    time_to_first_item: float | None = None
    """Of a stream, the seconds from the start of the call to its first item."""


class CacheHit(Value):
    """
    A request was answered without being sent, by ``cached``.

    `was_in_flight`: its answer came from an equal request that was in flight, and not from the store.
    """

    request: HttpRequest
    was_in_flight: bool = False


class FellBack(Value):
    """
    A request has failed at one target of the middleware `fallback`, and goes to the next.

    `operation` is its name, such as ``generate``. The models and backends are as in `FailedTarget`.
    """

    operation: str
    model: str
    backend: str
    error: GenaiError
    next_model: str
    next_backend: str


class Called(Value):
    """A function that a model has called has returned or failed."""

    name: str
    args: Mapping[str, Any]
    outcome: Mapping[str, Any]
    """Response for the model: ``{"result": …}`` or ``{"error": …}``."""


class Uploaded(Value):
    """Upload progress: bytes received so far, and the total. `file_name` is empty for unnamed data."""

    file_name: str
    received: int
    size: int


class Reconnecting(Value):
    """A Live session reconnects in `seconds`. `error` is None if the server has announced that it will disconnect."""

    error: GenaiError | None
    seconds: float


class Resumed(Value):
    """A Live session continues on a new connection."""

    session_id: str | None


class EmbeddingProgress(Value, kw_only=True):
    """
    Progress of an `EmbeddingJob`: when it starts, after each batch, at each look at a batch job, and at its end.

    `done`, `failed`, `tokens` and `texts_per_second` are of this run; `skipped` rows were finished before it, or have
    the text of another row.
    """

    done: int = 0
    """Texts whose vectors have arrived, or are in a batch job that runs."""
    failed: int = 0
    """Texts that have no vector, and will not have one."""
    skipped: int = 0
    total: int | None = None
    """Rows of the source; None if that is not known before all are read."""
    tokens: int = 0
    """Tokens that the server has counted, where it counts them."""
    texts_per_second: float = 0.0
    seconds_left: float | None = None
    """None if `total` is not known, or nothing is done yet."""


Event: TypeAlias = (
    Sending
    | Responded
    | Retrying
    | Failed
    | Completed
    | FellBack
    | CacheHit
    | Called
    | Uploaded
    | Reconnecting
    | Resumed
    | EmbeddingProgress
)
