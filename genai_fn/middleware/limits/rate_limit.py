"""Limits of requests and tokens a minute, requests a day, and attempts in flight."""

from math import inf
from typing import Any

from genai_fn.errors import InvalidRequest
from genai_fn.middleware.limits.costs import (
    count_requests as count_by_operation,
    estimate_tokens as estimate_by_length,
)
from genai_fn.middleware.limits.days import DayCounter
from genai_fn.middleware.limits.gate import Gate
from genai_fn.middleware.limits.gate_middleware import (
    GateMiddleware,
    RequestCounter,
    check_counter,
    get_model,
)
from genai_fn.middleware.limits.sliding_log import SlidingLog
from genai_fn.middleware.limits.tickets import Cost
from genai_fn.options import check_at_least_one
from genai_fn.request import Request
from genai_fn.values import Value


def limited(
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    requests_per_day: int | None = None,
    in_flight: int | None = None,
    *,
    estimate_tokens: RequestCounter | None = None,
    count_requests: RequestCounter | None = None,
) -> "RateLimit":
    """
    Limit how many requests are sent: each attempt, so also each retry, waits until it fits.

    All interpreters and threads of a process that have the same value share its limits, in the order in which their
    attempts come. A wait that would pass the deadline of its request fails at once. A 429 tightens the limits for all:
    nothing is sent before the time that it advises, and a lower quota that it names becomes the limit.

    Args:
        requests_per_minute: The maximum of requests in any 60 seconds. An embedding of several contents counts as that
            many requests.

        tokens_per_minute: The maximum of input tokens in any 60 seconds. They are estimated before a request, and
            corrected by the usage of its response; a request that is estimated at more is sent alone.

        requests_per_day: The maximum of requests a day, which ends at midnight, Pacific time, or 24 hours after its
            first request if no response has a ``Date``.

        in_flight: The maximum of attempts in flight; a stream is in flight until it is read to its end or closed.

        estimate_tokens: Function that returns the input tokens of a request. By default, it is a token for 4 bytes of
            text, and 258 for an image or another file.

        count_requests: Function that returns as how many requests a request counts; 0 (or False) lets it bypass all
            limits. By default, only generation and embedding count.

    Raises:
        InvalidRequest: If there is no limit, or one is not a whole number of at least 1.

    Fails with:
        QuotaExceeded: If the quota of a day is exhausted, here or on the server, or a request alone exceeds a limit.

        TimedOut: If the wait would pass the deadline.

    >>> from genai_fn import Offline, generate, text
    >>> run = Offline().with_middleware(limited(requests_per_minute=60, tokens_per_minute=1_000_000))
    >>> run(generate("gemini-2.5-flash", "hi") | text).unwrap() != ""
    True
    """
    settings = _RateLimitSettings(
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        requests_per_day=requests_per_day,
        in_flight=in_flight,
        estimate_tokens=estimate_tokens,
        count_requests=count_requests,
    )
    return RateLimit(settings)


class _RateLimitSettings(Value, kw_only=True):
    requests_per_minute: int | None
    tokens_per_minute: int | None
    requests_per_day: int | None
    in_flight: int | None
    estimate_tokens: RequestCounter | None
    count_requests: RequestCounter | None

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in _LIMIT_NAMES}
        if all(each is None for each in limits.values()):
            raise InvalidRequest("limited", None, f"at least one of {', '.join(limits)}")
        for name, limit in limits.items():
            if limit is not None:
                check_at_least_one(name, limit)


_LIMIT_NAMES = ("requests_per_minute", "tokens_per_minute", "requests_per_day", "in_flight")


class RateLimit(GateMiddleware[_RateLimitSettings, Gate]):
    """
    Middleware that `limited` returns, with the state that all interpreters with it share.

    >>> from genai_fn import Offline, collected, gather, generate
    >>> from genai_fn.middleware import limited
    >>> limit = limited(requests_per_minute=2)  # one for all interpreters of the process
    >>> run = Offline().with_middleware(limit)
    >>> questions = [generate("gemini-2.5-flash", f"{n}") for n in range(6)]
    >>> len(run(gather(questions) | collected).unwrap())  # after two minutes of virtual time
    6
    """

    def __init__(self, settings: _RateLimitSettings) -> None:
        self._counts_tokens = settings.tokens_per_minute is not None
        self._count_requests = check_counter("count_requests", settings.count_requests, count_by_operation)
        self._estimate_tokens = check_counter("estimate_tokens", settings.estimate_tokens, estimate_by_length)
        super().__init__(settings)

    def __repr__(self) -> str:
        return f"limited({self._format_settings()})"

    def _build_gate(self) -> Gate:
        limits = self._settings
        return Gate(
            None if limits.requests_per_minute is None else SlidingLog(limits.requests_per_minute),
            None if limits.tokens_per_minute is None else SlidingLog(limits.tokens_per_minute),
            None if limits.requests_per_day is None else DayCounter(limits.requests_per_day),
            inf if limits.in_flight is None else limits.in_flight,
        )

    def _compute_cost(self, request: Request[Any]) -> Cost | None:
        requests = self._count_requests(request)
        if not requests:
            return None
        tokens = self._estimate_tokens(request) if self._counts_tokens else 0
        return Cost(requests, tokens, get_model(request))
