"""
What can go wrong, as values: every failure of a run is one of these, and none of anybody else's.

Each error compares by value, hashes, pickles as itself and has ``__match_args__``. They are plain dataclasses, not
frozen ones: a frozen exception cannot pass through a ``contextmanager``, which sets its traceback. How they compare,
hash and show themselves is written once, at the root: made for each of them, it takes longer to import than the rest.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, cast

__all__ = [
    "APIError",
    "AsyncOnly",
    "AuthError",
    "ClientError",
    "Closed",
    "ConnectError",
    "CountMismatch",
    "DecodeError",
    "Disconnected",
    "FunctionCallError",
    "GenaiError",
    "InvalidRequest",
    "LiveClosed",
    "MissingExtra",
    "NoAnswer",
    "NoText",
    "OperationFailed",
    "PageLoop",
    "RateLimited",
    "ServerError",
    "TimedOut",
    "TransportError",
    "Truncated",
    "Unsupported",
]

TimeoutPhase: TypeAlias = Literal["connect", "headers", "idle", "total", "poll"]


@dataclass(eq=False, repr=False)
class GenaiError(Exception):
    """The root of all errors of this library."""

    def __eq__(self, other: object) -> bool:
        return _get_field_values(self) == _get_field_values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, each.name) for each in fields(self) if each.hash is not False)))

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_error, (type(self), _get_field_values(self))

    def __str__(self) -> str:
        return type(self).__name__


def _get_field_values(error: GenaiError) -> tuple[Any, ...]:
    return tuple(getattr(error, each.name) for each in fields(error))


def _rebuild_error(kind: type[GenaiError], values: tuple[Any, ...]) -> GenaiError:
    return kind(*values)


# The server's word


@dataclass(eq=False, repr=False)
class APIError(GenaiError):
    """An answer of the server that is not a success."""

    code: int
    status: str = ""
    message: str = ""
    details: tuple[Any, ...] = field(default=(), hash=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.code} {self.status}: {self.message}" if self.status else f"{self.code}: {self.message}"

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait: ``RetryInfo`` of the details, ``retry-after-ms``, or ``Retry-After``."""
        headers = {name.lower(): value for name, value in self.headers}
        advised = [_read_retry_info(detail) for detail in self.details]
        advised += [
            _parse_milliseconds(headers.get("retry-after-ms")),
            _parse_retry_after(headers.get("retry-after"), headers.get("date")),
        ]
        return next((each for each in advised if each is not None), None)


class ClientError(APIError):
    """A 4xx: the request, its credentials or its quota."""


class RateLimited(ClientError):
    """A 429: too much, too fast, or out of quota."""


class ServerError(APIError):
    """A 5xx: the service's own trouble."""


# The wire


@dataclass(eq=False, repr=False)
class TransportError(GenaiError):
    """The network kept the answer from us: ``doing`` says in which step, ``sent`` whether any byte had gone out."""


@dataclass(eq=False, repr=False)
class ConnectError(TransportError):
    """No connection came about: a name, a port, a proxy or a certificate."""

    doing: str
    reason: str = ""
    sent: bool = False

    def __str__(self) -> str:
        return f"{self.doing}: {self.reason}"


@dataclass(eq=False, repr=False)
class TimedOut(TransportError):
    """Time ran out: in which phase, and doing what."""

    phase: TimeoutPhase
    doing: str = ""
    sent: bool = False

    def __str__(self) -> str:
        return f"timed out ({self.phase}) {self.doing}".rstrip()


@dataclass(eq=False, repr=False)
class Disconnected(TransportError):
    """The peer went away, or spoke something that is not HTTP."""

    doing: str
    reason: str = ""
    sent: bool = True

    def __str__(self) -> str:
        return f"disconnected while {self.doing}: {self.reason}"


@dataclass(eq=False, repr=False)
class Closed(TransportError):
    """The interpreter, or the stream, was closed."""

    doing: str = "the interpreter was closed"
    sent: bool = False

    def __str__(self) -> str:
        return self.doing


# The answer's content


@dataclass(eq=False, repr=False)
class DecodeError(GenaiError):
    """An answer that is not what was expected: at which path, and the raw text, cut."""

    expected: str
    path: str = ""
    text: str = ""

    def __str__(self) -> str:
        return f"expected {self.expected}{f' at {self.path}' if self.path else ''}, got {self.text[:200]!r}"


@dataclass(eq=False, repr=False)
class Truncated(GenaiError):
    """The model stopped in the middle of its JSON."""

    text: str
    finish_reason: str | None = None

    def __str__(self) -> str:
        return f"the model stopped mid-JSON ({self.finish_reason}): …{self.text[-60:]!r}"


@dataclass(eq=False, repr=False)
class NoText(GenaiError):
    """An answer without text, and why as far as the server said."""

    finish_reason: str | None = None
    block_reason: str | None = None
    safety_ratings: tuple[Any, ...] = ()
    message: str = ""

    def __str__(self) -> str:
        why = self.block_reason or self.finish_reason or "no candidate"
        return f"no text: {why}{f' ({self.message})' if self.message else ''}"


# The program


@dataclass(eq=False, repr=False)
class Unsupported(GenaiError):
    """Something that a backend does not have: every such field by its path, or the operation and the reason."""

    backend: str
    paths: tuple[str, ...]
    reason: str = ""

    def __str__(self) -> str:
        return f"not on {self.backend}: {', '.join(self.paths)}{f' ({self.reason})' if self.reason else ''}"


@dataclass(eq=False, repr=False)
class InvalidRequest(GenaiError, ValueError):
    """A mistake in the program, raised where the request is built."""

    path: str
    value: Any = field(hash=False)
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {_format_value(self.value)}"


@dataclass(eq=False, repr=False)
class AuthError(GenaiError):
    """No usable credentials, or a token that could not be had; nothing was sent."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, repr=False)
class AsyncOnly(GenaiError):
    """Something that only an async interpreter can do, such as calling an async function."""

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


# Several steps


@dataclass(eq=False, repr=False)
class OperationFailed(GenaiError):
    """A job, file, import or video that ended badly."""

    subject: str
    code: int | None = None
    message: str = ""

    def __str__(self) -> str:
        return f"{self.subject} failed: {self.message}"


@dataclass(eq=False, repr=False)
class FunctionCallError(GenaiError):
    """A function that the model called could not be run."""

    name: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


@dataclass(eq=False, repr=False)
class CountMismatch(GenaiError):
    """More or fewer answers than questions."""

    expected: int
    got: int

    def __str__(self) -> str:
        return f"expected {self.expected} answers, got {self.got}"


@dataclass(eq=False, repr=False)
class PageLoop(GenaiError):
    """A page token that came a second time."""

    token: str

    def __str__(self) -> str:
        return f"the page token {self.token!r} came twice"


@dataclass(eq=False, repr=False)
class LiveClosed(GenaiError):
    """A real-time session that the peer ended with anything but a normal close."""

    code: int
    reason: str = ""

    def __str__(self) -> str:
        return f"closed with {self.code}: {self.reason}"


@dataclass(eq=False, repr=False)
class NoAnswer(GenaiError):
    """A fake or a recording has no answer to this request."""

    request: Any = field(hash=False)
    nearest: Any = field(default=None, hash=False)

    def __str__(self) -> str:
        return f"no answer to {self.request!r}; nearest: {self.nearest!r}"


_DURATION = re.compile(r"\A([0-9]+(?:\.[0-9]+)?)s\Z")


def _format_value(value: Any) -> str:
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001  # a caller's own repr, or what holds itself: an error can always be shown
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= 200 else shown[:200] + "…"


def _read_retry_info(detail: Any) -> float | None:
    if not isinstance(detail, Mapping):
        return None
    fields = cast("Mapping[str, Any]", detail)
    is_advice = str(fields.get("@type", "")).endswith("google.rpc.RetryInfo")
    return _parse_duration(fields.get("retryDelay")) if is_advice else None


def _parse_duration(duration: object) -> float | None:
    found = _DURATION.match(duration) if isinstance(duration, str) else None
    return float(found[1]) if found else None


def _parse_milliseconds(text: str | None) -> float | None:
    return _parse_number(text, 1000)


def _parse_retry_after(text: str | None, date: str | None) -> float | None:
    """``Retry-After`` is seconds or a date; a date counts from the answer's own ``Date``, so that no clock is read."""
    number = _parse_number(text, 1)
    if number is not None or text is None or date is None:
        return number
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # a third of what importing this module would take

    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(date)).total_seconds())
    except (TypeError, ValueError, OverflowError):  # no dates, one without a zone, beyond calendars
        return None


def _parse_number(text: str | None, divisor: int) -> float | None:
    stripped = (text or "").strip()
    return float(stripped) / divisor if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", stripped) else None
