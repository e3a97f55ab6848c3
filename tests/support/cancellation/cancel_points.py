"""Cancels a task at its k-th stop, and counts what it leaves behind."""

import asyncio
import gc
import logging
import os
import socket
import sys
import types
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import anyio
import trio
from anyio.lowlevel import checkpoint

from genai_fn.engine.stepper import arun_program
from tests.support.idle_threads import PAUSE

Subject: TypeAlias = Callable[[], Awaitable[Any]]

SCOPE, LATE, TWICE, TWICE_LATE = "scope", "late", "twice", "twice-late"
BACKENDS_AND_MANNERS = (
    *(("asyncio", manner) for manner in (SCOPE, LATE, TWICE, TWICE_LATE)),
    *(("trio", manner) for manner in (SCOPE, LATE, TWICE)),
)
MAX_STOPS = 60


class Canceller:
    """
    Cancels a subject at its k-th stop, where it waits (0: before it starts), if it gets there.

    ``scope`` cancels a scope around it while it waits; ``late`` when the awaited event has happened, before it resumes;
    ``twice`` cancels again up to three stops later, during the cleanup after the first: by ``task.cancel()``
    on asyncio, by two nested scopes on trio; ``twice-late`` calls ``task.cancel()`` once the awaited future is done.

    Args:
        k: The number of the stop.

        manner: One of the above.

        next_stop: After how many further stops to cancel again.

        get_idle_waits: Returns the servers' waits, as `Loopback.get_idle_waits` does. Once all servers wait, and the
            subject makes no more stops, it is cancelled; without this, it must end by itself.
    """

    def __init__(
        self,
        k: int,
        manner: str,
        next_stop: int | None = None,
        get_idle_waits: Callable[[], frozenset[int] | None] = lambda: None,
    ) -> None:
        self.manner = manner
        self.stops = 0
        self.is_reached = False
        """Whether it was cancelled at the k-th stop."""
        self.is_stalled = False
        """Whether it was cancelled because nothing happened any more."""
        self.has_ended = False
        """Whether it ended without being cancelled, with this result:"""
        self.result: Any = None
        self._next_stop = k % 3 if next_stop is None else next_stop
        self._get_idle_waits = get_idle_waits
        self._cancels_by_stop = {k: 0, **self._find_second_stop(k)}
        self._cancels: list[Callable[[], object]] = []
        self._counted_tasks = set[int]()

    async def run(self, subject: Subject) -> "Canceller":
        """Run a subject and cancel it; return self."""
        is_native = self.manner in {TWICE, TWICE_LATE} and _is_asyncio()
        await (self._run_as_task(subject) if is_native else self._run_in_scopes(subject))
        assert self.has_ended or self.is_reached or self.is_stalled
        return self

    async def run_counted(self, part: Subject) -> Any:
        """Run a part of the subject, in any task, and count its stops as the subject's."""
        task = anyio.get_current_task().id
        if task in self._counted_tasks:
            return await part()
        self._counted_tasks.add(task)
        return await _run_with_stops(part, self._handle_stop, self._handle_resume)

    async def _run_in_scopes(self, subject: Subject) -> None:
        with anyio.CancelScope() as outer, anyio.CancelScope() as inner:
            self._cancels = [inner.cancel, outer.cancel]
            self._handle_stop(None)
            async with self._watch(inner.cancel):
                self.result = await self.run_counted(subject)
                self.has_ended = True

    async def _run_as_task(self, subject: Subject) -> None:
        task = asyncio.get_running_loop().create_task(self.run_counted(subject))
        self._cancels = [task.cancel, task.cancel]
        self._handle_stop(None)
        async with self._watch(task.cancel):
            await asyncio.wait([task])
        self.has_ended = not task.cancelled()
        assert not (self.has_ended and (self.is_reached or self.is_stalled)), "a cancellation was swallowed"
        self.result = task.result() if self.has_ended else None

    def _watch(self, cancel: Callable[[], object]) -> "_StallWatch":
        def stall() -> None:
            if not self.is_reached:
                self.is_stalled = True
                self._cancels_by_stop = self._find_second_stop(self.stops - 1)
                cancel()

        return _StallWatch(self._read_state, stall)

    def _read_state(self) -> object:
        servers = self._get_idle_waits()
        return None if servers is None else (servers, self.stops)

    def _find_second_stop(self, k: int) -> dict[int, int]:
        return {k + 1 + self._next_stop: 1} if self.manner in {TWICE, TWICE_LATE} else {}

    def _handle_stop(self, awaited: Any) -> int:
        which = self._cancels_by_stop.get(self.stops)
        if which is not None and self.manner != LATE:
            self._cancel(which, awaited)
        self.stops += 1
        return self.stops - 1

    def _handle_resume(self, stop: int) -> None:
        if self.manner == LATE and stop in self._cancels_by_stop:
            self.is_reached = True
            self._cancels[0]()

    def _cancel(self, which: int, awaited: Any) -> None:
        def cancel(_: object = None) -> None:
            self.is_reached |= which == 0
            self._cancels[which]()

        if self.stops == 0:
            cancel()
        elif self.manner == TWICE_LATE and isinstance(awaited, asyncio.Future):
            awaited.add_done_callback(cancel)  # runs before the task's own callback
        else:
            _call_soon(cancel)


def count_child_stops(canceller: Canceller) -> Any:
    """Make an `arun_program` that also counts the stops of concurrent programs, to patch that of the executor."""

    async def run_program(effects: Any, perform: Any) -> Any:
        return await canceller.run_counted(lambda: arun_program(effects, perform))

    return run_program


class _StallWatch:
    """A block that calls `act` once `read_state` returns the same value twice, and not None."""

    def __init__(self, read_state: Callable[[], object], act: Callable[[], object]) -> None:
        self._read_state = read_state
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
        while before is None or self._read_state() != before:
            before = self._read_state()
            await anyio.sleep(PAUSE)
            for _ in range(_CHECKPOINTS):  # handle what has arrived meanwhile first
                await checkpoint()
        self._act()


_CHECKPOINTS = 20


@types.coroutine
def _run_with_stops(
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


def list_stops(manner: str) -> range:
    """Return the stops at which to cancel; ``late`` starts at the first."""
    return range(int(manner == LATE), MAX_STOPS + 1)


def spread_points(total: int, count: int | None) -> Sequence[int]:
    """Return at most `count` of the numbers below `total`, spread evenly, with the first and the last; None: all."""
    if count is None or count >= total:
        return range(total)
    return [n * (total - 1) // (count - 1) for n in range(count)]


def count_tasks() -> int:
    """Count the event loop's tasks."""
    return len(asyncio.all_tasks()) if _is_asyncio() else trio.lowlevel.current_statistics().tasks_living


def count_client_sockets(*ports: int, others: Collection[str] = ()) -> int:
    """Count this process's internet sockets, except the servers' on these ports, and others, as of earlier tests."""
    return len(list_client_sockets(*ports).difference(others))


def list_client_sockets(*ports: int) -> set[str]:
    """List this process's internet sockets, except the servers' on these ports, by a name that no other socket has."""
    return {name for name, port in _list_sockets() if port not in ports}


def _list_sockets() -> Iterator[tuple[str, int]]:
    """List the names of the internet sockets and their local ports."""
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, or not a socket
            name = os.readlink(f"/proc/self/fd/{number}")
            if name.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(number))) as twin:
                    if twin.family in {socket.AF_INET, socket.AF_INET6}:
                        yield name, twin.getsockname()[1]


@contextmanager
def check_no_leaks() -> Iterator[None]:
    """
    Disable the garbage collector, and check at the end that no resource warning and no lost exception occurs.

    Without it, all objects of the block are young at its end. Collecting the old ones, which have been there before,
    would take longer than most blocks.
    """
    problems: list[str] = []
    logs = _LogCollector(problems)
    logging.getLogger("asyncio").addHandler(logs)
    gc.collect(_YOUNG)
    gc.disable()
    hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: problems.append(repr(unraisable.exc_value))
    try:
        yield
        gc.collect(_YOUNG)
    finally:
        sys.unraisablehook = hook
        gc.enable()
        logging.getLogger("asyncio").removeHandler(logs)
    assert problems == []


_YOUNG = 1
"""The two generations of objects that no collection of all has visited."""


class _LogCollector(logging.Handler):
    """Collects what asyncio logs: pending tasks that are destroyed, exceptions that are never retrieved."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        self._problems.append(record.getMessage())
