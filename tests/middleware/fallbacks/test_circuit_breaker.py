"""Circuit breakers: when they open, when one call may try the target, and when they close."""

from typing import Any

from hypothesis import given, strategies as st

from genai_fn.middleware.fallbacks.circuit_breaker import CircuitBreaker

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.floats(0, 50)),
        st.tuples(st.just("fail"), st.none() | st.floats(0.1, 100)),
        st.tuples(st.just("succeed"), st.none()),
        st.tuples(st.just("try"), st.none()),
        st.tuples(st.just("give back"), st.none()),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 4))
def test_like_its_model(steps: list[tuple[str, Any]], failures: int) -> None:
    """
    A breaker behaves like a simple model: a count of failures, and the time until which it is open.

    It opens after so many failures in a row, at once for advised seconds, and again after each failure while it is
    open. When the time is over, one call at a time may try the target; a success closes it.
    """
    breaker, recovery = CircuitBreaker(failures, 30.0), 30.0
    now, count, trial = 0.0, 0, None
    opened: tuple[float, float] | None = None
    for name, value in steps:
        if name == "pass":
            now += value
        elif name == "fail":
            count += 1
            if value or count >= failures or opened is not None:
                opened = now, value or recovery
            breaker.record_failure(now, value)
        elif name == "succeed":
            count, opened = 0, None
            breaker.record_success()
        elif name == "try" and opened is not None:
            started = breaker.start_trial(now)
            assert (started is not None) == (trial is None and now - opened[0] >= opened[1])
            trial = trial or started
        elif name == "give back" and trial is not None:
            trial.close()
            trial = None
        assert breaker.is_closed == (opened is None)


def test_clock_that_starts_anew() -> None:
    """A clock that is earlier than the failure has started anew: the target may be tried."""
    breaker = CircuitBreaker(1, 30.0)
    breaker.record_failure(1000.0)
    assert breaker.compute_wait(1000.0) == 30.0
    assert breaker.compute_wait(0.0) == 0.0


def test_trial_ends_once() -> None:
    """A trial that is closed twice does not end the trial of another call."""
    breaker = CircuitBreaker(1, 30.0)
    breaker.record_failure(0.0)
    first = breaker.start_trial(30.0)
    assert first is not None
    first.close()
    assert breaker.start_trial(30.0) is not None
    first.abort()
    assert breaker.start_trial(30.0) is None
    assert breaker.compute_wait(30.0) == 30.0
