"""
What all waits in one asyncio event loop share: a poll of sockets, and a timer.

``loop.add_reader`` and ``remove_reader`` around each wait take longer than the wait. On Linux, each socket stays
registered in one epoll, as in trio: it reports a socket once for each wait, and the event loop watches the epoll.
"""

import asyncio
import select
import time
import weakref
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")

Outcome: TypeAlias = "asyncio.Future[bool]"


def set_result(outcome: Outcome, value: bool) -> None:  # the arguments of a callback are positional
    """Set the result of a wait that has none yet."""
    if not outcome.done():
        outcome.set_result(value)


class TimeLimits:
    """
    The time limits of waits, with one timer of the event loop for all: a timer for each wait costs several times more.

    The entry of a wait that is over is removed at its time limit, or once half of the entries are such ones.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._entries: list[tuple[float, int, Outcome]] = []
        self._numbers = count()
        self._ended_count = 0
        self._next_deadline = inf
        self._timer: asyncio.TimerHandle | None = None

    def add(self, outcome: Outcome, seconds: float) -> None:
        """Let a wait return False after some seconds."""
        deadline = time.monotonic() + seconds
        heappush(self._entries, (deadline, next(self._numbers), outcome))
        if deadline < self._next_deadline:
            self._set_timer(deadline)

    def discard_one(self) -> None:
        """Count a wait that is over."""
        self._ended_count += 1
        if self._ended_count > _MIN_DISCARDED and 2 * self._ended_count > len(self._entries):
            self._entries = [entry for entry in self._entries if not entry[2].done()]
            heapify(self._entries)
            self._ended_count = 0

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next_deadline = deadline
        seconds = min(deadline - time.monotonic(), _MAX_TIMER_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_waits)

    def _end_waits(self) -> None:
        now, entries = time.monotonic(), self._entries
        while entries and (entries[0][0] <= now or entries[0][2].done()):
            set_result(heappop(entries)[2], False)
        self._next_deadline, self._timer = inf, None
        if entries:
            self._set_timer(entries[0][0])


_MIN_DISCARDED = 100
_MAX_TIMER_SECONDS = 3600.0


class Poller:
    """
    Watches sockets with an epoll, for one event loop, which keeps it alive.

    The kernel removes a closed socket, unless a forked process still has it open. An event without a waiting task is
    ignored. An event of an earlier socket with the same file descriptor ends a wait early, for which callers are
    prepared: they try again whatever would block.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Outcome] = {}
        self._writers: dict[int, Outcome] = {}
        loop.add_reader(self._epoll.fileno(), self._handle_events)

    def watch(self, fd: int, outcome: Outcome, *, for_write: bool) -> None:
        """Let a wait return True once a socket is readable, or writable."""
        (self._writers if for_write else self._readers)[fd] = outcome
        self._register(fd)

    def forget(self, fd: int, outcome: Outcome, *, for_write: bool) -> None:
        """Stop watching for a wait that is over."""
        waiting = self._writers if for_write else self._readers
        if waiting.get(fd) is outcome:
            del waiting[fd]

    def _register(self, fd: int) -> None:
        mask = select.EPOLLONESHOT
        if fd in self._readers:
            mask |= select.EPOLLIN
        if fd in self._writers:
            mask |= select.EPOLLOUT
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)

    def _handle_events(self) -> None:
        for fd, events in self._epoll.poll(0):
            if events & ~select.EPOLLOUT and fd in self._readers:
                set_result(self._readers.pop(fd), True)
            if events & ~select.EPOLLIN and fd in self._writers:
                set_result(self._writers.pop(fd), True)
            if fd in self._readers or fd in self._writers:  # the other one, as an event ends the registration
                self._register_again(fd)

    def _register_again(self, fd: int) -> None:
        try:
            self._register(fd)
        except OSError:  # it was closed meanwhile, as the task that waits then finds
            for waiting in (self._readers, self._writers):
                if fd in waiting:
                    set_result(waiting.pop(fd), True)


class _SharedByLoop(Generic[T]):
    """
    One object for each event loop, made when it is first needed.

    Only the event loop keeps the object alive, which registers a callback there. If this class did, it would also keep
    the event loop alive, because the futures of the object refer to it.
    """

    def __init__(self, build: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        self._build = build
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[T]] = (
            weakref.WeakKeyDictionary()
        )

    def get(self, loop: asyncio.AbstractEventLoop) -> T:
        """Return the object of the running event loop."""
        reference = self._by_loop.get(loop)
        found = None if reference is None else reference()
        if found is None:
            found = self._build(loop)
            self._by_loop[loop] = weakref.ref(found)
        return found


TIME_LIMITS = _SharedByLoop(TimeLimits)
POLLERS = _SharedByLoop(Poller)
