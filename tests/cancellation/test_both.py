"""
Two concurrent actions: a cancellation ends both, and an exception in one does not cancel the caller.

Each test cancels at every third stop, and the tests beside it at those between; ``python tasks.py faults`` tries all.
"""

import asyncio
from types import ModuleType
from typing import Any

import anyio
import httpcore
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import both, each, joined, streamed
from genai_fn.interpreters.executors import async_executor
from tests.support.cancellation.cancel_points import (
    MAX_STOPS,
    TWICE,
    count_child_stops,
    count_tasks,
    list_stops,
)
from tests.support.cancellation.scenarios import ModelScript, Scenario, build_request, run_with_timeout
from tests.support.loopback import Loopback

PAIRS = [("call", "busy"), ("half-body", "between-events"), ("half-body", "half-error")]


@pytest.mark.parametrize("models", PAIRS, ids="+".join)
def test_cancelled(
    models: tuple[str, str],
    backend_and_manner: tuple[str, str],
    transport: ModuleType,
    thin: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cancellation at any stop ends both actions, and both connections can be used at once afterwards."""
    backend, manner = backend_and_manner
    first, second = (
        build_request(name) | streamed | joined if name == "between-events" else build_request(name) for name in models
    )

    async def body() -> None:
        with Loopback(ModelScript(), tls=True) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                before, last = count_tasks(), 0
                for k in thin(list_stops(manner)):
                    with monkeypatch.context() as patched:
                        canceller = scenario.make_canceller(k, manner)
                        patched.setattr(async_executor, "arun_program", count_child_stops(canceller))
                        await canceller.run(lambda: run(both(first, second)))
                    assert count_tasks() == before
                    await scenario.check_connections(run)
                    last = k if canceller.is_reached else last
                    if k - last >= 3:  # a run may make a stop more than another
                        break
            await scenario.wait_until_closed()
        assert 1 < canceller.stops < MAX_STOPS

    run_with_timeout(body, backend)


@pytest.mark.parametrize("phase", ["reading", "between reads"])
def test_cancelled_twice(phase: str, transport: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second cancellation at any stop of the cleanup after the first leaves no task and no socket either."""
    stream = build_request("between-events") | streamed
    child = stream | each(sleep_forever) | joined if phase == "between reads" else stream | joined

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                before = count_tasks()
                for again in range(20):
                    with monkeypatch.context() as patched:
                        canceller = scenario.make_canceller(MAX_STOPS, TWICE, again)
                        patched.setattr(async_executor, "arun_program", count_child_stops(canceller))
                        await canceller.run(lambda: run(both(child, child)))
                    assert count_tasks() == before
                    await scenario.check_connections(run)
            await scenario.wait_until_closed()

    run_with_timeout(body, "asyncio")


class CallerError(Exception):
    """An exception of the caller."""


class Interrupt(BaseException):
    """Stands for ``KeyboardInterrupt``."""


def build_raising_action(error: BaseException) -> Any:
    def raise_error(item: object) -> None:
        raise error

    return build_request("events") | streamed | each(raise_error) | joined


@pytest.mark.parametrize("raiser_first", [True, False])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_raised(raiser_first: bool, backend: str, transport: ModuleType, tls: bool) -> None:
    """The caller's exception is raised unchanged once the other action has ended, and cancels nothing else."""
    items: list[object] = []
    bad, good = build_raising_action(CallerError()), build_request("events") | streamed | each(items.append) | joined

    async def body() -> None:
        with Loopback(ModelScript(), tls=tls) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                with anyio.CancelScope() as scope:
                    with pytest.raises(CallerError):
                        await run(both(bad, good) if raiser_first else both(good, bad))
                    await checkpoint()
                    items.append("on")
                assert not scope.cancelled_caught
                await scenario.check_connections(run)
            await scenario.wait_until_closed()
        assert len(items) == 4

    run_with_timeout(body, backend)


@pytest.mark.parametrize("raiser_first", [True, False])
@pytest.mark.parametrize(
    ("backend", "error_type"), [("asyncio", Interrupt), ("trio", Interrupt), ("asyncio", asyncio.CancelledError)]
)
def test_interrupted(raiser_first: bool, backend: str, error_type: type[BaseException]) -> None:
    """An interrupt or a ``CancelledError`` in the caller's function ends both actions and is raised unchanged."""
    bad, good = build_raising_action(error_type()), build_request("half-body")

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, httpcore)
            async with scenario.open_interpreter() as run:
                with pytest.raises(error_type):
                    await run(both(bad, good) if raiser_first else both(good, bad))
                await scenario.check_connections(run)
            await scenario.wait_until_closed()

    run_with_timeout(body, backend)


async def sleep_forever(item: object) -> None:
    await anyio.sleep_forever()
