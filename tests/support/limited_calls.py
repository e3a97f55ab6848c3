"""
Simulated calls through `limited` and `adaptive`, and the rules that the log of their server must keep.

As a script, ``python -m tests.support.limited_calls``, it simulates a million calls in virtual time.
"""

import gc
import random
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable
from math import inf
from typing import Any, ClassVar

from returns.result import Failure, Success

from genai_fn.effects import EffectFailed, GetTime, ReadChunk, SendRequest, Sleep
from genai_fn.errors import TimedOut
from genai_fn.http import HttpRequest
from genai_fn.middleware import limited
from genai_fn.middleware.limits.gate import Gate
from genai_fn.options import Options
from genai_fn.schema.responses import GenerateContentResponse, GenerateContentResponseUsageMetadata
from genai_fn.values import Value
from tests.support.event_simulation import Process, Simulation

__all__ = ["LimitedCalls", "SimulatedCall", "check_order", "check_requests", "check_tokens", "estimate", "weigh"]


class SimulatedCall(Value, kw_only=True, gc=False):
    """
    A call, in place of a request.

    Args:
        number: Its number.

        arrival: When it starts.

        weight: As how many requests it counts.

        estimate: Its tokens, as estimated.

        usage: The tokens that it uses.

        latency: Seconds until the response of each attempt.

        statuses: The status of each response; the call is repeated while there are more.

        cancel_at: When its caller cancels it.

        deadline: When it must be over.
    """

    number: int
    arrival: float = 0.0
    weight: int = 1
    estimate: int = 0
    usage: int = 0
    latency: float = 1.0
    statuses: tuple[int, ...] = (200,)
    cancel_at: float = inf
    deadline: float = inf
    options: ClassVar[Options] = Options()

    @property
    def operation(self) -> Any:
        """What the middleware reads of a request's operation: nothing, here."""
        return None


class _Response(Value):
    status: int
    body: list[bytes]
    headers: tuple[tuple[str, str], ...] = ()


class Sent(Value, gc=False):
    """An attempt in the log of the server."""

    time: float
    call: SimulatedCall
    usage: int
    in_flight_error: int
    """By how many tokens the attempts in flight, with this one, use more than estimated."""


def weigh(call: Any) -> int:
    """Return as how many requests a call counts."""
    weight: int = call.weight
    return weight


def estimate(call: Any) -> int:
    """Return the estimated tokens of a call."""
    tokens: int = call.estimate
    return tokens


class LimitedCalls:
    """Simulates calls through middleware. `sent` is the server's log, `arrivals` the calls as they came to the gate."""

    def __init__(self, middleware: Any, advised_seconds: float = 0.0) -> None:
        self.gate: Gate = middleware.get_gate()
        self._handler = middleware(self)
        self._advised_seconds = advised_seconds
        self.simulation = Simulation(self._answer)
        self.arrivals: list[int] = []
        self.sent: list[Sent] = []
        self.advised_at: list[float] = []
        """When the middleware had read each 429."""
        self.processes: dict[int, Process] = {}
        self._in_flight_error = 0
        self.in_flight = self.most_in_flight = 0

    def add(self, call: SimulatedCall) -> None:
        """Add a call."""
        self.processes[call.number] = self.simulation.start(
            lambda: self._handler.handle(call, call.deadline), call.arrival, call.cancel_at
        )

    def run(self, calls: Iterable[SimulatedCall] = ()) -> None:
        """Run all calls to their end."""
        for call in calls:
            self.add(call)
        self.simulation.run()

    def handle(self, call: Any, until: float) -> Generator[Any, Any, Any]:
        """Send a call, again after a response that is not its last; the inner handler of the middleware."""
        for status in call.statuses:
            self.arrivals.append(call.number)
            effect = _SentCall(_REQUEST, until, inf, call=call, status=status, marks=[])
            try:
                response = yield effect
            finally:
                self.in_flight -= len(effect.marks)  # also of a call that is cancelled
            if isinstance(response, EffectFailed):
                return Failure(response.error)
            self._in_flight_error -= effect.error  # but the usage of a cancelled one never becomes known
            while (yield ReadChunk(response, inf, inf)):
                pass
            if status == 429:
                self.advised_at.append(self.simulation.now)
            if status == 200:
                break
            if (yield GetTime()) + 1.0 >= until:  # as `HttpHandler` does
                return Failure(TimedOut("total", "waiting for the next attempt"))
            yield Sleep(1.0)
        usage = GenerateContentResponseUsageMetadata(prompt_token_count=call.usage)
        return Success(GenerateContentResponse(usage_metadata=usage))

    def open_stream(self, call: Any, until: float) -> Generator[Any, Any, Any]:
        """Do nothing: calls are no streams."""
        raise NotImplementedError

    read_items: Any = open_stream

    def _answer(self, effect: SendRequest) -> tuple[float, Any]:
        assert isinstance(effect, _SentCall)
        call, status = effect.call, effect.status
        effect.marks.append("sent")
        self._in_flight_error += effect.error
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.sent.append(Sent(self.simulation.now, call, effect.usage, self._in_flight_error))
        body = _ADVICE % self._advised_seconds if status == 429 else ""
        return call.latency, _Response(status, [body.encode()] if body else [])


class _SentCall(SendRequest, kw_only=True):
    call: SimulatedCall
    status: int
    marks: list[str]
    """Contains ``"sent"`` once it was sent."""

    @property
    def usage(self) -> int:
        """The tokens that it uses: none, if the server refuses it."""
        return self.call.usage if self.status == 200 else 0

    @property
    def error(self) -> int:
        """By how many tokens it uses more than estimated."""
        return max(0, self.usage - self.call.estimate)


_REQUEST = HttpRequest("POST", "https://host/")
_ADVICE = (
    '{"error": {"code": 429, "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "%gs"}]}}'
)


def check_requests(sent: list[Sent], limit: int, window: float = 60.0) -> None:
    """Check that no half-open window has more requests than the limit."""
    inside: deque[Sent] = deque()
    total = 0
    for each in sent:
        inside.append(each)
        total += each.call.weight
        while inside[0].time + window <= each.time:
            total -= inside.popleft().call.weight
        assert total <= limit, f"{total} requests within {window} s before {each.time}"


def check_tokens(sent: list[Sent], limit: int, window: float = 60.0) -> None:
    """Check that no window has more tokens than the limit, and the errors of the estimates that are in flight then."""
    inside: deque[Sent] = deque()
    total = 0
    for each in sent:
        inside.append(each)
        total += each.usage
        while inside[0].time + window <= each.time:
            total -= inside.popleft().usage
        allowed = max(limit, each.call.estimate) + each.in_flight_error
        assert total <= allowed, f"{total} tokens within {window} s before {each.time}; allowed are {allowed}"


def check_order(calls: LimitedCalls) -> None:
    """Check that the attempts were sent in the order in which they came to the gate, but for those that left."""
    arrivals = iter(calls.arrivals)
    for each in calls.sent:
        assert any(number == each.call.number for number in arrivals), f"call {each.call.number} was overtaken"


def simulate_many(count: int, requests: int, tokens: int, seed: int = 0) -> LimitedCalls:
    """Simulate calls that come a tenth faster than the limits allow, in bursts, and check the log of the server."""
    chance = random.Random(seed)
    calls = LimitedCalls(
        limited(requests, tokens, in_flight=5_000, estimate_tokens=estimate, count_requests=weigh), 0.5
    )
    now, rate = 0.0, requests / 60.0 * 1.1

    def feed() -> Generator[Any, Any, None]:
        nonlocal now
        number = 0
        while number < count:
            for _ in range(min(chance.randrange(1, 200), count - number)):
                usage = chance.randrange(1, 2 * tokens // requests)
                statuses: tuple[int, ...] = (429, 200) if chance.random() < 1e-4 else (200,)
                leaves = now + chance.random() * 20 if chance.random() < 0.01 else inf
                calls.add(
                    SimulatedCall(
                        number=number,
                        arrival=now,
                        estimate=max(1, int(usage * chance.uniform(0.5, 1.5))),
                        usage=usage,
                        latency=chance.expovariate(1.0),
                        statuses=statuses,
                        cancel_at=leaves,
                    )
                )
                calls.processes.clear()
                number += 1
                now += chance.expovariate(rate)
            yield Sleep(now - calls.simulation.now)

    calls.simulation.start(feed)
    calls.run()
    check_requests(calls.sent, requests)
    check_tokens(calls.sent, tokens)
    check_order(calls)
    assert calls.gate.in_flight == calls.gate.waiting == 0
    assert calls.most_in_flight <= 5_000
    return calls


def main() -> None:
    """Simulate a million calls, or as many as the argument says."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    gc.disable()  # it would go through the many calls that wait again and again
    start = time.perf_counter()
    calls = simulate_many(count, 60_000, 6_000_000)
    seconds = time.perf_counter() - start
    summary = f"{count:,} calls, {len(calls.sent):,} attempts, {calls.simulation.now:,.0f} s in {seconds:.0f} s"
    print(summary)  # noqa: T201  # the output of a script


if __name__ == "__main__":
    main()
