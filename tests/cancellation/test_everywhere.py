"""
A call or a stream can be cancelled at any stop without losing a socket or a connection slot.

Each test cancels at every third stop, and the tests beside it at those between; ``python tasks.py faults`` tries all.
"""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio import to_thread
from anyio.abc import TaskGroup

from genai_fn import AsyncHttp, Closed, Failure, GenaiError, Success, TimedOut, streamed, with_options
from tests.support.cancellation.cancel_points import MAX_STOPS, SCOPE, TWICE, Canceller, list_stops
from tests.support.cancellation.scenarios import (
    ModelScript,
    Scenario,
    build_request,
    check_success,
    count_idle_connections,
    occupy_connections,
    read_stream,
    run_with_timeout,
    send_request,
)
from tests.support.credentials import SlowCredentials
from tests.support.loopback import Loopback

SUBJECTS = {
    "call": send_request,
    "stream": read_stream,
    "retry": lambda run: send_request(run, "busy"),
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_cancelled(
    subject: Any, backend_and_manner: tuple[str, str], transport: ModuleType, tls: bool, thin: Any
) -> None:
    """After a cancellation at any stop, on new and on kept connections, both slots are usable and no socket is left."""
    backend, manner = backend_and_manner

    async def body() -> None:
        with Loopback(ModelScript(), tls=tls) as server:
            scenario = Scenario(server, transport)
            for k in thin(list_stops(manner)):
                async with scenario.open_interpreter() as run:
                    first = await Canceller(k, manner).run(lambda: subject(run))
                    await scenario.check_connections(run)
                    second = await Canceller(k, manner).run(lambda: subject(run))
                    await scenario.check_connections(run)
                if not (first.is_reached or second.is_reached):
                    break
            await scenario.wait_until_closed()
        assert 2 < k < MAX_STOPS

    run_with_timeout(body, backend)


@pytest.mark.parametrize("backend_and_manner", [("asyncio", TWICE), ("trio", SCOPE)], ids="-".join)
def test_cancelled_sixty_times(backend_and_manner: tuple[str, str], transport: ModuleType, thin: Any) -> None:
    """After a cancellation at any of sixty stops (here, ten) within an endless response, both slots are usable."""
    backend, manner = backend_and_manner

    async def body() -> None:
        with Loopback(ModelScript(), tls=True) as server:
            scenario = Scenario(server, transport)
            for k in thin(list_stops(manner), 6):
                async with scenario.open_interpreter() as run:
                    canceller = await Canceller(k, manner).run(lambda: send_request(run, "dripping"))
                    assert canceller.is_reached
                    await scenario.check_connections(run)
            await scenario.wait_until_closed()

    run_with_timeout(body, backend)


def test_cancelled_while_queued(
    backend_and_manner: tuple[str, str], transport: ModuleType, tls: bool, thin: Any
) -> None:
    """A call that is cancelled while it waits for a free connection occupies no slot."""
    backend, manner = backend_and_manner

    async def body() -> None:
        with Loopback(ModelScript(), tls=tls) as server:
            scenario = Scenario(server, transport)
            for k in thin(list_stops(manner)):
                async with scenario.open_interpreter() as run:
                    async with occupy_connections(run):
                        canceller = await scenario.make_canceller(k, manner).run(lambda: send_request(run))
                    await scenario.check_connections(run)
                if canceller.is_stalled:
                    break
            await scenario.wait_until_closed()
        assert canceller.is_stalled

    run_with_timeout(body, backend)


@pytest.mark.parametrize("first", ["cancelled", "freed"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_as_a_slot_is_freed(first: str, backend: str, transport: ModuleType) -> None:
    """A slot that is freed at the same moment as the cancellation goes to the next call in the queue."""

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run, anyio.create_task_group() as tasks:
                async with occupy_connections(run, 1):
                    state = run._connections.pool._state
                    slot = state.make_slot()
                    assert slot.take_place()
                    cancel = start_call(backend, tasks, run)
                    await anyio.wait_all_tasks_blocked()
                    tasks.start_soon(check_success, run, build_request("call"))
                    await anyio.wait_all_tasks_blocked()
                    for act in (cancel, slot.close) if first == "cancelled" else (slot.close, cancel):
                        act()
                    await check_success(run, build_request("call"))
                await scenario.check_connections(run)
            await scenario.wait_until_closed()

    run_with_timeout(body, backend)


def start_call(backend: str, tasks: TaskGroup, run: AsyncHttp) -> Callable[[], object]:
    """Start a call in another task, and return a function that cancels it."""
    if backend == "asyncio":
        return asyncio.get_running_loop().create_task(send_request(run)).cancel
    scope = anyio.CancelScope()

    async def call_in_scope() -> None:
        with scope:
            await send_request(run)

    tasks.start_soon(call_in_scope)
    return scope.cancel


def test_cancelled_before_token(backend_and_manner: tuple[str, str], transport: ModuleType, thin: Any) -> None:
    """A task that is cancelled while it waits for a token ends at once, and the token is used by other tasks."""
    backend, manner = backend_and_manner
    created: list[SlowCredentials] = []

    def credentials() -> SlowCredentials:
        created.append(SlowCredentials("test-token", "test-token"))
        return created[-1]

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport, credentials)
            for k in thin(list_stops(manner)):
                async with scenario.open_interpreter() as run:
                    canceller = await scenario.make_canceller(k, manner).run(lambda: send_request(run))
                    created[-1].gate.set()
                    await scenario.check_connections(run)
                if canceller.is_stalled:
                    break
            await scenario.wait_until_closed()
        assert canceller.is_stalled

    run_with_timeout(body, backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("ends", ["closed", "late"])
def test_no_token(ends: str, backend: str, transport: ModuleType) -> None:
    """Waiting for a token ends at the deadline, or when the interpreter is closed."""
    slow = SlowCredentials("test-token")

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport, lambda: slow)
            try:
                async with scenario.open_interpreter() as run, anyio.create_task_group() as tasks:
                    if ends == "closed":
                        tasks.start_soon(check_failure, run, build_request("call"), Closed)
                        await anyio.wait_all_tasks_blocked()
                        await run.aclose()
                    else:
                        await check_failure(run, build_request("call") | with_options(deadline=0.01), TimedOut)
            finally:
                slow.gate.set()

    run_with_timeout(body, backend)


async def check_failure(run: AsyncHttp, action: Any, error_type: type[GenaiError]) -> None:
    result = await run(action)
    assert isinstance(result, Failure)
    assert isinstance(result.failure(), error_type)


def test_two_loops(transport: ModuleType) -> None:
    """A connection that was in use while another event loop took over the pool is closed, not kept."""

    async def call_in_other_loop(run: AsyncHttp) -> None:
        await check_success(run, build_request("call"))

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run, run.stream(build_request("events") | streamed) as items:
                assert isinstance(await anext(items), Success)
                await to_thread.run_sync(anyio.run, call_in_other_loop, run)
                assert len([item async for item in items]) == 2
                assert scenario.count_sockets() == count_idle_connections(run) == 1
            await scenario.wait_until_closed()

    run_with_timeout(body, "asyncio")
