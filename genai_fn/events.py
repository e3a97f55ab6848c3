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
    """
    An attempt to send a request starts. `attempt` counts from 1.

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def print_attempt(event):
    ...     if isinstance(event, Sending):
    ...         print(event.attempt, event.operation, event.model)
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_attempt) as run:
    ...     result = run(generate("gemini-2.5-flash", "hi"))
    1 generate gemini-2.5-flash
    """

    request: HttpRequest
    attempt: int
    call_id: int = 0
    """The same in all events of one call, which is a request with its attempts; unique in the process."""
    operation: str = ""
    """Name of the operation, such as ``generate`` or ``caches.create``."""
    model: str | None = None
    """Model of the operation, as it was given."""


class Responded(Value):
    """
    The status and headers of a response have arrived, `duration` seconds after the attempt started.

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def print_status(event):
    ...     if isinstance(event, Responded):
    ...         print(event.status, event.attempt)
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_status) as run:
    ...     result = run(generate("gemini-2.5-flash", "hi"))
    200 1
    """

    request: HttpRequest
    status: int
    call_id: int = 0
    attempt: int = 1
    duration: float = 0.0


class Retrying(Value):
    """
    An attempt has failed after `duration` seconds; the next one starts in `seconds`.

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.testing import Emulator, InjectedFault, serve_emulator
    >>> emulator = Emulator(faults=[InjectedFault(status=503, retry=0.01)])
    >>> def print_retry(event):
    ...     if isinstance(event, Retrying):
    ...         print(event.attempt, event.error.code)
    >>> with serve_emulator(emulator) as url, Http(Gemini("test-key", base_url=url), on_event=print_retry) as run:
    ...     result = run(generate("gemini-2.5-flash", "hi"))
    1 503
    """

    request: HttpRequest
    error: GenaiError
    seconds: float
    call_id: int = 0
    attempt: int = 1
    """Number of the attempt that has failed."""
    duration: float = 0.0


class Failed(Value):
    """
    A request has failed, and is not retried, or its stream has. `duration`: of the whole call, with retries.

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def print_failure(event):
    ...     if isinstance(event, Failed):
    ...         print(type(event.error).__name__, event.attempt)
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_failure) as run:
    ...     result = run(generate("gemini-1.5-pro", "hi"))
    ClientError 1
    """

    request: HttpRequest
    error: GenaiError
    call_id: int = 0
    attempt: int = 1
    """Number of the last attempt."""
    duration: float = 0.0


class Completed(Value):
    """
    A call has succeeded: its response was read, or its stream to the end. A stream that is left early has no such end.

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def print_usage(event):
    ...     if isinstance(event, Completed):
    ...         print(event.status, event.usage.input_tokens)
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_usage) as run:
    ...     result = run(generate("gemini-2.5-flash", "hi"))
    200 1
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

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.middleware import cached
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def print_hit(event):
    ...     if isinstance(event, CacheHit):
    ...         print("not sent:", event.request.url.rpartition("/")[2])
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_hit) as run:
    ...     cached_run = run.with_middleware(cached())
    ...     results = [cached_run(generate("gemini-2.5-flash", "hi", {"temperature": 0})) for _ in range(2)]
    not sent: gemini-2.5-flash:generateContent
    """

    request: HttpRequest
    was_in_flight: bool = False


class FellBack(Value):
    """
    A request has failed at one target of the middleware `fallback`, and goes to the next.

    `operation` is its name, such as ``generate``. The models and backends are as in `FailedTarget`.

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.middleware import fallback
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def print_step(event):
    ...     if isinstance(event, FellBack):
    ...         print(event.model, "to", event.next_model)
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_step) as run:
    ...     with_fallback = run.with_middleware(fallback(models=["gemini-2.5-flash"], on=404))
    ...     result = with_fallback(generate("gemini-1.5-pro", "hi"))
    gemini-1.5-pro to gemini-2.5-flash
    """

    operation: str
    model: str
    backend: str
    error: GenaiError
    next_model: str
    next_backend: str


class Called(Value):
    """
    A function that a model has called has returned or failed.

    >>> from genai_fn import Gemini, Http, calling, generate
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def weather(city: str) -> str:
    ...     return "sunny"
    >>> def print_call(event):
    ...     if isinstance(event, Called):
    ...         print(event.name, event.outcome)
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_call) as run:
    ...     always = {"tool_config": {"function_calling_config": {"mode": "ANY"}}}
    ...     result = run(generate("gemini-2.5-flash", "Is it sunny?", always) | calling(weather))
    weather {'result': 'sunny'}
    """

    name: str
    args: Mapping[str, Any]
    outcome: Mapping[str, Any]
    """Response for the model: ``{"result": …}`` or ``{"error": …}``."""


class Uploaded(Value):
    """
    Upload progress: bytes received so far, and the total. `file_name` is empty for unnamed data.

    >>> from genai_fn import Gemini, Http, files
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> def print_progress(event):
    ...     if isinstance(event, Uploaded):
    ...         print(f"{event.received} of {event.size} bytes")
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url), on_event=print_progress) as run:
    ...     result = run(files.upload(b"a tea", {"mime_type": "text/plain"}))
    5 of 5 bytes
    """

    file_name: str
    received: int
    size: int


class Reconnecting(Value):
    """
    A Live session reconnects in `seconds`. `error` is None if the server has announced that it will disconnect.

    >>> def print_state(event):
    ...     match event:
    ...         case Reconnecting(error=None):
    ...             print(f"the server asks for a new connection, in {event.seconds:.0f} s")
    ...         case Reconnecting():
    ...             print(f"{event.error}: again in {event.seconds:.0f} s")
    >>> print_state(Reconnecting(None, 2.0))  # as AsyncHttp(on_event=print_state) does
    the server asks for a new connection, in 2 s
    """

    error: GenaiError | None
    seconds: float


class Resumed(Value):
    """
    A Live session continues on a new connection.

    >>> def print_session(event):
    ...     if isinstance(event, Resumed):
    ...         print(f"the session continues: {event.session_id}")
    >>> print_session(Resumed("session1"))  # as AsyncHttp(on_event=print_session) does
    the session continues: session1
    """

    session_id: str | None


class EmbeddingProgress(Value, kw_only=True):
    """
    Progress of an `EmbeddingJob`: when it starts, after each batch, at each look at a batch job, and at its end.

    `done`, `failed`, `tokens` and `texts_per_second` are of this run; `skipped` rows were finished before it, or have
    the text of another row.

    >>> import tempfile
    >>> from genai_fn import Gemini, Http
    >>> from genai_fn.jobs import EmbeddingJob
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> progress = []
    >>> with (
    ...     tempfile.TemporaryDirectory() as folder,
    ...     serve_emulator(Emulator()) as url,
    ...     Http(Gemini("test-key", base_url=url), on_event=progress.append) as run,
    ... ):
    ...     job = EmbeddingJob(source=["a cat", "a dog"], output=folder, model="gemini-embedding-001")
    ...     result = run(job.flow())
    >>> [event.done for event in progress if isinstance(event, EmbeddingProgress)][-1]
    2
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
