"""`limited` and `adaptive` in simulations: the server's log keeps the limits, whatever comes, and nobody starves."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from genai_fn.middleware import adaptive, limited
from tests.support.limited_calls import (
    LimitedCalls,
    SimulatedCall,
    check_order,
    check_requests,
    check_tokens,
    estimate,
    simulate_many,
    weigh,
)

SECONDS = st.sampled_from((0.0, 0.5, 1.0, 7.0, 30.0, 59.5, 60.0, 61.0, 100.0))


@st.composite
def draw_calls(draw: Any, advised: tuple[int, ...] = (429,)) -> list[SimulatedCall]:
    """Draw calls that come at any times, with any costs, some of which fail first or are cancelled."""
    arrival, calls = 0.0, []
    for number in range(draw(st.integers(1, 25))):
        arrival += draw(st.sampled_from((0.0, 0.0, 0.0, 0.3, 5.0, 61.0)))
        failures = draw(st.lists(st.sampled_from((503, *advised)), max_size=2))
        cancel_after = draw(st.none() | SECONDS)
        calls.append(
            SimulatedCall(
                number=number,
                arrival=arrival,
                weight=draw(st.sampled_from((1, 1, 1, 2, 3))),
                estimate=draw(st.sampled_from((0, 10, 50, 100, 250))),
                usage=draw(st.sampled_from((0, 10, 50, 100, 250))),
                latency=draw(SECONDS),
                statuses=(*failures, 200),
                **({} if cancel_after is None else {"cancel_at": arrival + cancel_after}),
            )
        )
    return calls


def check_end(calls: LimitedCalls) -> None:
    """Check that all calls have ended, and that nothing is left of those that were cancelled."""
    assert all(each.is_over for each in calls.processes.values())
    assert all(each.is_cancelled or each.value.unwrap() for each in calls.processes.values())
    assert calls.gate.in_flight == calls.gate.waiting == 0


@settings(max_examples=60)
@given(draw_calls(), st.integers(3, 6), st.sampled_from((None, 100, 200)), st.sampled_from((None, 1, 3)))
def test_keeps_its_limits(drawn: list[SimulatedCall], requests: int, tokens: int | None, in_flight: int | None) -> None:
    """
    No window has more requests than the limit, nor more tokens but for errors of estimates in flight; in order.

    All calls end, and those that are cancelled leave nothing behind.
    """
    limit = limited(requests, tokens, in_flight=in_flight, estimate_tokens=estimate, count_requests=weigh)
    calls = LimitedCalls(limit, advised_seconds=20.0)
    calls.run(drawn)
    check_end(calls)
    check_order(calls)
    check_requests(calls.sent, requests)
    if tokens is not None:
        check_tokens(calls.sent, tokens)
    if in_flight is not None:
        assert calls.most_in_flight <= in_flight


@settings(max_examples=60)
@given(draw_calls(), st.sampled_from((5.0, 20.0, 90.0)))
def test_obeys_the_advice_of_a_429(drawn: list[SimulatedCall], advised: float) -> None:
    """After a 429 with `RetryInfo`, nobody sends anything until the advised time has passed."""
    calls = LimitedCalls(limited(100, count_requests=weigh), advised_seconds=advised)
    calls.run(drawn)
    check_end(calls)
    for known_at in calls.advised_at:
        early = [each.time for each in calls.sent if known_at < each.time < known_at + advised]
        assert early == []


@settings(max_examples=60)
@given(draw_calls(), st.integers(1, 4), st.integers(1, 3))
def test_adapts_within_its_bounds(drawn: list[SimulatedCall], initial: int, minimum: int) -> None:
    """The limit stays within its bounds, no more attempts than it are in flight, and all calls end in order."""
    limit = adaptive(max(initial, minimum), minimum=minimum, maximum=6, count_requests=weigh)
    calls = LimitedCalls(limit, advised_seconds=1.0)
    calls.run(drawn)
    check_end(calls)
    check_order(calls)
    assert calls.most_in_flight <= 6
    assert minimum <= limit.limit <= 6


@settings(max_examples=60)
@given(draw_calls(), st.sampled_from((10.0, 61.0, 130.0)))
def test_keeps_deadlines(drawn: list[SimulatedCall], seconds: float) -> None:
    """A call that cannot start before its deadline fails without waiting beyond it, and gives its share back."""
    calls = LimitedCalls(limited(3, in_flight=2, count_requests=weigh), advised_seconds=20.0)
    calls.run([replace(each, deadline=each.arrival + seconds) for each in drawn])
    assert calls.gate.in_flight == calls.gate.waiting == 0
    check_requests(calls.sent, 3)
    assert all(each.time <= each.call.deadline for each in calls.sent)


def test_a_cancelled_wait_gives_its_share_back() -> None:
    """The next one gets the place of a call that was cancelled while it waited."""
    calls = LimitedCalls(limited(1, count_requests=weigh))
    calls.run(SimulatedCall(number=n, cancel_at=30.0 if n == 1 else float("inf")) for n in range(3))
    assert [(0.0, 0), (60.0, 2)] == [(each.time, each.call.number) for each in calls.sent]


def test_a_large_call_is_not_starved() -> None:
    """A call with many tokens is sent as soon as it fits, though smaller ones that would fit come all the time."""
    small = [SimulatedCall(number=n, arrival=float(n), estimate=20, usage=20) for n in range(120)]
    calls = LimitedCalls(limited(tokens_per_minute=100, estimate_tokens=estimate, count_requests=weigh))
    calls.run([SimulatedCall(number=1000, arrival=2.5, estimate=100, usage=100), *small])
    assert [62.0] == [each.time for each in calls.sent if each.call.number == 1000]


def test_an_excess_of_tokens_is_repaid() -> None:
    """Tokens that were used beyond the estimate are charged to the next window."""
    calls = LimitedCalls(limited(tokens_per_minute=100, estimate_tokens=estimate, count_requests=weigh))
    calls.run(
        [
            SimulatedCall(number=0, estimate=10, usage=100, latency=5.0),
            SimulatedCall(number=1, arrival=6.0, estimate=50, usage=50),
        ]
    )
    assert [0.0, 65.0] == [each.time for each in calls.sent]


def test_unused_tokens_are_given_back() -> None:
    """A call that waits for tokens is sent soon after others turn out to have used fewer."""
    calls = LimitedCalls(limited(tokens_per_minute=100, estimate_tokens=estimate, count_requests=weigh))
    calls.run(
        [
            SimulatedCall(number=0, estimate=100, usage=10, latency=2.0),
            SimulatedCall(number=1, arrival=1.0, estimate=50, usage=50),
        ]
    )
    assert 2.0 <= calls.sent[1].time <= 32.0


def test_decreases_once_for_a_burst() -> None:
    """Of a burst of attempts that all fail, the first halves the limit, and the others do not."""
    limit = adaptive(16, count_requests=weigh)
    calls = LimitedCalls(limit)
    calls.run(SimulatedCall(number=n, statuses=(503, 200) if n < 16 else (200,)) for n in range(16))
    assert calls.most_in_flight == 16
    assert 8 <= limit.limit < 12


def test_increases_while_it_is_in_use() -> None:
    """The limit grows by about one for each round of successes, but not while few attempts are in flight."""
    busy, idle = adaptive(2, count_requests=weigh), adaptive(4, count_requests=weigh)
    LimitedCalls(busy).run(SimulatedCall(number=n) for n in range(100))
    LimitedCalls(idle).run(SimulatedCall(number=n, arrival=2.0 * n) for n in range(100))
    assert 10 <= busy.limit <= 15
    assert idle.limit == 4


@pytest.mark.parametrize(("requests", "count"), [(300, 2_000), (6_000, 8_000)])
def test_many_calls(requests: int, count: int) -> None:
    """Thousands of calls keep the limits; `python -m tests.support.limited_calls` simulates a million."""
    assert len(simulate_many(count, requests, 100 * requests).sent) > 0.5 * count
