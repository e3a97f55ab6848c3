"""Races in virtual time: programs run in the order of their wake-up times, and the losers are stopped."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import anyio
import pytest
from hypothesis import given, strategies as st

from genai_fn.effects import (
    CallFunction,
    CloseResource,
    FlowFailed,
    GetTime,
    OpenResource,
    Race,
    RunAll,
    Sleep,
    Spawn,
    WaitAny,
)
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from genai_fn.errors import Closed, TimedOut
from genai_fn.interpreters.in_process import make_async_memory_executor, make_memory_executor
from genai_fn.testing.sequential import run_sequentially

EXECUTORS = ("sync", "sync-sequential", "asyncio", "trio", "asyncio-sequential", "trio-sequential")


def run_effects(effects: Any, executor: str) -> Any:
    """Run a program with the sync executor, or with the async one on an event loop."""
    if executor == "sync":
        return make_memory_executor().run(effects)

    async def run_async() -> Any:
        return await make_async_memory_executor().run(effects)

    return anyio.run(run_async, backend=executor)


@pytest.fixture(params=EXECUTORS)
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Run a program in virtual time with one of the executors."""
    name, _, is_sequential = request.param.partition("-")

    def run_now(program: Any, clock: VirtualClock | None = None) -> Any:
        effects = run_in_virtual_time(program, clock or VirtualClock())
        return run_effects(run_sequentially(effects) if is_sequential else effects, name)

    return run_now


def always(value: Any) -> bool:
    return True


def never(value: Any) -> bool:
    return False


class Resource:
    """A resource that counts how often it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    abort = close

    async def aclose(self) -> None:
        self.close()


def sleep_for(*seconds: float, log: list[Any] | None = None) -> Any:
    for each in seconds:
        yield Sleep(each)
        if log is not None:
            log.append((yield GetTime()))
    return seconds


class TestOrder:
    def test_shorter_sleep_wins(self, run: Any) -> None:
        """The program whose sleeps are shorter wins, and the clock then shows its end."""

        def race() -> Any:
            values = yield Race((sleep_for(10.0), sleep_for(1.0, 1.5), sleep_for(3.0)), always)
            return values, (yield GetTime())

        assert run(race()) == ((None, (1.0, 1.5), None), 2.5)

    def test_interleaved(self, run: Any) -> None:
        """The programs wake up in the order of time; at the same time, in their own order."""
        log: list[Any] = []

        def race() -> Any:
            return (yield Race((sleep_for(2.0, 2.0, log=log), sleep_for(1.0, 2.0, 3.0, log=log)), never))

        assert run(race()) == ((2.0, 2.0), (1.0, 2.0, 3.0))
        assert log == [1.0, 2.0, 3.0, 4.0, 6.0]

    def test_nested(self, run: Any) -> None:
        """Races in the programs of races use the same clock."""

        def inner(*seconds: float) -> Any:
            values = yield Race(tuple(map(sleep_for, seconds)), always)
            return values, (yield GetTime())

        def race() -> Any:
            return (yield Race((inner(9.0, 4.0), inner(5.0, 6.0)), never)), (yield GetTime())

        assert run(race()) == ((((None, (4.0,)), 4.0), (((5.0,), None), 5.0)), 5.0)

    def test_branches(self, run: Any) -> None:
        """A program that waits for concurrent ones ends when the last of these does."""

        def both() -> Any:
            yield RunAll((sleep_for(1.0), sleep_for(4.0)))
            return (yield GetTime())

        def race() -> Any:
            return (yield Race((both(), sleep_for(3.0)), always)), (yield GetTime())

        assert run(race()) == ((None, (3.0,)), 3.0)

    @given(st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=6))
    def test_any_sleeps(self, plans: list[list[int]]) -> None:
        """The winner is the program with the smallest sum of sleeps, and nothing happens after that."""
        log: list[Any] = []

        def race() -> Any:
            yield Race(tuple(sleep_for(*each, log=log) for each in plans), always)
            return (yield GetTime())

        end = run_effects(run_sequentially(run_in_virtual_time(race(), VirtualClock())), "sync")
        assert end == min(map(sum, plans))
        assert log == sorted(log)
        assert all(each <= end for each in log)


@pytest.mark.parametrize("executor", ["sync", "asyncio"])
def test_children_end_in_order(executor: str) -> None:
    """Of children that have all ended, `WaitAny` returns the one that ended first in virtual time."""

    def spawn() -> Any:
        children: list[Any] = []
        for each in (3.0, 1.0, 2.0):
            child = yield Spawn(sleep_for(each))
            children += [child]
        ends = []
        while children:
            child = yield WaitAny(tuple(children))
            children.remove(child)
            ends.append((child.result(), (yield GetTime())))
        return ends

    ends = run_effects(run_sequentially(run_in_virtual_time(spawn(), VirtualClock())), executor)
    assert ends == [((1.0,), 1.0), ((2.0,), 2.0), ((3.0,), 3.0)]


class TestLosers:
    def test_resources(self, run: Any) -> None:
        """What a loser has opened is closed when it loses; what the winner has opened stays open until the run ends."""
        resources = [Resource() for _ in range(4)]

        def hold(resource: Resource, seconds: float) -> Any:
            yield OpenResource(resource)
            yield Sleep(seconds)

        def hold_both() -> Any:
            yield Race((hold(resources[2], 1.0), hold(resources[3], 20.0)), always)
            yield Sleep(20.0)

        def race() -> Any:
            yield Race((hold(resources[0], 5.0), hold(resources[1], 2.0), hold_both()), always)
            closed = [each.closed for each in resources]
            yield CloseResource(resources[1])
            return closed

        assert run(race()) == [1, 0, 1, 1]
        assert resources[1].closed == 1

    def test_generator_is_closed(self, run: Any) -> None:
        """The generator of a loser is closed at its sleep."""
        log: list[str] = []

        def loser() -> Any:
            try:
                yield Sleep(9.0)
            finally:
                log.append("closed")

        def race() -> Any:
            yield Race((loser(), sleep_for(1.0)), always)
            return list(log)

        assert run(race()) == ["closed"]

    def test_exception(self, run: Any) -> None:
        """An exception of one stops the others, and is raised."""
        resource = Resource()

        def fail() -> Any:
            yield Sleep(1.0)
            raise LookupError

        def hold() -> Any:
            yield OpenResource(resource)
            yield Sleep(2.0)

        def race() -> Any:
            try:
                yield Race((hold(), fail()), always)
            except LookupError:
                return resource.closed, (yield GetTime())

        assert run(race()) == (1, 1.0)


class TestFutures:
    def test_of_another_program(self, run: Any) -> None:
        """A program may wait for a future that another one completes later in virtual time."""
        future: Future[str] = Future()

        def wait() -> Any:
            return (yield CallFunction(lambda: future)), (yield GetTime())

        def complete() -> Any:
            yield Sleep(3.0)
            yield CallFunction(future.set_result, ("done",))

        def race() -> Any:
            return (yield Race((wait(), complete()), never))

        assert run(race()) == (("done", 3.0), None)

    def test_timeout(self, run: Any) -> None:
        """A wait for a future ends at its timeout, if others sleep longer; the future is cancelled."""
        future: Future[str] = Future()

        def wait() -> Any:
            try:
                yield CallFunction(lambda: future, timeout=2.0)
            except FlowFailed as failed:
                return type(failed.error), (yield GetTime())

        def race() -> Any:
            return (yield Race((wait(), sleep_for(5.0)), never))

        assert run(race()) == ((TimedOut, 2.0), (5.0,))
        assert future.cancelled()

    def test_cancelled_future(self, run: Any) -> None:
        """A future that is cancelled fails the program, as outside of races."""
        future: Future[str] = Future()

        def wait() -> Any:
            try:
                yield CallFunction(lambda: future)
            except FlowFailed as failed:
                return type(failed.error)

        def race() -> Any:
            return (yield Race((wait(), _cancel_later(future)), never))

        assert run(race())[0] is Closed

    def test_loser(self, run: Any) -> None:
        """The future that a loser waits for is cancelled."""
        future: Future[str] = Future()

        def wait() -> Any:
            yield CallFunction(lambda: future)

        def race() -> Any:
            yield Race((wait(), sleep_for(1.0)), always)
            return future.cancelled()

        assert run(race())

    def test_of_a_thread(self, run: Any) -> None:
        """With nothing else to wait for, a future is waited for in real time."""

        def wait() -> Any:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(1) as pool:
                return (yield CallFunction(pool.submit, (sum, (1, 2))))

        def race() -> Any:
            return (yield Race((wait(), wait()), never))

        assert run(race()) == (3, 3)


def _cancel_later(future: Any) -> Any:
    yield Sleep(1.0)
    future.cancel()


def test_any_names_of_arguments(run: Callable[[Any], Any]) -> None:
    """A function that a program of a race calls may have arguments of any name."""

    def call() -> Any:
        return (yield CallFunction(dict, (), {"self": 1, "function": 2}))

    def race() -> Any:
        return (yield Race((call(),), bool))

    assert run(race()) == ({"self": 1, "function": 2},)
