"""Cancels a task at its k-th stop, and counts what it leaves behind."""

import asyncio
import gc
import logging
import os
import socket
import sys
import types
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import anyio
import trio
from anyio.lowlevel import checkpoint

from tests.support.quiet import PAUSE

Subject: TypeAlias = Callable[[], Awaitable[Any]]

SCOPE, LATE, TWICE, TWICE_LATE = "scope", "late", "twice", "twice-late"
WORLDS = (
    *(("asyncio", manner) for manner in (SCOPE, LATE, TWICE, TWICE_LATE)),
    *(("trio", manner) for manner in (SCOPE, LATE, TWICE)),
)
STEPS = 60


class Cut:
    """
    Cancels a subject at its k-th stop, where it waits (0: before it starts), if it gets there.

    ``scope`` cancels a scope around it while it waits; ``late`` when the awaited event has happened, before it resumes;
    ``twice`` cancels again up to three stops later, during the cleanup after the first: by ``task.cancel()``
    on asyncio, by two nested scopes on trio; ``twice-late`` calls ``task.cancel()`` once the awaited future is done.

    Args:
        k: The number of the stop.

        manner: One of the above.

        again: After how many further stops to cancel again.

        at_rest: Returns the servers' waits, as `Loopback.at_rest` does. Once all servers wait, and the
            subject makes no more stops, it is cancelled; without this, it must end by itself.
    """

    def __init__(
        self,
        k: int,
        manner: str,
        again: int | None = None,
        at_rest: Callable[[], frozenset[int] | None] = lambda: None,
    ) -> None:
        self.manner = manner
        self.stops = 0
        self.reached = False
        """Whether it was cancelled at the k-th stop."""
        self.stalled = False
        """Whether it was cancelled because nothing happened any more."""
        self.ended = False
        """Whether it ended without being cancelled, with this result:"""
        self.result: Any = None
        self._again = k % 3 if again is None else again
        self._at_rest = at_rest
        self._at = {k: 0, **self._second_after(k)}
        self._cancels: list[Callable[[], object]] = []
        self._counting = set[int]()

    async def of(self, subject: Subject) -> "Cut":
        """Run a subject and cancel it; return self."""
        is_native = self.manner in {TWICE, TWICE_LATE} and _is_asyncio()
        await (self._native(subject) if is_native else self._scoped(subject))
        assert self.ended or self.reached or self.stalled
        return self

    async def counted(self, part: Subject) -> Any:
        """Run a part of the subject, in any task, and count its stops as the subject's."""
        task = anyio.get_current_task().id
        if task in self._counting:
            return await part()
        self._counting.add(task)
        return await _run_counted(part, self._act, self._resumed)

    async def _scoped(self, subject: Subject) -> None:
        with anyio.CancelScope() as outer, anyio.CancelScope() as inner:
            self._cancels = [inner.cancel, outer.cancel]
            self._act(None)
            async with self._watched(inner.cancel):
                self.result = await self.counted(subject)
                self.ended = True

    async def _native(self, subject: Subject) -> None:
        task = asyncio.get_running_loop().create_task(self.counted(subject))
        self._cancels = [task.cancel, task.cancel]
        self._act(None)
        async with self._watched(task.cancel):
            await asyncio.wait([task])
        self.ended = not task.cancelled()
        assert not (self.ended and (self.reached or self.stalled)), "a cancellation was swallowed"
        self.result = task.result() if self.ended else None

    def _watched(self, cancel: Callable[[], object]) -> "_Watch":
        def stall() -> None:
            if not self.reached:
                self.stalled = True
                self._at = self._second_after(self.stops - 1)
                cancel()

        return _Watch(self._rest, stall)

    def _rest(self) -> object:
        servers = self._at_rest()
        return None if servers is None else (servers, self.stops)

    def _second_after(self, k: int) -> dict[int, int]:
        return {k + 1 + self._again: 1} if self.manner in {TWICE, TWICE_LATE} else {}

    def _act(self, awaited: Any) -> int:
        which = self._at.get(self.stops)
        if which is not None and self.manner != LATE:
            self._cancel(which, awaited)
        self.stops += 1
        return self.stops - 1

    def _resumed(self, stop: int) -> None:
        if self.manner == LATE and stop in self._at:
            self.reached = True
            self._cancels[0]()

    def _cancel(self, which: int, awaited: Any) -> None:
        def cancel(_: object = None) -> None:
            self.reached |= which == 0
            self._cancels[which]()

        if self.stops == 0:
            cancel()
        elif self.manner == TWICE_LATE and isinstance(awaited, asyncio.Future):
            awaited.add_done_callback(cancel)  # runs before the task's own callback
        else:
            _call_soon(cancel)


class _Watch:
    """A block that calls a function once `rest` returns the same value twice, and not None."""

    def __init__(self, rest: Callable[[], object], act: Callable[[], object]) -> None:
        self._rest = rest
        self._act = act
        self._group = anyio.create_task_group()

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._group.start_soon(self._wait)

    async def __aexit__(self, *error: Any) -> None:  # noqa: PYI036  # passed on unchanged
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(*error)

    async def _wait(self) -> None:
        before = None
        while before is None or self._rest() != before:
            before = self._rest()
            await anyio.sleep(PAUSE)
            for _ in range(_ROUNDS):  # handle what has arrived meanwhile first
                await checkpoint()
        self._act()


_ROUNDS = 20


@types.coroutine
def _run_counted(
    subject: Subject, on_stop: Callable[[Any], int], on_resume: Callable[[int], None]
) -> Generator[Any, Any, Any]:
    """Run a coroutine in the awaiting task, and report each stop and each resumption."""
    generator = subject().__await__()
    answer: Any = None
    raised: BaseException | None = None
    while True:
        try:
            awaited = generator.send(answer) if raised is None else generator.throw(raised)
        except StopIteration as end:
            return end.value
        stop = on_stop(awaited)
        answer = raised = None
        try:
            answer = yield awaited
        except BaseException as error:
            raised = error
        on_resume(stop)


def _is_asyncio() -> bool:
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    return False


def _call_soon(call: Callable[[], object]) -> None:
    """Call a function when the current task waits."""
    if _is_asyncio():
        asyncio.get_running_loop().call_soon(call)
    else:
        trio.lowlevel.current_trio_token().run_sync_soon(call)


def steps(manner: str) -> range:
    """Return the stops at which to cancel; ``late`` starts at the first."""
    return range(int(manner == LATE), STEPS + 1)


def tasks() -> int:
    """Count the event loop's tasks."""
    return len(asyncio.all_tasks()) if _is_asyncio() else trio.lowlevel.current_statistics().tasks_living


def client_sockets(*ports: int) -> int:
    """Count this process's internet sockets, except the servers' on these ports."""
    return sum(1 for port in _local_ports() if port not in ports)


def _local_ports() -> Iterator[int]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, or not a socket
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as twin:
                    if twin.family in {socket.AF_INET, socket.AF_INET6}:
                        yield twin.getsockname()[1]


@contextmanager
def spotless() -> Iterator[None]:
    """Disable the garbage collector, and check at the end that no resource warning and no lost exception occurs."""
    problems: list[str] = []
    logs = _LogCollector(problems)
    logging.getLogger("asyncio").addHandler(logs)
    gc.collect()
    gc.disable()
    hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: problems.append(repr(unraisable.exc_value))
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = hook
        gc.enable()
        logging.getLogger("asyncio").removeHandler(logs)
    assert problems == []


class _LogCollector(logging.Handler):
    """Collects what asyncio logs: pending tasks that are destroyed, exceptions that are never retrieved."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._complaints = problems

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(record.getMessage())
