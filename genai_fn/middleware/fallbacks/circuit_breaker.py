"""A circuit breaker: stops calls to a target that keeps failing, and lets one call try it again after a while."""

from genai_fn.forks import delay_forks
from genai_fn.middleware.resources import Resource


class CircuitBreaker:
    """
    Counts the failures of one target in a row. It is thread-safe, and accepts the times of any clock, also of one that
    restarts.

    It is closed at first. After `failures` in a row it opens for `recovery` seconds. A single failure for which the
    server advised a wait opens it for that wait. Then one call at a time may try the target: if that succeeds, the
    breaker closes, and if it fails, the breaker opens again.

    >>> breaker = CircuitBreaker(failures=2, recovery=30.0)
    >>> breaker.record_failure(0.0), breaker.record_failure(1.0), breaker.is_closed
    (None, None, False)
    >>> breaker.compute_wait(11.0), breaker.compute_wait(31.0)
    (20.0, 0.0)
    """

    __slots__ = ("_failed_at", "_failures", "_max_failures", "_open_seconds", "_recovery", "_trial", "is_closed")

    def __init__(self, failures: int, recovery: float) -> None:
        self._max_failures = failures
        self._recovery = recovery
        self._failures = 0
        self._failed_at = 0.0
        self._open_seconds = 0.0
        self._trial: Trial | None = None
        self.is_closed = True
        """Whether calls may pass."""

    def compute_wait(self, now: float) -> float:
        """
        Return the seconds until a call may try the target; zero if one may now.

        While another call tries it, this is unknown, and the result is the whole `recovery`.
        """
        if self._trial is not None:
            return self._recovery
        if now < self._failed_at:  # the clock has started anew since then
            return 0.0
        return max(0.0, self._open_seconds - (now - self._failed_at))

    def start_trial(self, now: float) -> "Trial | None":
        """Let a call try the target of an open breaker; None if it is too early, or another call tries it."""
        with delay_forks:
            if self._trial is not None or self.compute_wait(now) > 0.0:
                return None
            self._trial = Trial(self)
            return self._trial

    def end_trial(self, trial: "Trial") -> None:
        """Let another call try the target, if this trial is still the current one."""
        with delay_forks:
            if self._trial is trial:
                self._trial = None

    def record_success(self) -> None:
        """Close the breaker."""
        if not self._failures and self.is_closed:
            return
        with delay_forks:
            self._failures, self._open_seconds, self.is_closed = 0, 0.0, True

    def record_failure(self, now: float, advised: float | None = None) -> None:
        """Count a failure; `advised` are the seconds that the server asks to wait."""
        with delay_forks:
            self._failures += 1
            is_due = self._failures >= self._max_failures or not self.is_closed
            if advised or is_due:
                self._failed_at, self._open_seconds, self.is_closed = now, advised or self._recovery, False


class Trial(Resource):
    """
    The right of one call to try a target whose breaker is open, as a resource that any thread may close.

    While it is not closed, no other call may try the target.
    """

    __slots__ = ("_breaker",)

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker

    def close(self) -> None:
        """Let another call try the target."""
        self._breaker.end_trial(self)
