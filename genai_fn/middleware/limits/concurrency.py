"""A limit of attempts in flight that finds itself: additive increase, multiplicative decrease (AIMD)."""

from typing import Any

from genai_fn.errors import InvalidRequest
from genai_fn.middleware.limits.costs import count_requests as count_by_operation
from genai_fn.middleware.limits.gate import Gate, change_state
from genai_fn.middleware.limits.gate_middleware import (
    GateMiddleware,
    RequestCounter,
    check_counter,
    get_model,
)
from genai_fn.middleware.limits.tickets import AttemptTicket, Cost
from genai_fn.options import check_at_least_one
from genai_fn.request import Request
from genai_fn.values import Value


def adaptive(
    initial: int = 4,
    *,
    minimum: int = 1,
    maximum: int = 256,
    backoff_ratio: float = 0.5,
    count_requests: RequestCounter | None = None,
) -> "ConcurrencyLimit":
    """
    Limit how many attempts are in flight, and find the limit: for jobs that do not know their quota.

    The limit grows by one for each round of as many successes, while it is in use. A 429, a 503 or a request that was
    sent and timed out multiplies it by `backoff_ratio`, once for all attempts that were in flight then. A 429 that
    advises a wait blocks all attempts until it is over. All interpreters and threads of a process that have the same
    value share the limit, in the order in which their attempts come.

    Args:
        initial: The limit at the start.

        minimum: The lowest limit.

        maximum: The highest limit.

        backoff_ratio: The factor of a decrease, above 0 and below 1.

        count_requests: Function of a request that returns 0 (or False) if it bypasses the limit. By default, only
            generation and embedding do not.

    Raises:
        InvalidRequest: If a number is out of its range.

    Fails with:
        QuotaExceeded: If the server has said that the quota of a day is exhausted.

        TimedOut: If the wait would pass the deadline.

    >>> from genai_fn import Offline, collected, gather, generate
    >>> limit = adaptive()
    >>> run = Offline().with_middleware(limit)
    >>> len(run(gather([generate("gemini-2.5-flash", f"{n}") for n in range(50)]) | collected).unwrap())
    50
    >>> 1 <= limit.limit <= 256
    True
    """
    settings = _AdaptiveSettings(
        initial=initial,
        minimum=minimum,
        maximum=maximum,
        backoff_ratio=backoff_ratio,
        count_requests=count_requests,
    )
    return ConcurrencyLimit(settings)


class _AdaptiveSettings(Value, kw_only=True):
    initial: int
    minimum: int
    maximum: int
    backoff_ratio: float
    count_requests: RequestCounter | None

    def __post_init__(self) -> None:
        for name in ("initial", "minimum", "maximum"):
            check_at_least_one(name, getattr(self, name))
        if not self.minimum <= self.initial <= self.maximum:
            raise InvalidRequest("initial", self.initial, f"a number from {self.minimum} to {self.maximum}")
        ratio = self.backoff_ratio
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 < ratio < 1:  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a text
            raise InvalidRequest("backoff_ratio", ratio, "a number above 0 and below 1")


class ConcurrencyLimit(GateMiddleware[_AdaptiveSettings, "_AdaptiveGate"]):
    """
    Middleware that `adaptive` returns, with the state that all interpreters with it share.

    >>> from genai_fn import Offline, generate
    >>> from genai_fn.middleware import adaptive
    >>> limit = adaptive(initial=4)
    >>> answer = Offline().with_middleware(limit)(generate("gemini-2.5-flash", "hi"))
    >>> limit.limit, limit.in_flight
    (4, 0)
    """

    def __init__(self, settings: _AdaptiveSettings) -> None:
        self._count_requests = check_counter("count_requests", settings.count_requests, count_by_operation)
        super().__init__(settings)

    def __repr__(self) -> str:
        return f"adaptive({self._format_settings()})"

    @property
    def limit(self) -> int:
        """The limit of attempts in flight, now and in this process."""
        return int(self.get_gate().max_in_flight)

    @property
    def in_flight(self) -> int:
        """The number of attempts in flight, now and in this process."""
        return self.get_gate().in_flight

    def _build_gate(self) -> "_AdaptiveGate":
        bounds = self._settings
        return _AdaptiveGate(bounds.initial, bounds.minimum, bounds.maximum, bounds.backoff_ratio)

    def _compute_cost(self, request: Request[Any]) -> Cost | None:
        requests = self._count_requests(request)
        return Cost(requests, 0, get_model(request)) if requests else None


class _AdaptiveGate(Gate):
    """A gate whose maximum of attempts in flight follows how they go."""

    def __init__(self, initial: int, minimum: int, maximum: int, backoff_ratio: float) -> None:
        super().__init__(max_in_flight=float(initial))
        self._minimum = minimum
        self._maximum = maximum
        self._backoff_ratio = backoff_ratio
        self._last_before_decrease = 0
        """The number of the last attempt that had passed when the limit was decreased."""

    @change_state
    def observe(self, ticket: AttemptTicket, *, is_overloaded: bool) -> None:
        """Increase or decrease the limit; attempts that started before the last decrease do not count."""
        limit = self.max_in_flight
        if ticket.number <= self._last_before_decrease:
            return
        if is_overloaded:
            self._last_before_decrease = self.passed
            self.max_in_flight = max(float(self._minimum), limit * self._backoff_ratio)
        elif 2 * self.in_flight >= int(limit):
            self.max_in_flight = min(float(self._maximum), limit + 1 / limit)
