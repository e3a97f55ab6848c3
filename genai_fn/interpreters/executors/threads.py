"""
Waiting for other threads, and starting them, in code that a signal may interrupt anywhere.

``threading.Event``, ``Condition`` and ``Semaphore``, and so ``Future`` and ``ThreadPoolExecutor``, take their lock in
Python code. A ``KeyboardInterrupt`` right after that leaves the lock taken, and a signal handler that needs the same
lock waits for the very thread that it interrupts. What is here holds no lock while Python code runs.
"""

import queue
import threading
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from typing import Generic, TypeVar

__all__ = ["Latch", "Promise", "Worker", "start_thread", "wait_for_first"]

T = TypeVar("T")


class Latch:
    """An event that is set once; an interrupted `set` is completed by the next."""

    def __init__(self) -> None:
        self._is_set = False
        self._callbacks: set[Callable[[], object]] = set()

    def set(self) -> None:
        """Wake all who wait, and call the callbacks."""
        self._is_set = True
        for call in tuple(self._callbacks):
            call()

    def is_set(self) -> bool:
        """Tell whether it was set."""
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set, and tell whether it is."""
        if not self._is_set:
            wait_for_first((self,), seconds)
        return self._is_set

    def add_callback(self, call: Callable[[], object]) -> None:
        """Have something called once it is set, now if it is; it may be called several times, from any thread."""
        self._callbacks.add(call)
        if self._is_set:
            call()

    def remove_callback(self, call: Callable[[], object]) -> None:
        """Forget a callback."""
        self._callbacks.discard(call)


def wait_for_first(latches: Iterable[Latch], seconds: float | None = None) -> None:
    """Wait until one of several is set, or so many seconds are over."""
    latches = tuple(latches)
    woken: queue.SimpleQueue[None] = queue.SimpleQueue()
    wake = partial(woken.put, None)
    try:
        for each in latches:
            each.add_callback(wake)
        woken.get(timeout=None if seconds is None else min(max(0.0, seconds), threading.TIMEOUT_MAX))
    except queue.Empty:
        pass
    finally:
        for each in latches:
            each.remove_callback(wake)


class Promise(Generic[T]):
    """A value that another thread gives, unless whoever waits for it cancels."""

    def __init__(self) -> None:
        self._settled = Latch()
        self._outcomes: dict[str, tuple[T] | None] = {}

    def set_result(self, value: T) -> None:
        """Give the value; nothing happens if there is one, or it was cancelled."""
        self._settle((value,))

    def cancel(self) -> bool:
        """Cancel, and tell whether that came before any value."""
        return self._settle(None) is None

    def done(self) -> bool:
        """Tell whether it has a value or was cancelled."""
        return bool(self._outcomes)

    def cancelled(self) -> bool:
        """Tell whether it was cancelled."""
        return self.done() and self._outcomes[_ONLY] is None

    def result(self, seconds: float | None = None) -> T:
        """Wait for the value; without one in time, or once cancelled, it is a TimeoutError."""
        self._settled.wait(seconds)
        outcome = self._outcomes.get(_ONLY)
        if outcome is None:
            raise TimeoutError
        return outcome[0]

    def add_done_callback(self, call: Callable[[], object]) -> None:
        """Have something called once it is done, now if it is; it may be called several times, from any thread."""
        self._settled.add_callback(call)

    def _settle(self, outcome: tuple[T] | None) -> tuple[T] | None:
        first = self._outcomes.setdefault(_ONLY, outcome)  # at once: the first one stays
        self._settled.set()
        return first


_ONLY = "outcome"


def start_thread(thread: threading.Thread) -> None:
    """
    Start a thread; if this is interrupted, the thread may run or not.

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
