"""Spawned programs: `CloseResource` stops one of them at once, and the others continue."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import anyio
import pytest

from genai_fn import Closed
from genai_fn.effects import CallFunction, CloseResource, FlowFailed, OpenResource, Sleep, Spawn, WaitAny
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from tests.support.interpreter_kinds import wait_until
from tests.support.program_executors import KINDS, Executor, Resource

Run = Callable[[Any], Any]


@pytest.fixture(params=[False, True], ids=["real time", "virtual time"])
def is_virtual(request: pytest.FixtureRequest) -> bool:
    """Return whether programs run in virtual time."""
    return bool(request.param)


@pytest.fixture(params=KINDS)
def run(request: pytest.FixtureRequest, is_virtual: bool) -> Run:
    """Return a function that runs a program with an executor of each kind."""
    run = Executor(request.param).run
    return (lambda program: run(run_in_virtual_time(program, VirtualClock()))) if is_virtual else run


class Holder:
    """A program that opens a resource, and waits for a future."""

    def __init__(self) -> None:
        self.resource = Resource()
        self.future: Future[Any] = Future()
        self._has_started = threading.Event()

    def hold(self) -> Any:
        yield OpenResource(self.resource)
        return (yield CallFunction(self._start))

    def wait_for_start(self) -> CallFunction:
        return CallFunction(self._has_started.wait, (60,), in_thread=True)

    def wait_for_stop(self) -> CallFunction:
        """Wait until nothing is left; an async executor runs other tasks meanwhile."""
        return CallFunction(wait_until, (self._is_stopped,), in_thread=True)

    def _start(self) -> "Future[Any]":
        self._has_started.set()
        return self.future

    def _is_stopped(self) -> bool:
        return self.resource.is_closed and self.future.cancelled()


def test_stopped(run: Run) -> None:
    """A program that waits is stopped, what it has opened is closed, and the one that has started it continues."""
    holder = Holder()

    def program() -> Any:
        child = yield Spawn(holder.hold())
        yield holder.wait_for_start()
        yield CloseResource(child)
        return (yield holder.wait_for_stop()), (yield CallFunction(lambda: "continues"))

    assert run(program()) == (True, "continues")


def test_others_continue(run: Run) -> None:
    """Stopping one program stops no other."""
    stopped, other = Holder(), Holder()

    def program() -> Any:
        child = yield Spawn(stopped.hold())
        sibling = yield Spawn(other.hold())
        yield stopped.wait_for_start()
        yield other.wait_for_start()
        yield CloseResource(child)
        yield stopped.wait_for_stop()
        assert not other.resource.is_closed
        other.future.set_result("value")
        return (yield WaitAny((sibling,))).result()

    assert run(program()) == "value"


def test_descendants(run: Run) -> None:
    """A stopped program stops those that it has started."""
    holder = Holder()

    def start() -> Any:
        yield Spawn(holder.hold())
        yield CallFunction(Future[Any])

    def program() -> Any:
        child = yield Spawn(start())
        yield holder.wait_for_start()
        yield CloseResource(child)
        return (yield holder.wait_for_stop())

    assert run(program())


def test_stopped_again(run: Run) -> None:
    """A program that has ended may be stopped, and keeps its result."""

    def give() -> Any:
        yield Sleep(0.0)
        return 1

    def program() -> Any:
        child = yield Spawn(give())
        yield WaitAny((child,))
        yield CloseResource(child)
        yield CloseResource(child)
        return child.result()

    assert run(program()) == 1


def test_leftovers(run: Run) -> None:
    """What a program leaves open is closed when it ends, and not only when the run ends."""
    resource = Resource()

    def leave_open() -> Any:
        yield OpenResource(resource)

    def program() -> Any:
        yield WaitAny(((yield Spawn(leave_open())),))
        return resource.is_closed

    assert run(program())


@pytest.mark.parametrize("kind", KINDS)
def test_exception(kind: str) -> None:
    """An exception of a program that is being stopped is its result, and ends nothing else."""
    has_started = threading.Event()

    def start() -> Any:
        has_started.set()
        return Future[Any]()

    async def fail_when_cancelled() -> None:
        try:
            has_started.set()
            await anyio.sleep_forever()
        finally:
            raise LookupError("mine")

    def fail_when_stopped() -> Any:
        try:
            yield CallFunction(start if kind == "sync" else fail_when_cancelled)
        except FlowFailed:
            raise LookupError("mine") from None

    def program() -> Any:
        child = yield Spawn(fail_when_stopped())
        yield CallFunction(has_started.wait, (60,), in_thread=True)
        yield CloseResource(child)
        yield WaitAny((child,))
        with pytest.raises(LookupError, match="mine"):
            child.result()
        return (yield CallFunction(lambda: "continues"))

    assert Executor(kind).run(program()) == "continues"


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_not_started(kind: str) -> None:
    """A program that is stopped before its task has started does nothing."""
    calls: list[None] = []

    def call() -> Any:
        yield CallFunction(calls.append, (None,))

    def program() -> Any:
        child = yield Spawn(call())
        yield CloseResource(child)
        yield WaitAny((child,))
        return child.result()

    assert isinstance(Executor(kind).run(program()).failure(), Closed)
    assert calls == []


def test_blocked_function() -> None:
    """A user function that blocks cannot be ended: a sync program continues beside it, and the run ends after it."""
    has_started, may_end, has_ended = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        has_started.set()
        assert may_end.wait(60)
        has_ended.set()

    def call() -> Any:
        yield CallFunction(block)
        yield CallFunction(Future[Any])

    def program() -> Any:
        child = yield Spawn(call())
        yield CallFunction(has_started.wait, (60,))
        yield CloseResource(child)
        assert not has_ended.is_set()
        may_end.set()

    Executor("sync").run(program())
    assert has_ended.is_set()
