"""
A gather can be cancelled at any stop: no child continues, and both connections can be used at once.

Each test cancels at every third stop, and the tests beside it at those between; ``python tasks.py faults`` tries all.
"""

import asyncio
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import anyio
import httpcore
import httptools
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import Closed, Failure, Success, collected, gather
from genai_fn.interpreters.executors import async_executor
from tests.support.cancellation.cancel_points import (
    BACKENDS_AND_MANNERS,
    MAX_STOPS,
    SCOPE,
    TWICE,
    check_no_leaks,
    count_child_stops,
    count_tasks,
    list_stops,
)
from tests.support.cancellation.scenarios import ModelScript, Scenario, build_request, run_with_timeout
from tests.support.loopback import Loopback

MIXED = ("call", "busy", "call", "half-body")
WELL = ("call", "busy", "call")


@pytest.fixture(autouse=True)
def check_leaks() -> Iterator[None]:
    """Check that nothing is left to the garbage collector."""
    with check_no_leaks():
        yield


@pytest.fixture(params=(httpcore, httptools), ids=lambda module: module.__name__)
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


def build_gather(models: tuple[str, ...]) -> Any:
    return gather([build_request(model) for model in models], concurrency=3, ordered=False)


async def call_gather(run: Any, models: tuple[str, ...]) -> Any:
    return await run(build_gather(models) | collected)


async def read_all(run: Any, models: tuple[str, ...]) -> Any:
    async with run.stream(build_gather(models)) as items:
        return [item async for item in items]


async def read_one(run: Any, models: tuple[str, ...]) -> Any:
    async with run.stream(build_gather(models)) as items:
        await anext(items)
        await checkpoint()


async def call_nested(run: Any, models: tuple[str, ...]) -> Any:
    return await run(gather([build_gather(models) | collected, build_request("call")]) | collected)


SUBJECTS = {
    "call": (call_gather, WELL),
    "call that hangs": (call_gather, MIXED),
    "stream": (read_all, WELL),
    "left early": (read_one, MIXED),
    "nested": (call_nested, WELL),
}


@pytest.mark.parametrize("backend_and_manner", BACKENDS_AND_MANNERS, ids="-".join)
@pytest.mark.parametrize(("subject", "models"), SUBJECTS.values(), ids=SUBJECTS)
def test_cancelled(subject: Any, models: tuple[str, ...], backend_and_manner: tuple[str, str], thin: Any) -> None:
    """A cancellation of the reader at any stop, also a second one during cleanup, leaves no task and no socket."""
    backend, manner = backend_and_manner

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, httpcore)
            async with scenario.open_interpreter() as run:
                before, last = count_tasks(), 0
                for k in thin(list_stops(manner)):
                    canceller = await scenario.make_canceller(k, manner).run(lambda: subject(run, models))
                    assert count_tasks() == before
                    await scenario.check_connections(run)
                    last = k if canceller.is_reached else last
                    if k - last >= 3:  # a run may make a stop more than another
                        break
            await scenario.wait_until_closed()
        assert 1 < canceller.stops < MAX_STOPS

    run_with_timeout(body, backend)


@pytest.mark.parametrize("manner", (SCOPE, TWICE))
@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_children_cancelled(
    backend: str, manner: str, transport: ModuleType, thin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation at any stop of any child leaves no task and no socket."""

    async def body() -> None:
        with Loopback(ModelScript(), tls=True) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                before, last = count_tasks(), 0
                for k in thin(list_stops(manner)):
                    with monkeypatch.context() as patched:
                        canceller = scenario.make_canceller(k, manner)
                        patched.setattr(async_executor, "arun_program", count_child_stops(canceller))
                        await canceller.run(lambda: call_gather(run, MIXED))
                    assert count_tasks() == before
                    await scenario.check_connections(run)
                    last = k if canceller.is_reached else last
                    if k - last >= 3:  # a run may make a stop more than another
                        break
            await scenario.wait_until_closed()
        assert 1 < canceller.stops

    run_with_timeout(body, backend)


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_read_cancelled_within_block(backend: str, transport: ModuleType) -> None:
    """A cancelled read ends the children at once; the block continues, and the next item is ``Failure(Closed)``."""

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                before = count_tasks()
                async with run.stream(build_gather(("call", "half-body"))) as items:
                    assert isinstance(await anext(items), Success)
                    with anyio.move_on_after(0.01) as scope:
                        await anext(items)
                    assert scope.cancelled_caught
                    rest = [item async for item in items]
                    assert [type(item) for item in rest] == [Failure]
                    assert isinstance(rest[0].failure(), Closed)
                    await checkpoint()
                assert count_tasks() == before
                await scenario.check_connections(run)
            await scenario.wait_until_closed()

    run_with_timeout(body, backend)


def test_loop_ends() -> None:
    """A task that is cancelled as its loop shuts down cancels its children."""

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, httpcore)
            async with scenario.open_interpreter() as run:
                task = asyncio.get_running_loop().create_task(read_all(run, ("no-head", "half-head")))
                await anyio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert scenario.count_sockets() == 0
            await scenario.wait_until_closed()

    run_with_timeout(body, "asyncio")
