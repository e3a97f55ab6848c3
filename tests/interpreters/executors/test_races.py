"""Races in real time: the first program that wins stops the others at once, in threads and in tasks."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from genai_fn.effects import CallFunction, FlowFailed, OpenResource, Race, Sleep, Spawn
from genai_fn.errors import Closed
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from tests.support.program_executors import KINDS, Executor, Resource


@pytest.fixture(params=KINDS)
def executor(request: pytest.FixtureRequest) -> Executor:
    """Return an executor of each kind."""
    return Executor(request.param)


def always(value: Any) -> bool:
    return True


def never(value: Any) -> bool:
    return False


def hold_forever(resource: Resource, future: "Future[Any]") -> Any:
    yield OpenResource(resource)
    yield CallFunction(lambda: future)


def give(value: Any) -> Any:
    yield Sleep(0.0)
    return value


def test_losers_are_stopped(executor: Executor) -> None:
    """The program that wins ends the race; what the other waits for is cancelled, and what it has opened is closed."""
    resource, future = Resource(), Future[Any]()

    def race() -> Any:
        values = yield Race((hold_forever(resource, future), give("won")), always)
        return values, resource.is_closed, future.cancelled()

    assert executor.run(race()) == ((None, "won"), True, True)


def test_sleeping_loser(executor: Executor) -> None:
    """A loser that sleeps is stopped."""

    def sleep() -> Any:
        yield Sleep(3600.0)

    def race() -> Any:
        return (yield Race((sleep(), give("won")), always))

    assert executor.run(race()) == (None, "won")


def test_spawned_by_a_loser(executor: Executor) -> None:
    """A program that a loser has started is stopped, too."""
    future: Future[Any] = Future()

    def start() -> Any:
        yield Spawn(hold_forever(Resource(), future))
        yield CallFunction(Future[Any])

    def race() -> Any:
        yield Race((start(), give("won")), always)
        return future.cancelled() or not future.running()

    assert executor.run(race())


def test_winner_keeps_its_resources(executor: Executor) -> None:
    """What the winner leaves open stays open, until the run ends."""
    resource = Resource()

    def win() -> Any:
        yield OpenResource(resource)
        return "won"

    def race() -> Any:
        yield Race((win(), hold_forever(Resource(), Future())), always)
        return resource.is_closed

    assert executor.run(race()) is False
    assert resource.is_closed


def test_no_winner(executor: Executor) -> None:
    """Without a winner, all programs run to their ends."""

    def race() -> Any:
        return (yield Race((give(1), give(2), give(3)), never))

    assert executor.run(race()) == (1, 2, 3)


def test_several_conditions(executor: Executor) -> None:
    """Values that do not win are returned, too, if their programs ended before."""
    first_is_over: Future[None] = Future()

    def lose() -> Any:
        yield Sleep(0.0)
        return 1

    def is_two(value: Any) -> bool:
        if value == 1:
            first_is_over.set_result(None)
        return bool(value == 2)

    def win() -> Any:
        yield CallFunction(lambda: first_is_over)
        return 2

    def race() -> Any:
        return (yield Race((lose(), win(), hold_forever(Resource(), Future())), is_two))

    assert executor.run(race()) == (1, 2, None)


def test_exception(executor: Executor) -> None:
    """An exception stops the others, and is raised."""
    resource, future = Resource(), Future[Any]()

    def fail() -> Any:
        yield Sleep(0.0)
        raise LookupError

    def race() -> Any:
        try:
            yield Race((hold_forever(resource, future), fail()), always)
        except LookupError:
            return resource.is_closed and future.cancelled()

    assert executor.run(race())


def test_nested(executor: Executor) -> None:
    """A loser that runs a race itself is stopped with all of its programs."""
    resources = [Resource() for _ in range(3)]

    def inner() -> Any:
        yield Race(tuple(hold_forever(each, Future()) for each in resources), always)

    def race() -> Any:
        yield Race((inner(), give("won")), always)
        return [each.is_closed for each in resources if each.is_closed]

    assert set(executor.run(race())) <= {True}


@pytest.mark.parametrize("is_end", [False, True])
def test_closed_meanwhile(executor: Executor, is_end: bool) -> None:
    """Closing the executor from another thread ends a race. (`close` of an async one is for streams.)"""
    resources = [Resource(), Resource()]
    waiting = threading.Semaphore(0)

    def hold(resource: Resource) -> Any:
        yield OpenResource(resource)
        yield CallFunction(_announce(waiting))

    def race() -> Any:
        try:
            yield Race(tuple(map(hold, resources)), always)
        except FlowFailed as failed:
            return type(failed.error)

    def close() -> None:
        for _ in resources:
            assert waiting.acquire(timeout=60)
        executor.current.end() if is_end or executor.kind != "sync" else executor.current.close()

    thread = threading.Thread(target=close)
    thread.start()
    assert executor.run(race()) is Closed
    thread.join(60)
    assert all(each.is_closed for each in resources)


def _announce(semaphore: threading.Semaphore) -> Callable[[], "Future[Any]"]:
    def start() -> Future[Any]:
        future: Future[Any] = Future()
        semaphore.release()
        return future

    return start


def test_interrupt() -> None:
    """An interrupt while a sync executor waits closes all programs, and is raised."""
    resource = Resource()
    executor = SyncExecutor(None, None, None)

    class Interrupt(BaseException):
        pass

    def interrupt(value: Any) -> bool:
        raise Interrupt

    def race() -> Any:
        yield Race((hold_forever(resource, Future()), give(1)), interrupt)

    with pytest.raises(Interrupt):
        executor.run(race())
    assert resource.is_closed or executor.is_closed
