"""How a call is made, beside what it says: time limits, retries, and overrides for one action."""

from collections.abc import Mapping
from types import UnionType
from typing import Any

from genai_fn.errors import InvalidRequest
from genai_fn.http import Headers, mask_headers
from genai_fn.values import Value

__all__ = ["Options", "Retry", "Timeouts", "check_at_least_one", "check_positive", "check_type", "reject_renamed"]


class Timeouts(Value, kw_only=True):
    """
    How long to wait, in seconds.

    Args:
        connect: For a connection to come about, TLS included.

        idle: For the next byte of a body that has begun.

        total: For one request, with its retries and its wait for a lane; in a stream, for the first item.
    """

    connect: float = 10.0
    idle: float = 60.0
    total: float = 600.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check_positive(f"timeouts.{name}", getattr(self, name))


class Retry(Value, kw_only=True):
    """
    How often to try, and how long to wait between: exponential with full jitter, the server's advice first.

    Args:
        tries: All attempts, the first included; 1 never tries again.

        first: The longest wait after the first attempt, in seconds; it doubles with each.

        most: The longest wait of all; the server's own advice is bounded only by the deadline.
    """

    attempts: int = 4
    initial_delay: float = 1.0
    max_delay: float = 60.0

    def __post_init__(self) -> None:
        check_at_least_one("retry.attempts", self.attempts)
        check_positive("retry.initial_delay", self.initial_delay)
        check_positive("retry.max_delay", self.max_delay)


class Options(Value, kw_only=True):
    """What ``with_options`` sets for one action; None leaves it as the interpreter and the backend have it."""

    timeouts: Timeouts | None = None
    retry: Retry | None = None
    deadline: float | None = None
    headers: Headers | None = None
    extra_body: Mapping[str, Any] | None = None
    base_url: str | None = None
    api_version: str | None = None
    server_timeout: float | None = None
    with_http_response: bool = False

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__)
        settled = (
            (name, mask_headers(value) if name == "headers" else value)
            for name, value in shown
            if value not in (None, False)
        )
        return f"Options({', '.join(f'{name}={value!r}' for name, value in settled)})"


def check_positive(path: str, value: object) -> None:
    """Refuse what is not a number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise InvalidRequest(path, value, "a number of seconds above zero")


def check_at_least_one(path: str, number: object) -> None:
    """Refuse what is no whole number above zero."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InvalidRequest(path, number, "a whole number of at least 1")


def check_type(kind: type | UnionType, path: str, value: object) -> None:
    """Refuse what is of another type."""
    if not isinstance(value, kind):
        raise InvalidRequest(path, value, getattr(kind, "__name__", str(kind).replace("genai_fn.options.", "")))


def reject_renamed(where: str, given: Mapping[str, object], renamed: Mapping[str, str]) -> None:
    """Raise a TypeError that tells the new name of a keyword argument that was renamed."""
    for old in given.keys() & renamed.keys():
        raise TypeError(f"{where}({old}=…) is {where}({renamed[old]}=…) now")
