"""The deadline of a request, which also bounds what middleware does before it is sent, and waits that end at it."""

from collections.abc import Callable
from typing import Any

from genai_fn.effects import CallFunction, Effects, FlowFailed, GetTime
from genai_fn.errors import TimedOut
from genai_fn.request import Request


def compute_request_deadline(request: Request[Any], until: float) -> Effects[float]:
    """Return the deadline of a request that starts now, at most `until`."""
    deadline = request.options.deadline
    return until if deadline is None else min(until, (yield GetTime()) + deadline)


def call_within(seconds: float, doing: str, function: Callable[..., Any], *args: Any) -> Effects[Any]:
    """Return the value of a function, or of the future that it returns; `TimedOut` if it takes more seconds."""
    try:
        return (yield CallFunction(function, args, timeout=seconds))
    except FlowFailed as failed:
        if isinstance(failed.error, TimedOut):
            return TimedOut("total", doing)
        raise  # the interpreter was closed
