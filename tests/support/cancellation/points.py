"""Cancels a task where it stands still for the k-th time; what it may leave behind, and how that is counted."""

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
    How a subject is cancelled: as it stands still for the k-th time (0: before it begins), if ever it does.

    ``scope`` cancels a scope around it while it waits; ``late`` once what it waited for has come, before it goes on;
    ``twice`` cancels again up to three stops later, in the midst of what the first one made it do: by ``task.cancel()``
    on asyncio, by two nested scopes on trio; ``twice-late`` cancels natively once the awaited future is done.

    Args:
        k: At which stop.

        manner: One of the above.

        again: How many stops later the second cancellation comes.

        at_rest: Tells whether the servers wait for the subject, as `Loopback.at_rest` does. Once they do, and the
            subject goes on no more, it is cancelled where it is; without this, it has to come to its end by itself.
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
        """Whether it was cancelled because nothing went on any more."""
        self.ended = False
        """Whether it came to its end all the same, with this result:"""
        self.result: Any = None
        self._again = k % 3 if again is None else again
        self._at_rest = at_rest
        self._at = {k: 0, **self._second_after(k)}
        self._cancels: list[Callable[[], object]] = []
        self._counting = set[int]()

    async def of(self, subject: Subject) -> "Cut":
        """Run a subject, cancel it, and tell what became of it."""
        is_native = self.manner in {TWICE, TWICE_LATE} and _is_asyncio()
        await (self._native(subject) if is_native else self._scoped(subject))
        assert self.ended or self.reached or self.stalled
        return self

    async def counted(self, part: Subject) -> Any:
        """Run what belongs to the subject, in any task, and count its stops as the subject's."""
        task = anyio.get_current_task().id
        if task in self._counting:
            return await part()
        self._counting.add(task)
        return await _counted(part, self._act, self._resumed)

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
            awaited.add_done_callback(cancel)  # comes before the task's own: the future is done, the task does not know
        else:
            _soon(cancel)


class _Watch:
    """A block in which something happens once all else is at rest: the same rest twice, and never None."""

    def __init__(self, rest: Callable[[], object], act: Callable[[], object]) -> None:
        self._rest = rest
        self._act = act
        self._group = anyio.create_task_group()

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._group.start_soon(self._wait)

    async def __aexit__(self, *error: Any) -> None:  # noqa: PYI036  # passed on as they are
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(*error)

    async def _wait(self) -> None:
        before = None
        while before is None or self._rest() != before:
            before = self._rest()
            await anyio.sleep(PAUSE)
            for _ in range(_ROUNDS):  # what has come meanwhile is met first
                await checkpoint()
        self._act()


_ROUNDS = 20


@types.coroutine
def _counted(subject: Subject, stops: Callable[[Any], int], resumed: Callable[[int], None]) -> Generator[Any, Any, Any]:
    """Drive a coroutine, in the task that awaits this, and tell of each time that it stands still and goes on."""
    going = subject().__await__()
    answer: Any = None
    raised: BaseException | None = None
    while True:
        try:
            awaited = going.send(answer) if raised is None else going.throw(raised)
        except StopIteration as end:
            return end.value
        stop = stops(awaited)
        answer = raised = None
        try:
            answer = yield awaited
        except BaseException as error:
            raised = error
        resumed(stop)


def _is_asyncio() -> bool:
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    return False


def _soon(call: Callable[[], object]) -> None:
    """Call once the present task stands still."""
    if _is_asyncio():
        asyncio.get_running_loop().call_soon(call)
    else:
        trio.lowlevel.current_trio_token().run_sync_soon(call)


def steps(manner: str) -> range:
    """Say at which stops to cancel; nothing can be late before the first."""
    return range(int(manner == LATE), STEPS + 1)


def tasks() -> int:
    """Count the event loop's tasks."""
    return len(asyncio.all_tasks()) if _is_asyncio() else trio.lowlevel.current_statistics().tasks_living


def client_sockets(*ports: int) -> int:
    """Count this process's internet sockets, but for those of the servers on these ports."""
    return sum(1 for port in _local_ports() if port not in ports)


def _local_ports() -> Iterator[int]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, or no socket
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as twin:
                    if twin.family in {socket.AF_INET, socket.AF_INET6}:
                        yield twin.getsockname()[1]


@contextmanager
def spotless() -> Iterator[None]:
    """Have the garbage collector off meanwhile, and see in the end that nothing was left to it nor told to nobody."""
    complaints: list[str] = []
    logs = _Logs(complaints)
    logging.getLogger("asyncio").addHandler(logs)
    gc.collect()
    gc.disable()
    hook, sys.unraisablehook = sys.unraisablehook, lambda told: complaints.append(repr(told.exc_value))
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = hook
        gc.enable()
        logging.getLogger("asyncio").removeHandler(logs)
    assert complaints == []


class _Logs(logging.Handler):
    """What asyncio logs: tasks destroyed while pending, exceptions that nobody took."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(record.getMessage())
