"""Options of calls: time limits, the retry policy, and what ``with_options`` overrides for one action."""

import functools
from collections.abc import Callable, Mapping
from math import inf, nextafter
from types import UnionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from msgspec import StructMeta
from msgspec.structs import asdict, force_setattr

from genai_fn.backend import Backend
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.http import Headers, mask_headers
from genai_fn.schema.foreign_values import unwrap_scalar
from genai_fn.values import Value

__all__ = [
    "Options",
    "Retry",
    "Timeouts",
    "add_hints",
    "check_at_least_one",
    "check_at_least_zero",
    "check_positive",
    "check_type",
    "reject_guesses",
    "reject_renamed",
]

P = ParamSpec("P")
T = TypeVar("T")


class Timeouts(Value, kw_only=True):
    """
    Time limits, in seconds.

    Args:
        connect: For opening a connection, including TLS.

        idle: For the next byte of a response body.

        total: For one request, including its retries and its wait for a connection; for a stream, until its first item.

    Raises:
        InvalidRequest: If one is not a number above zero.

    >>> from genai_fn import generate, with_options
    >>> patient = generate("gemini-2.5-flash", "hi") | with_options(timeouts=Timeouts(total=600))
    >>> patient.options.timeouts.total, patient.options.timeouts.connect
    (600, 10.0)
    """

    connect: float = 10.0
    idle: float = 60.0
    total: float = 600.0

    def __post_init__(self) -> None:
        _unwrap_scalars(self)
        for name in self.__struct_fields__:
            check_positive(f"timeouts.{name}", getattr(self, name))


class _RetryMeta(StructMeta):
    if not TYPE_CHECKING:  # type checkers read the fields

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805  # of a metaclass
            reject_renamed("Retry", kwargs, _RENAMED)
            reject_guesses("Retry", kwargs, _GUESSES)
            return super().__call__(*args, **kwargs)


_RENAMED = {"tries": "attempts", "first": "initial_delay", "most": "max_delay"}

_GUESSES = {
    **dict.fromkeys(("max_attempts", "max_retries", "retries"), "{where}(attempts=…)"),
    "exp_base": "{where}(multiplier=…)",
    **dict.fromkeys(("http_status_codes", "status_forcelist"), "{where}(status_codes=(…))"),
    **dict.fromkeys(("deadline", "timeout"), "request | with_options(deadline=…)"),
}
"""What to write for a parameter of google-genai's ``HttpRetryOptions``, or of other libraries."""


class Retry(Value, kw_only=True, metaclass=_RetryMeta):
    """
    Retry policy: how often a request is attempted, after which errors, and how long it waits between.

    The wait after attempt `n` is ``initial_delay * multiplier ** (n - 1)``, at most `max_delay`, less its jitter. If
    the server advises a wait (``Retry-After``, ``RetryInfo``), it is that one, at least 0.1 s, and the random part of
    the other. Network errors before a response are retried, too, except for certificates. Operations that create
    something are not retried once any byte was sent, no request past its deadline, and no 429 because of a quota for
    a day or of a quota of zero. After a 401, a new OAuth token is requested once; this does not count as an attempt.

    Args:
        attempts: The maximum of attempts, including the first; 1 never retries.

        initial_delay: The longest wait after the first attempt, in seconds.

        max_delay: The longest wait after any attempt, in seconds; it does not bound the server's advice.

        multiplier: The factor by which the longest wait grows from one attempt to the next, at least 1.

        jitter: The part of each wait that is random, from 0 (always the longest wait) to 1 (anything up to it).

        status_codes: The HTTP status codes of responses that are retried.

    Raises:
        InvalidRequest: If a number is out of its range.

    >>> patient = Retry(attempts=10, max_delay=300.0, jitter=0.5)
    >>> patient.status_codes
    (408, 429, 500, 502, 503, 504)
    """

    attempts: int = 4
    initial_delay: float = 1.0
    max_delay: float = 60.0
    multiplier: float = 2.0
    jitter: float = 1.0
    status_codes: tuple[int, ...] = (408, 429, 500, 502, 503, 504)

    def __post_init__(self) -> None:
        _unwrap_scalars(self)
        check_at_least_one("retry.attempts", self.attempts)
        check_positive("retry.initial_delay", self.initial_delay)
        check_positive("retry.max_delay", self.max_delay)
        _check_range("retry.multiplier", self.multiplier, 1.0, inf, "a number of at least 1")
        _check_range("retry.jitter", self.jitter, 0.0, 1.0, "a number from 0 to 1")
        if not isinstance(self.status_codes, tuple) or not all(map(_is_status_code, self.status_codes)):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a list
            raise InvalidRequest("retry.status_codes", self.status_codes, "a tuple of HTTP status codes, 100 to 599")


def _unwrap_scalars(value: Timeouts | Retry) -> None:
    """Replace scalars of numpy in the fields by Python's numbers, whose sums are exact enough for times."""
    for name in value.__struct_fields__:
        given = getattr(value, name)
        if type(given) not in (float, int):
            force_setattr(value, name, unwrap_scalar(given))


def _is_status_code(code: object) -> bool:
    return isinstance(code, int) and not isinstance(code, bool) and 100 <= code <= 599


class Options(Value, kw_only=True):
    """
    The options that ``with_options`` sets for one action; None takes those of the interpreter and the backend.

    `is_final` is set by middleware: errors for which it returns True are returned at once, and not retried.
    """

    timeouts: Timeouts | None = None
    retry: Retry | None = None
    deadline: float | None = None
    headers: Headers | None = None
    extra_body: Mapping[str, Any] | None = None
    base_url: str | None = None
    api_version: str | None = None
    server_timeout: float | None = None
    with_http_response: bool = False
    backend: Backend | None = None
    is_final: Callable[[GenaiError], bool] | None = None

    def __repr__(self) -> str:
        values = {**asdict(self), "headers": None if self.headers is None else mask_headers(self.headers)}
        shown = (f"{name}={value!r}" for name, value in values.items() if value not in (None, False))
        return f"Options({', '.join(shown)})"


def check_positive(path: str, value: object) -> None:
    """Raise `InvalidRequest` unless a value is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MAX_FLOAT:
        raise InvalidRequest(path, value, "a number of seconds above zero")


_MAX_FLOAT = nextafter(inf, 0.0)


def check_at_least_zero(path: str, value: object) -> None:
    """Raise `InvalidRequest` unless a value is a finite number of at least zero."""
    _check_range(path, value, 0.0, inf, "a number of seconds, at least zero")


def _check_range(path: str, value: object, lowest: float, highest: float, expected: str) -> None:
    """Raise `InvalidRequest` unless a value is a number from `lowest` to `highest`, and fits into a float."""
    highest = min(highest, _MAX_FLOAT)
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise InvalidRequest(path, value, expected)


def check_at_least_one(path: str, number: object) -> None:
    """Raise `InvalidRequest` unless a value is a whole number of at least 1."""
    plain = unwrap_scalar(number)
    if isinstance(plain, bool) or not isinstance(plain, int) or plain < 1:
        raise InvalidRequest(path, number, "a whole number of at least 1")


def check_type(kind: type | UnionType, path: str, value: object) -> None:
    """Raise `InvalidRequest` unless a value has a type."""
    if not isinstance(value, kind):
        raise InvalidRequest(path, value, getattr(kind, "__name__", str(kind).replace("genai_fn.options.", "")))


def reject_renamed(where: str, given: Mapping[str, object], renamed: Mapping[str, str]) -> None:
    """Raise a TypeError with the new name of a renamed keyword argument."""
    for old in given.keys() & renamed.keys():
        raise TypeError(f"{where}({old}=…) is {where}({renamed[old]}=…) now")


def add_hints(guesses: Mapping[str, str]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function reject keyword arguments that newcomers look for, as `reject_guesses` does."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            reject_guesses(function.__name__, kwargs, guesses)
            return function(*args, **kwargs)

        return call

    return decorate


def reject_guesses(where: str, given: Mapping[str, object], guesses: Mapping[str, str]) -> None:
    """
    Raise a TypeError for a keyword argument that newcomers look for, with what to write instead.

    >>> reject_guesses("Http", {"timeout": 20}, {"timeout": "{where}(timeouts=Timeouts(total=…))"})
    Traceback (most recent call last):
    TypeError: Http() got an unexpected keyword argument 'timeout': write Http(timeouts=Timeouts(total=…))
    """
    for name in given.keys() & guesses.keys():
        instead = guesses[name].format(where=where, name=name)
        raise TypeError(f"{where}() got an unexpected keyword argument {name!r}: write {instead}")
