"""
All errors of the library. Every ``Failure`` contains one of them; exceptions of other libraries are converted.

Errors compare by value, are hashable, can be pickled, and have ``__match_args__``. They are dataclasses that are not
frozen, because ``contextmanager`` sets the traceback of an exception. Comparison, hash and ``repr`` are defined once,
in the base class: generating them for each class would take more time at import than the rest of this module.
"""

from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, TypeAlias, TypeVar

from genai_fn.retry_advice import parse_milliseconds, parse_retry_after, read_retry_info
from genai_fn.values import Value

__all__ = [
    "APIError",
    "AsyncOnly",
    "AuthError",
    "BudgetExceeded",
    "CertificateError",
    "ClientError",
    "Closed",
    "ConnectError",
    "CountMismatch",
    "DecodeError",
    "Disconnected",
    "EmbeddingFailed",
    "FunctionCallError",
    "GenaiError",
    "InvalidRequest",
    "LiveClosed",
    "MissingExtra",
    "NoAnswer",
    "NoText",
    "OperationFailed",
    "PageLoop",
    "QuotaExceeded",
    "RateLimited",
    "ServerError",
    "TimedOut",
    "TransportError",
    "Truncated",
    "Unsupported",
]

E = TypeVar("E", bound="GenaiError")
TimeoutPhase: TypeAlias = Literal["connect", "headers", "idle", "total", "poll"]


@dataclass(eq=False, repr=False)
class GenaiError(Exception):
    """Base class of all errors of this library."""

    def __eq__(self, other: object) -> bool:
        return _get_field_values(self) == _get_field_values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, each.name) for each in fields(self) if each.hash is not False)))

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        attached = {name: value for name, value in vars(self).items() if name in _ATTACHED}
        return type(self), _get_field_values(self), attached

    @property
    def calling_history(self) -> tuple[Any, ...]:
        """
        The contents up to the last complete round of ``| calling(…)`` before the error: `Content`, oldest first.

        Empty if there was none. It is not compared. `chats.keep_rounds` adds it to a chat.
        """
        history: tuple[Any, ...] = vars(self).get("_calling_history", ())
        return history

    def with_calling_history(self, history: tuple[Any, ...]) -> Self:
        """Return a copy of the error with another `calling_history`."""
        return _attach(self, "_calling_history", history)

    @property
    def failed_targets(self) -> "tuple[FailedTarget, ...]":
        """
        What the middleware `fallback` has tried, in order: each target with its error, also that of this error.

        Empty if there was no fallback. It is not compared.
        """
        targets: tuple[FailedTarget, ...] = vars(self).get("_failed_targets", ())
        return targets

    def with_failed_targets(self, targets: "tuple[FailedTarget, ...]") -> Self:
        """Return a copy of the error with other `failed_targets`."""
        return _attach(self, "_failed_targets", targets)

    def __str__(self) -> str:
        return type(self).__name__


def _get_field_values(error: GenaiError) -> tuple[Any, ...]:
    return tuple(getattr(error, each.name) for each in fields(error))


def _attach(error: E, name: str, value: tuple[Any, ...]) -> E:
    """Return a copy of an error with one of the attributes that are not compared."""
    copied = copy(error)
    vars(copied)[name] = value
    return copied


_ATTACHED = ("_calling_history", "_failed_targets")
"""The attributes that copies and pickles keep beside the fields."""


class FailedTarget(Value):
    """
    A target of the middleware `fallback` that has failed. It contains no credential.

    Args:
        number: Its place in the order of the targets; 0 is the request as it was.

        model: Name of the model.

        backend: The backend in words, such as ``Vertex AI, europe-west1``; empty for an interpreter without one.

        error: Why it failed.

    >>> from genai_fn import RateLimited, generate
    >>> from genai_fn.middleware import fallback
    >>> from genai_fn.testing import Fake
    >>> run = Fake({"generate": RateLimited(429)}).with_middleware(fallback(models=["gemini-2.5-flash"]))
    >>> error = run(generate("gemini-2.5-pro", "hi")).failure()
    >>> [(target.number, target.model) for target in error.failed_targets]
    [(0, 'gemini-2.5-pro'), (1, 'gemini-2.5-flash')]
    """

    number: int
    model: str
    backend: str
    error: GenaiError


@dataclass(eq=False, repr=False)
class APIError(GenaiError):
    """
    The server has responded with an error.

    Args:
        code: HTTP status code.

        status: Status of ``google.rpc.Code``, such as ``INVALID_ARGUMENT``, or an empty text.

        message: Message of the server: at most 2,000 characters, or 500 if the error has no known shape.

        details: Details of the error, as JSON.

        headers: Headers of the response.
    """

    code: int
    status: str = ""
    message: str = ""
    details: tuple[Any, ...] = field(default=(), hash=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        name = f"{self.code} {self.status}" if self.status else str(self.code)
        return f"{name}: {self.message}" if self.message else name

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before a retry: from ``RetryInfo`` in the details, ``retry-after-ms`` or ``Retry-After``."""
        headers = {name.lower(): value for name, value in self.headers}
        delays = [read_retry_info(detail) for detail in self.details]
        delays += [
            parse_milliseconds(headers.get("retry-after-ms")),
            parse_retry_after(headers.get("retry-after"), headers.get("date")),
        ]
        return next((each for each in delays if each is not None), None)


class ClientError(APIError):
    """Status 4xx: the request, its credentials or its quota are at fault."""


class RateLimited(ClientError):
    """Status 429: too many requests, or the quota is exhausted."""


class ServerError(APIError):
    """Status 5xx: the service has failed."""


@dataclass(eq=False, repr=False)
class TransportError(GenaiError):
    """
    Base class of errors of the network.

    Each has the attributes ``doing``, the step that failed, and ``sent``, whether any byte of the request was sent.
    """


@dataclass(eq=False, repr=False)
class ConnectError(TransportError):
    """
    No connection could be opened: the name, the port or the proxy is at fault.

    Args:
        doing: The step that failed, such as ``connecting to host:443``.

        reason: Why it failed.

        sent: False, as nothing was sent.
    """

    doing: str
    reason: str = ""
    sent: bool = False

    def __str__(self) -> str:
        return f"{self.doing}: {self.reason}"


class CertificateError(ConnectError):
    """The certificate of the server is not valid or not trusted. It is not retried."""


@dataclass(eq=False, repr=False)
class TimedOut(TransportError):
    """
    A time limit has passed.

    Args:
        phase: What the call was doing when its time was over, whichever limit ended it: ``connect`` (opening the
            connection), ``headers`` (sending the request, or waiting for the response), ``idle`` (waiting for the next
            byte), ``total`` (anything else, such as reading a response), or ``poll`` (waiting for a long-running
            operation).

        doing: The step that took too long.

        sent: Whether any byte of the request was sent.
    """

    phase: TimeoutPhase
    doing: str = ""
    sent: bool = False

    def __str__(self) -> str:
        return f"timed out ({self.phase}) {self.doing}".rstrip()


@dataclass(eq=False, repr=False)
class Disconnected(TransportError):
    """
    The connection was lost, or the peer does not speak HTTP.

    Args:
        doing: The step that failed.

        reason: Why it failed.

        sent: Whether any byte of the request was sent.
    """

    doing: str
    reason: str = ""
    sent: bool = True

    def __str__(self) -> str:
        return f"disconnected while {self.doing}: {self.reason}"


@dataclass(eq=False, repr=False)
class Closed(TransportError):
    """The interpreter or the stream is closed."""

    doing: str = "the interpreter was closed"
    sent: bool = False

    def __str__(self) -> str:
        return self.doing


@dataclass(eq=False, repr=False)
class DecodeError(GenaiError):
    """
    A response does not have the expected type.

    Args:
        expected: What was expected, and what was found.

        path: Path in the JSON, such as ``$.candidates[0]``, or an empty text.

        text: The response, at most its first 2,000 bytes.
    """

    expected: str
    path: str = ""
    text: str = ""

    def __str__(self) -> str:
        return f"expected {self.expected}{f' at {self.path}' if self.path else ''}, got {self.text[:200]!r}"


@dataclass(eq=False, repr=False)
class Truncated(GenaiError):
    """
    The model has stopped before its JSON was complete.

    Args:
        text: The incomplete JSON.

        finish_reason: Why the model has stopped, usually ``MAX_TOKENS``.
    """

    text: str
    finish_reason: str | None = None

    def __str__(self) -> str:
        return f"the model stopped mid-JSON ({self.finish_reason}): …{self.text[-60:]!r}"


@dataclass(eq=False, repr=False)
class NoText(GenaiError):
    """
    A response has no text, where text is needed.

    Args:
        finish_reason: Why the model has stopped, if there is a candidate.

        block_reason: Why the prompt was blocked, if it was.

        safety_ratings: Safety ratings of the candidate or the prompt.

        message: Message of the server.
    """

    finish_reason: str | None = None
    block_reason: str | None = None
    safety_ratings: tuple[Any, ...] = ()
    message: str = ""

    def __str__(self) -> str:
        why = self.block_reason or self.finish_reason or "no candidate"
        return f"no text: {why}{f' ({self.message})' if self.message else ''}"


@dataclass(eq=False, repr=False)
class Unsupported(GenaiError):
    """
    The backend does not support the operation, or some of the fields that are set.

    Args:
        backend: Title of the backend.

        paths: Paths of all such fields, such as ``config.audio_timestamp``, or the name of the operation.

        reason: Why, or what to use instead.
    """

    backend: str
    paths: tuple[str, ...]
    reason: str = ""

    def __str__(self) -> str:
        return f"not on {self.backend}: {', '.join(self.paths)}{f' ({self.reason})' if self.reason else ''}"


@dataclass(eq=False, repr=False)
class InvalidRequest(GenaiError, ValueError):
    """
    A request is built with an invalid argument. It is raised immediately, not returned.

    Args:
        path: Path of the argument, such as ``config.temperature``.

        value: The invalid value.

        expected: What is expected there.
    """

    path: str
    value: Any = field(hash=False)
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {_format_value(self.value)}"


@dataclass(eq=False, repr=False)
class AuthError(GenaiError):
    """There are no usable credentials, or no token could be obtained. The request was not sent."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, repr=False)
class AsyncOnly(GenaiError):
    """A sync interpreter was used for something that only an async one can do, such as calling an async function."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, repr=False)
class MissingExtra(GenaiError):
    """An optional package is not installed: its name, what needs it, and the command that installs it."""

    package: str
    needed_by: str
    command: str

    def __str__(self) -> str:
        return f"{self.needed_by} needs the package {self.package}: {self.command}"


@dataclass(eq=False, repr=False)
class OperationFailed(GenaiError):
    """
    A long-running operation has failed: a job, the processing of a file, an import, or a video.

    Args:
        subject: Name of the operation or resource.

        code: Code of ``google.rpc.Code``, if there is one.

        message: Message of the server, at most 2,000 characters.
    """

    subject: str
    code: int | None = None
    message: str = ""

    def __post_init__(self) -> None:
        self.message = self.message[:_MAX_MESSAGE_LENGTH]

    def __str__(self) -> str:
        return f"{self.subject} failed: {self.message}"


@dataclass(eq=False, repr=False)
class FunctionCallError(GenaiError):
    """
    A function that the model has called raised an exception, or the tools of an MCP server could not be listed.

    Args:
        name: Name of the function, or ``list_tools``.

        message: Type and text of the exception, or the error of the MCP server; at most 2,000 characters.
    """

    name: str
    message: str = ""

    def __post_init__(self) -> None:
        self.message = self.message[:_MAX_MESSAGE_LENGTH]

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


@dataclass(eq=False, repr=False)
class BudgetExceeded(GenaiError):
    """A call might cost more than what remains of a budget, in ``USD`` or ``tokens``. Nothing was sent."""

    needed: float
    remaining: float
    unit: str

    def __str__(self) -> str:
        return f"the call may need {self.needed:g} {self.unit}, and the budget has {self.remaining:g} left"


@dataclass(eq=False, repr=False)
class CountMismatch(GenaiError):
    """The server has returned more or fewer items than requested."""

    expected: int
    got: int

    def __str__(self) -> str:
        return f"expected {self.expected} items, got {self.got}"


@dataclass(eq=False, repr=False)
class EmbeddingFailed(GenaiError):
    """
    One of the texts of ``embed_many`` has no vector.

    Args:
        index: Index of the text, counted from 0.

        text: The text or content. It is cut in ``str`` and ``repr``.

        error: Why it has none. It is the cause of this error in a traceback.
    """

    index: int
    text: Any = field(hash=False)
    error: GenaiError

    def __post_init__(self) -> None:
        self.__cause__ = self.error

    def __repr__(self) -> str:
        return f"EmbeddingFailed(index={self.index!r}, text={_format_value(self.text)}, error={self.error!r})"

    def __str__(self) -> str:
        return f"text {self.index}, {_format_value(self.text)}: {self.error}"


@dataclass(eq=False, repr=False)
class PageLoop(GenaiError):
    """A list has returned the same page token twice, and would never end."""

    token: str

    def __str__(self) -> str:
        return f"the page token {self.token!r} came twice"


@dataclass(eq=False, repr=False)
class QuotaExceeded(GenaiError):
    """
    A request exceeds a quota that does not free up soon: it alone is too large, or a quota for a day is exhausted.

    Nothing was sent.

    Args:
        quota: The quota, such as ``requests per day``.

        limit: Its limit, if it is known.

        retry_after: Seconds until it is renewed; None if the request alone exceeds the limit.
    """

    quota: str
    limit: int | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" of {self.limit:,}"
        if self.retry_after is None:
            return f"more than the limit{limit} {self.quota} in one request"
        return f"exhausted: {self.quota}{limit}, for {self.retry_after:,.0f} s more"


@dataclass(eq=False, repr=False)
class LiveClosed(GenaiError):
    """
    The server has closed a Live session with a code other than 1000 and 1001.

    Args:
        code: WebSocket close code.

        reason: Reason that the server sent, if any.
    """

    code: int
    reason: str = ""

    def __str__(self) -> str:
        return f"closed with {self.code}" + (f": {self.reason}" if self.reason else "")


@dataclass(eq=False, repr=False)
class NoAnswer(GenaiError):
    """
    A fake or a recording contains no answer to a request.

    Args:
        request: The request.

        nearest: The most similar request that has an answer, or a text that describes it; None if there is none.
    """

    request: Any = field(hash=False)
    nearest: Any = field(default=None, hash=False)

    def __str__(self) -> str:
        shown = self.nearest if isinstance(self.nearest, str) else repr(self.nearest)  # repr joins its lines
        return f"no answer to {self.request!r}" + ("" if self.nearest is None else f"; nearest: {shown}")


_MAX_MESSAGE_LENGTH = 2000


def _format_value(value: Any) -> str:
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001  # the repr of a user's class may fail, or recurse; an error can always be shown
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= 200 else shown[:200] + "…"
