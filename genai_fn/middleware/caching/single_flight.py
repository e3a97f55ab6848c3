"""
Single flight: of several equal requests one is sent, by the leader, and the others wait for its result.

If the leader is cancelled, or fails in a way that is its own, the next in line becomes the leader. A flight has no
lock: each step is an atomic `SetOnce`, so a signal handler, a cancellation or an interrupt between any two of them
blocks nobody.
"""

import os
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.effects import CloseResource, Effects, OpenResource
from genai_fn.errors import Closed, GenaiError, TimedOut
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.interpreters.executors.threads import SetOnce
from genai_fn.middleware.deadlines import call_within
from genai_fn.middleware.resources import Resource

T = TypeVar("T")

_LEADS: Final = object()
_LEFT: Final = object()
_NOTHING: Final = object()
_END: Final = object()


class Flights(Generic[T]):
    """The requests in flight, by their keys. Threads, event loops and interpreters may share it."""

    def __init__(self) -> None:
        register_fork_delay()
        self._flights: dict[tuple[int, str], _Flight[T]] = {}

    def join(self, key: str, ticket: "Ticket[T]") -> None:
        """Join the flight of a key, or start it. The ticket is an open resource by then: an interrupt leaves it."""
        own = os.getpid(), key  # the leaders of another process do not exist in the one that was forked from it
        while True:
            flight = self._flights.get(own) or self._flights.setdefault(own, _Flight(self, own))
            ticket.flight = flight
            if flight.add(ticket):
                flight.advance()
                return

    def run(
        self, key: str, ticket: "Ticket[T]", seconds: float, leading: Effects[Result[T, GenaiError]]
    ) -> Effects[Result[T, GenaiError]]:
        """
        Return the result of a flight.

        The leader runs the program `leading`, which sets the result on the ticket; the others wait for it. A wait that
        takes longer than `seconds` ends with `TimedOut`.
        """
        yield OpenResource(ticket)
        try:
            self.join(key, ticket)
            late = yield from call_within(seconds, "waiting for the answer to an equal request", ticket.wait)
            result = Failure(late) if isinstance(late, TimedOut) else ticket.shared_result
            if result is None:
                result = yield from leading
        except Exception:
            yield CloseResource(ticket)  # the program may handle it, and go on
            raise
        yield CloseResource(ticket)
        return result

    def discard(self, key: tuple[int, str], flight: "_Flight[T]") -> None:
        """Forget a flight that is over, unless another one has taken its place."""
        with delay_forks:  # so that no child process inherits it locked
            if self._flights.get(key) is flight:
                del self._flights[key]

    def __len__(self) -> int:
        return len(self._flights)


class _Flight(Generic[T]):
    """The tickets of equal requests: a linked list without those that have ended. One that is over takes no more."""

    def __init__(self, flights: Flights[T], key: tuple[int, str]) -> None:
        self._flights = flights
        self._key = key
        start = Ticket[T]()
        self._last = start
        """The last ticket, or an earlier one."""
        self._progress: tuple[Ticket[T], Ticket[T] | None, Any] = (start, None, _NOTHING)
        """After which ticket `advance` goes on, the last leader up to it with a result, and that; or earlier ones."""

    def add(self, ticket: "Ticket[T]") -> bool:
        """Append a ticket; returns False if the flight is over."""
        last = self._last
        while (following := last.following.set(ticket)) is not ticket:
            if following is _END:
                self._flights.discard(self._key, self)
                return False
            last = following
        self._last = ticket
        return True

    def advance(self) -> None:
        """Give each ticket, in order, the result of the leaders before it, or the lead. It may be called again."""
        last, ended, result = self._progress
        while (ticket := last.following.set(_END)) is not _END:
            outcome: Any = _LEADS if ended is None or not _is_shared(ended, result, ticket) else result
            if ticket.role.set(outcome) is _LEADS:
                ticket.wake()
                found = ticket.result.get()
                if found is None:
                    return  # it leads
                ended, result = (None, _NOTHING) if found[0] is _NOTHING else (ticket, found[0])
            else:
                ticket.wake()
            last = ticket
            self._progress = last, ended, result
        self._flights.discard(self._key, self)


def _is_shared(leader: "Ticket[Any]", result: Any, ticket: "Ticket[Any]") -> bool:
    if isinstance(result, Success):
        return True
    error: GenaiError = result.failure()
    return leader.terms == ticket.terms and not isinstance(error, TimedOut | Closed)


class Ticket(Resource, Generic[T]):
    """
    The place of one request in a flight; a resource: closing it leaves the flight, and hands the lead over.

    `role` is its part in the flight: it leads, it has left, or it has the result of the leader. `following` is the next
    ticket of the flight, or its end.

    Args:
        terms: What else a failure depends on, such as the credentials: only requests with equal terms share it.
    """

    def __init__(self, terms: object = None) -> None:
        self.terms = terms
        self.role: SetOnce[Any] = SetOnce()
        self.result: SetOnce[tuple[Any]] = SetOnce()
        self._own_result: tuple[Any] = (_NOTHING,)
        self.following: SetOnce[Any] = SetOnce()
        self.flight: _Flight[T]
        self._future: Future[None] | None = None

    @property
    def shared_result(self) -> Result[T, GenaiError] | None:
        """The result of the leader; None if this is the leader."""
        role = self.role.get()
        return None if role is _LEADS or role is _LEFT else role

    def wait(self) -> Future[None] | None:
        """Return a future of the time when this is the leader, or has its result; None if that is now."""
        future: Future[None] = Future()
        self._future = future
        return None if self.role.get() is not None else future

    def wake(self) -> None:
        """Complete the future."""
        if self._future is not None:
            with suppress(InvalidStateError):  # it is complete, or was cancelled
                self._future.set_result(None)

    def set_result(self, result: Result[T, GenaiError]) -> None:
        """Set the result of the leader, which those that wait get when it leaves, and not before it has stored it."""
        self._own_result = (result,)

    def close(self) -> None:
        """Leave the flight; a leader without a result hands the lead over."""
        if self.role.set(_LEFT) is _LEADS:
            self.result.set(self._own_result)
            self.flight.advance()
