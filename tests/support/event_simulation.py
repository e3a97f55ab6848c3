"""
A discrete-event simulation: many programs on one virtual clock, which jumps from one event to the next.

It performs the effects itself, so that a million calls take no threads, tasks or time. A function answers requests.
"""

import heapq
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import partial
from itertools import count
from math import inf
from typing import Any

from genai_fn.effects import (
    CallFunction,
    CloseResource,
    FlowFailed,
    GetTime,
    OpenResource,
    ReadChunk,
    SendRequest,
    Sleep,
)

__all__ = ["Process", "Simulation"]

_WAITS = object()


class Process:
    """A program that runs in a simulation."""

    def __init__(self, program: Generator[Any, Any, Any]) -> None:
        self.program = program
        self.resources: set[Any] = set()
        self.wakeups = 0
        """The number of the current wait: other wakeups are out of date."""
        self.is_over = self.is_cancelled = False
        self.value: Any = None


class Simulation:
    """
    Runs programs until all have ended.

    Args:
        answer: Function of a `SendRequest` that returns the seconds until its answer, and the answer.
    """

    def __init__(self, answer: Callable[[SendRequest], tuple[float, Any]]) -> None:
        self.now = 0.0
        self._answer = answer
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._ready: deque[tuple[Process, int, Any]] = deque()
        self._order = count()
        self.running = 0

    def start(
        self, make_program: Callable[[], Generator[Any, Any, Any]], at: float = 0.0, cancel_at: float = inf
    ) -> Process:
        """Start a program at a time, and cancel it at another one as an executor does, if it still runs."""
        process = Process(_empty())
        self.running += 1

        def begin() -> None:
            process.program = make_program()
            self._step(process, None)

        self._schedule(at, begin)
        if cancel_at < inf:
            self._schedule(cancel_at, partial(self._cancel, process))
        return process

    def run(self) -> None:
        """Run until nothing is left to do; raises AssertionError if programs wait for ever."""
        while self._events or self._ready:
            if self._ready:
                process, wakeup, answer = self._ready.popleft()
                self._wake(process, wakeup, answer)
                continue
            time, _, call = heapq.heappop(self._events)
            self.now = max(self.now, time)
            call()
        assert not self.running, f"{self.running} programs wait for ever"

    def _schedule(self, time: float, call: Callable[[], object]) -> None:
        heapq.heappush(self._events, (time, next(self._order), call))

    def _wake(self, process: Process, wakeup: int, answer: Any) -> None:
        if wakeup == process.wakeups and not process.is_over:
            process.wakeups += 1
            self._step(process, answer)

    def _step(self, process: Process, answer: Any) -> None:
        while answer is not _WAITS:
            try:
                is_error = isinstance(answer, Exception)
                effect = process.program.throw(answer) if is_error else process.program.send(answer)
            except StopIteration as end:
                process.value = end.value
                self._end(process)
                return
            answer = self._perform(process, effect)

    def _perform(self, process: Process, effect: Any) -> Any:
        match effect:
            case GetTime():
                return self.now
            case ReadChunk(response=response):
                body: list[bytes] = getattr(response, "body", [])
                return body.pop(0) if body else b""
            case OpenResource(resource=resource):
                process.resources.add(resource)
            case CloseResource(resource=resource):
                process.resources.discard(resource)
                close = getattr(resource, "close", None)
                if close is not None:
                    close()
            case Sleep(seconds=seconds):
                self._schedule(self.now + seconds, partial(self._wake, process, process.wakeups, None))
                return _WAITS
            case SendRequest():
                delay, answer = self._answer(effect)
                self._schedule(self.now + delay, partial(self._wake, process, process.wakeups, answer))
                return _WAITS
            case CallFunction():
                return self._call(process, effect)
        return None

    def _call(self, process: Process, effect: CallFunction) -> Any:
        value = effect.function(*effect.args)
        if not isinstance(value, Future) or value.done():
            return value.result() if isinstance(value, Future) else value
        wakeup = process.wakeups
        value.add_done_callback(lambda _: self._ready.append((process, wakeup, None)))
        if effect.timeout < inf:
            error = FlowFailed(effect.build_timeout_error())
            self._schedule(self.now + effect.timeout, partial(self._wake, process, wakeup, error))
        return _WAITS

    def _cancel(self, process: Process) -> None:
        if not process.is_over:
            process.is_cancelled = True
            process.program.close()
            self._end(process)

    def _end(self, process: Process) -> None:
        process.is_over = True
        self.running -= 1
        while process.resources:
            process.resources.pop().close()


def _empty() -> Generator[Any, Any, Any]:
    yield from ()
