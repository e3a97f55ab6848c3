"""
Starts threads and waits for them, in code that a signal may interrupt anywhere.

``threading.Event``, ``Condition`` and ``Semaphore``, and so ``Future`` and ``ThreadPoolExecutor``, take their lock in
Python code. A ``KeyboardInterrupt`` right after that leaves the lock taken, and a signal handler that needs the same
lock waits for the thread that it interrupted. The classes here hold no lock while Python code runs.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class Latch:
    """An event that is set once; a second call completes an interrupted `set`."""

    def __init__(self) -> None:
        self._is_set = False
        self._callbacks: set[Callable[[], object]] = set()

    def set(self) -> None:
        """Wake all waiting threads, and call the callbacks, which are dropped then: they may refer to this latch."""
        self._is_set = True
        for call in tuple(self._callbacks):
            call()
            self._callbacks.discard(call)

    def is_set(self) -> bool:
        """Return whether it was set."""
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set, or a time is over; returns whether it is set."""
        if not self._is_set:
            wait_for_first((self,), seconds)
        return self._is_set

    def add_callback(self, call: Callable[[], object]) -> None:
        """Call a function once it is set, now if it is; it may be called several times, from any thread."""
        self._callbacks.add(call)
        if self._is_set:
            call()
            self._callbacks.discard(call)

    def remove_callback(self, call: Callable[[], object]) -> None:
        """Remove a callback."""
        self._callbacks.discard(call)


def wait_for_first(latches: Iterable[Latch], seconds: float | None = None) -> None:
    """
    Wait until one of several is set, or a number of seconds is over.

    It waits for a lock, not for a ``SimpleQueue``: on Python 3.11 a ``get`` with a timeout waits forever if a signal
    handler runs meanwhile and returns after the end of the timeout.
    """
    latches = tuple(latches)
    asleep = threading.Lock()
    asleep.acquire()
    wake = partial(_release_lock, asleep)
    try:
        for each in latches:
            each.add_callback(wake)
        asleep.acquire(timeout=-1 if seconds is None else min(max(0.0, seconds), threading.TIMEOUT_MAX))
    finally:
        for each in latches:
            each.remove_callback(wake)


def _release_lock(lock: threading.Lock) -> None:
    with suppress(RuntimeError):  # it is released already: a callback may be called several times
        lock.release()


class SetOnce(Generic[T]):
    """A value that is set once: if several threads set it, all of them get the first value."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}

    def get(self) -> T | None:
        """Return the value; None before it is set."""
        return self._values.get("value")

    def set(self, value: T) -> T:
        """Set the value if there is none, and return the one that there is."""
        return self._values.setdefault("value", value)  # atomic, unlike an assignment after a check


class Promise(Generic[T]):
    """A value that another thread sets, unless it is cancelled before."""

    def __init__(self) -> None:
        self._done_event = Latch()
        self._outcome: SetOnce[tuple[T] | tuple[()]] = SetOnce()

    @classmethod
    def resolve(cls, value: T) -> "Promise[T]":
        """Return one that has its value."""
        resolved = cls()
        resolved.set_result(value)
        return resolved

    def set_result(self, value: T) -> None:
        """Set the value; does nothing if it has one, or was cancelled."""
        self._set_outcome((value,))

    def cancel(self) -> bool:
        """Cancel; returns whether there was no value before."""
        return self._set_outcome(_CANCELLED) == _CANCELLED

    def done(self) -> bool:
        """Return whether it has a value or was cancelled."""
        return self._outcome.get() is not None

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self._outcome.get() == _CANCELLED

    def result(self, seconds: float | None = None) -> T:
        """Wait for the value; raises TimeoutError if there is none in time, or it was cancelled."""
        self._done_event.wait(seconds)
        outcome = self._outcome.get()
        if not outcome:
            raise TimeoutError
        return outcome[0]

    def add_done_callback(self, call: Callable[[], object]) -> None:
        """Call a function once it is done, now if it is; it may be called several times, from any thread."""
        self._done_event.add_callback(call)

    def _set_outcome(self, outcome: tuple[T] | tuple[()]) -> tuple[T] | tuple[()]:
        first = self._outcome.set(outcome)
        self._done_event.set()
        return first


_CANCELLED: Final = ()


def start_thread(thread: threading.Thread) -> None:
    """
    Start a thread; if a signal interrupts this, the thread may run or not.

    ``Thread.start`` waits for a ``Condition``, which may turn an interrupt into a RuntimeError about its lock.
    """
    try:
        thread.start()
    except RuntimeError as error:
        if error.__context__ is None or isinstance(error.__context__, Exception):
            raise
        raise error.__context__ from None


class Worker:
    """
    A daemon thread that makes one call, in the context of its creator.

    It does not use ``Thread.join``: on Python 3.11 an interrupted ``join`` marks a running thread as ended (since
    bpo-45274), and the next ``join`` returns at once.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._context = copy_context()
        self._thread = threading.Thread(target=self._run, name="genai_fn", daemon=True)
        self._has_started = False
        self._end = Latch()

    def start(self) -> None:
        """Start the thread; if this is interrupted, the thread may run or not."""
        start_thread(self._thread)
        self._has_started = True

    def join(self) -> None:
        """Wait until the call has ended, unless the thread has not started."""
        if self._has_started:
            self._end.wait()

    def _run(self) -> None:
        self._has_started = True
        try:
            self._context.run(self._call)
        finally:
            self._end.set()
