"""The deadline of a request, which also bounds what middleware does for it before it is sent, and after."""

from typing import Any

from genai_fn.effects import Effects, GetTime
from genai_fn.request import Request


def compute_request_deadline(request: Request[Any], until: float) -> Effects[float]:
    """Return the deadline of a request that starts now, at most `until`."""
    deadline = request.options.deadline
    return until if deadline is None else min(until, (yield GetTime()) + deadline)
