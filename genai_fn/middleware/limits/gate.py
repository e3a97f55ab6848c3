"""
A gate: attempts pass it one by one, in the order in which they came, as soon as the limits allow.

Only the first attempt of the queue looks at the limits, and sleeps; the others wait for a future, which is done once
they are first. So the order is fair over all threads, tasks and interpreters that share the gate, and a large attempt
does not starve. All times are read by the attempts; a gate has no clock of its own.
"""

import functools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from math import inf, ulp
from typing import Concatenate, ParamSpec, TypeVar, cast

from genai_fn.effects import CloseResource, Effects, GetTime, OpenResource, Sleep
from genai_fn.errors import GenaiError, QuotaExceeded, TimedOut
from genai_fn.middleware.deadlines import call_within
from genai_fn.middleware.limits.advice import QuotaAdvice
from genai_fn.middleware.limits.days import DayCounter
from genai_fn.middleware.limits.sliding_log import SlidingLog
from genai_fn.middleware.limits.tickets import AttemptTicket, Cost

G = TypeVar("G", bound="Gate")
P = ParamSpec("P")
T = TypeVar("T")


def change_state(method: Callable[Concatenate[G, P], T]) -> Callable[Concatenate[G, P], T]:
    """Let a method of a gate run with the lock, and then take back what was closed meanwhile."""

    @functools.wraps(method)
    def run_locked(self: G, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with self.lock:
                return method(self, *args, **kwargs)
        finally:
            self.process_closed()

    return cast("Callable[Concatenate[G, P], T]", run_locked)


class Gate:
    """
    Admits attempts within limits: requests and tokens a minute, requests a day, attempts in flight.

    Args:
        requests: The log of requests; None is no limit.

        tokens: The log of tokens; None is no limit.

        day: The counter of requests a day; None is no limit.

        max_in_flight: The maximum of attempts in flight.
    """

    def __init__(
        self,
        requests: SlidingLog | None = None,
        tokens: SlidingLog | None = None,
        day: DayCounter | None = None,
        max_in_flight: float = inf,
    ) -> None:
        self.requests = requests
        self.tokens = tokens
        self.day = day
        self.max_in_flight = max_in_flight
        self.is_bounded = max_in_flight < inf
        """Whether attempts in flight are counted, so that a ticket is a resource from its start."""
        self.passed = 0
        """How many attempts have passed; the number of the last one."""
        self._slots: set[int] = set()  # the numbers of the attempts in flight
        self._estimated: set[int] = set()  # and of those whose tokens are estimated, and may turn out to be fewer
        self._last_time = self._blocked_until = -inf
        self._exhausted: dict[str | None, float] = {}
        self._queue: deque[AttemptTicket] = deque()
        self._queued_requests = 0
        self.lock = threading.Lock()
        self._closed: deque[AttemptTicket] = deque()

    @property
    def in_flight(self) -> int:
        """The number of attempts in flight."""
        return len(self._slots)

    @property
    def waiting(self) -> int:
        """The number of attempts that wait."""
        return sum(each.is_queued for each in tuple(self._queue))

    # What programs do

    def acquire(self, ticket: AttemptTicket, deadline: float) -> Effects[GenaiError | None]:
        """Wait until an attempt may start; returns an error if it may not, or not before its deadline."""
        now: float = yield GetTime()
        ticket.is_registered = True
        yield OpenResource(ticket)
        if self.pass_at_once(ticket, now):
            return None
        outcome = self._join(ticket, now, deadline)
        ticket.close_again()
        while outcome != _PASSED:
            if isinstance(outcome, GenaiError):
                return outcome
            now = yield GetTime()  # it has gone on if this thread waited for the lock
            error: GenaiError | None = None
            if outcome == _BEHIND:
                seconds, doing = max(0.0, deadline - now), "waiting for other requests at the rate limit"
                error = yield from call_within(seconds, doing, ticket.build_signal)
            elif outcome >= deadline:
                error = TimedOut("total", f"waiting for the rate limit, for {outcome - now:.3g} s")
            elif outcome > now:
                yield Sleep(self._compute_sleep(outcome, now))
            if error is not None:
                return error
            now = yield GetTime()
            outcome = self._advance(ticket, now)
        return None

    def release(self, ticket: AttemptTicket) -> Effects[None]:
        """Give back the slot of an attempt that has ended, whose ticket is registered."""
        ticket.is_registered = False
        yield CloseResource(ticket)

    def _compute_sleep(self, time: float, now: float) -> float:
        """Return for how long the first one sleeps: in halves, as long as tokens may turn out to be fewer."""
        wait = time - now
        if self._estimated:
            wait = min(wait, max(wait / 2, _MIN_HALF_SECONDS))
        return max(wait, 2 * ulp(now))  # so that the clock goes on

    # What changes the state, each with the lock

    def pass_at_once(self, ticket: AttemptTicket, now: float) -> bool:
        """Let an attempt pass if no other waits and it fits."""
        try:
            with self.lock:
                is_passed = not self._queue and self._can_pass(ticket, now)
                if is_passed:
                    self._admit(ticket, now)
        finally:
            if self._closed:
                self.process_closed()
        if ticket.is_closed:
            ticket.close_again()
        return is_passed

    @change_state
    def _join(self, ticket: AttemptTicket, now: float, deadline: float) -> GenaiError | float:
        """Put an attempt into the queue, unless it cannot pass before its deadline; returns as `_advance` does."""
        refusal = self._find_refusal(ticket, now)
        if refusal is not None:
            return refusal
        if self.requests is not None and deadline < inf:
            requests, ahead = ticket.cost.requests, self._queued_requests
            earliest = self.requests.compute_earliest_time(now, ahead, requests)
            if earliest >= deadline:
                return TimedOut("total", f"waiting for the rate limit, for {earliest - now:.3g} s")
        ticket.is_queued = True
        self._queue.append(ticket)
        self._queued_requests += ticket.cost.requests
        return self._try_if_first(ticket, now)

    @change_state
    def _advance(self, ticket: AttemptTicket, now: float) -> GenaiError | float:
        """Let an attempt of the queue pass; returns `_PASSED`, `_BEHIND`, the time to try again, or an error."""
        return self._try_if_first(ticket, now)

    @change_state
    def build_signal(self, ticket: AttemptTicket) -> "Future[None]":
        """Return a future that is done once a ticket is first and there is a slot."""
        signal: Future[None] = Future()
        ticket.signal = signal
        self._signal_first()
        return signal

    def settle(self, ticket: AttemptTicket, tokens: int, now: float) -> None:
        """Correct the estimate of an attempt: what it used more is charged now, what it used less is given back."""
        if ticket.is_settled:
            return
        ticket.is_settled = True
        self.forget_estimate(ticket)
        excess = tokens - ticket.cost.tokens
        if excess:
            self._correct_tokens(ticket, excess, now)

    def forget_estimate(self, ticket: AttemptTicket) -> None:
        """Expect no correction of an estimate any more."""
        self._estimated.discard(ticket.number)
        ticket.is_estimated = False

    @change_state
    def _correct_tokens(self, ticket: AttemptTicket, excess: int, now: float) -> None:
        if self.tokens is None or ticket.token_entry is None:
            return
        if excess < 0:
            self.tokens.reduce(ticket.token_entry, -excess)
        else:
            self._last_time = max(now, self._last_time)
            self.tokens.add(self._last_time, excess)

    @change_state
    def refund(self, ticket: AttemptTicket) -> None:
        """Give back all that an attempt has taken: nothing was sent."""
        if self.requests is not None and ticket.request_entry is not None:
            self.requests.reduce(ticket.request_entry, ticket.cost.requests)
        if self.tokens is not None and ticket.token_entry is not None:
            self.tokens.reduce(ticket.token_entry, ticket.cost.tokens)
        if self.day is not None:
            self.day.remove(ticket.cost.requests)
        ticket.request_entry = ticket.token_entry = None

    @change_state
    def apply_advice(self, advice: QuotaAdvice, model: str | None, now: float) -> None:
        """Tighten the limits, for all who share the gate, as the server advises."""
        self._blocked_until = max(self._blocked_until, now + advice.delay)
        if advice.exhausted_for:
            self._exhausted[model] = now + advice.exhausted_for
        self.requests = _lower_limit(self.requests, advice.requests_per_minute)
        self.tokens = _lower_limit(self.tokens, advice.tokens_per_minute)

    @change_state
    def set_end_of_day(self, time: float) -> None:
        """Set the time at which the quota of the day is renewed, as a response has told its date."""
        if self.day is not None:
            self.day.set_end(time)

    def observe(self, ticket: AttemptTicket, *, is_overloaded: bool) -> None:
        """Learn how an attempt went; a gate that adapts overrides it."""

    def collect(self, ticket: AttemptTicket) -> None:
        """
        Take back what a ticket holds, from any thread or signal handler.

        If the lock is taken, its holder does this when it releases it: it may be the code that the handler interrupts.
        """
        self._closed.append(ticket)
        self.process_closed()

    def process_closed(self) -> None:
        """Take back what closed tickets hold, unless the lock is taken."""
        while self._closed and not self.lock.locked():
            with self.lock:
                self._remove_closed()

    # With the lock held

    def _remove_closed(self) -> None:
        while self._closed:
            ticket = self._closed[0]
            self._slots.discard(ticket.number)
            ticket.holds_slot = False
            if ticket.is_queued:
                ticket.is_queued = False
                self._queued_requests -= ticket.cost.requests
            self._closed.popleft()
        self._signal_first()

    def _try_if_first(self, ticket: AttemptTicket, now: float) -> GenaiError | float:
        self._drop_left()
        return self._try_pass(ticket, now) if self._queue and self._queue[0] is ticket else _BEHIND

    def _try_pass(self, ticket: AttemptTicket, now: float) -> GenaiError | float:
        refusal = self._find_refusal(ticket, now)
        if refusal is not None:
            return refusal
        if len(self._slots) + 1 > self.max_in_flight:
            return _BEHIND
        time = self._compute_fit_time(ticket.cost, now)
        if time > now:
            return time
        self._admit(ticket, now)
        return _PASSED

    def _can_pass(self, ticket: AttemptTicket, now: float) -> bool:
        """Whether `_try_pass` would let an attempt pass; it need not compute when another one fits."""
        if now < self._last_time or now < self._blocked_until or len(self._slots) + 1 > self.max_in_flight:
            return False
        requests, tokens, cost = self.requests, self.tokens, ticket.cost
        if requests is not None and not requests.has_room(now, cost.requests):
            return False
        if tokens is not None and not tokens.has_room(now, cost.tokens):
            return False
        return self._find_refusal(ticket, now) is None

    def _compute_fit_time(self, cost: Cost, now: float) -> float:
        """Return the time at which an attempt fits; one that is not later than now if it fits now."""
        time = max(self._last_time, self._blocked_until)
        if self.requests is not None:
            time = max(time, self.requests.compute_fit_time(now, cost.requests))
        if self.tokens is not None:
            time = max(time, self.tokens.compute_fit_time(now, cost.tokens))
        return time

    def _admit(self, ticket: AttemptTicket, now: float) -> None:
        self._last_time = now
        self.passed += 1
        ticket.number = self.passed
        if self.is_bounded:
            ticket.holds_slot = True
            self._slots.add(ticket.number)
        if self.requests is not None:
            ticket.request_entry = self.requests.add(now, ticket.cost.requests)
        if self.tokens is not None:
            ticket.token_entry = self.tokens.add(now, ticket.cost.tokens)
            ticket.is_estimated = True
            self._estimated.add(ticket.number)
        if self.day is not None:
            self.day.add(now, ticket.cost.requests)
        if ticket.is_queued:
            ticket.is_queued = False
            self._queued_requests -= ticket.cost.requests
            self._signal_first()

    def _find_refusal(self, ticket: AttemptTicket, now: float) -> QuotaExceeded | None:
        """Find a limit for which waiting does not help, or not before another day."""
        needed, day = ticket.cost.requests, self.day
        if self.requests is not None and needed > self.requests.limit:
            return QuotaExceeded("requests per minute", self.requests.limit)
        if self._exhausted:
            left = self._exhausted.get(ticket.cost.model, now) - now
            if left > 0:
                return QuotaExceeded("a quota of the server for a day", retry_after=left)
        if day is not None:
            if needed > day.limit:
                return QuotaExceeded("requests per day", day.limit)
            wait = day.compute_wait(now, needed)
            if wait is not None:
                return QuotaExceeded("requests per day", day.limit, wait)
        return None

    def _drop_left(self) -> None:
        """Drop the tickets that are not in the queue any more from its start."""
        queue = self._queue
        while queue and not queue[0].is_queued:
            queue.popleft()
        if not queue:
            self._queued_requests = 0

    def _signal_first(self) -> None:
        """Wake the first of the queue, if there is a slot for it."""
        if not self._queue:
            return
        self._drop_left()
        if not self._queue or len(self._slots) + 1 > self.max_in_flight:
            return
        signal = self._queue[0].signal
        if signal is not None:
            with suppress(InvalidStateError):  # it was woken already, or has stopped waiting
                signal.set_result(None)


_PASSED = -inf
_BEHIND = inf
_MIN_HALF_SECONDS = 0.25


def _lower_limit(log: SlidingLog | None, limit: int | None) -> SlidingLog | None:
    if log is None or limit is None:
        return log if limit is None else SlidingLog(limit)
    log.lower_limit(limit)
    return log
