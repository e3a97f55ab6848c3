"""What ``on_event`` is told: the exchanges as they happen, none of them with a credential."""

from typing import TypeAlias

from genai_fn.errors import GenaiError
from genai_fn.http import HttpRequest
from genai_fn.schema._base import Value

__all__ = ["Answered", "Event", "Failed", "Retrying", "Sending"]


class Sending(Value):
    """An attempt begins, the first being 1."""

    request: HttpRequest
    attempt: int


class Answered(Value):
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


Event: TypeAlias = Sending | Answered | Retrying | Failed
