"""The deadline of a request that becomes several requests: it applies to all of them together."""

from typing import TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import attempt
from genai_fn.effects import AskWithin, GetTime
from genai_fn.errors import GenaiError, TimedOut
from genai_fn.request import Action, FlowGenerator, Request

T = TypeVar("T")


def compute_deadline(request: Request[T]) -> FlowGenerator[float | None]:
    """Return the time at which the flow must end, from the deadline of its request."""
    if request.options.deadline is None:
        return None
    now: float = yield GetTime()
    return now + request.options.deadline


def attempt_until(action: Action[T], deadline: float | None, doing: str) -> FlowGenerator[Result[T, GenaiError]]:
    """Run an action until a deadline, if there is one; returns `TimedOut` if it has passed already."""
    remaining = yield from compute_remaining_time(deadline, doing)
    if isinstance(remaining, Failure):
        return remaining
    seconds = remaining.unwrap()
    if seconds is None:
        return (yield from attempt(action))
    result: Result[T, GenaiError] = yield AskWithin(action, seconds)
    return result


def apply_remaining_time(
    request: Request[T], deadline: float | None, doing: str
) -> FlowGenerator[Result[Request[T], GenaiError]]:
    """Return a request with the time that remains as its deadline, or `TimedOut` if there is none."""
    remaining = yield from compute_remaining_time(deadline, doing)
    if isinstance(remaining, Failure) or remaining.unwrap() is None:
        return remaining.map(lambda _: request)
    return Success(replace(request, options=replace(request.options, deadline=remaining.unwrap())))


def compute_remaining_time(deadline: float | None, doing: str) -> FlowGenerator[Result[float | None, GenaiError]]:
    """Return the seconds until a deadline, None if there is no deadline, or `TimedOut` if it has passed."""
    if deadline is None:
        return Success(None)
    remaining: float = deadline - (yield GetTime())
    return Success(remaining) if remaining > 0 else Failure(TimedOut("total", doing))
