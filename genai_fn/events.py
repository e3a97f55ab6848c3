"""What ``on_event`` is told as it happens, of exchanges, functions, uploads, sessions; none of it holds a key."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from genai_fn.errors import GenaiError
from genai_fn.http import HttpRequest
from genai_fn.values import Value

__all__ = [
    "Called",
    "Event",
    "Failed",
    "Reconnecting",
    "Responded",
    "Resumed",
    "Retrying",
    "Sending",
    "Uploaded",
]


class Sending(Value):
    """An attempt begins, the first being 1."""

    request: HttpRequest
    attempt: int


class Responded(Value):
    """The head of an answer has come."""

    request: HttpRequest
    status: int


class Retrying(Value):
    """An attempt failed; the next one begins in so many seconds."""

    request: HttpRequest
    error: GenaiError
    seconds: float


class Failed(Value):
    """A request failed for good."""

    request: HttpRequest
    error: GenaiError


class Called(Value):
    """A function that a model called has ended: with which arguments, and what goes back to the model."""

    name: str
    args: Mapping[str, Any]
    outcome: Mapping[str, Any]
    """``{"result": …}``, or ``{"error": …}``."""


class Uploaded(Value):
    """So many bytes of an upload have arrived, of so many; `file_name` is empty for what has none."""

    file_name: str
    received: int
    size: int


class Reconnecting(Value):
    """A live session connects anew, in so many seconds: as its connection was lost, or, without an error, will be."""

    error: GenaiError | None
    seconds: float


class Resumed(Value):
    """A live session goes on over a new connection."""

    session_id: str | None


Event: TypeAlias = Sending | Responded | Retrying | Failed | Called | Uploaded | Reconnecting | Resumed
