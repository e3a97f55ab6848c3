"""The waits of tasks on asyncio and trio: what ends them, and what asyncio counts."""

import asyncio
import math
import socket
import threading
from typing import Any

import anyio
import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.waits.selection import TaskWaiter, get_waits
from tests.support.loopback import Loopback
from tests.support.pool_kinds import OK, build_get, build_send


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("seconds", [60, math.inf])
def test_waiter(backend: str, seconds: float) -> None:
    """The first of `set` and `set_soon` decides, before the wait or during it, from any thread."""

    async def body() -> None:
        for act, expected in ((_set, True), (_set_soon, True), (_cancel_soon, False)):
            early, late = get_waits().make_waiter(), get_waits().make_waiter()
            act(early)
            assert await early.wait(seconds) is expected
            early.set()
            early.set_soon(False)
            if act is _set:
                continue
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_check_wait, late, seconds, expected)
                await anyio.wait_all_tasks_blocked()
                await to_thread.run_sync(act, late)

    anyio.run(body, backend=backend)


async def _check_wait(waiter: TaskWaiter, seconds: float, expected: bool) -> None:
    assert await waiter.wait(seconds) is expected


def _set(waiter: TaskWaiter) -> None:
    waiter.set()


def _set_soon(waiter: TaskWaiter) -> None:
    waiter.set_soon()


def _cancel_soon(waiter: TaskWaiter) -> None:
    waiter.set_soon(False)


def test_waiter_of_an_ended_loop(backend: str) -> None:
    """A waiter of an event loop that has ended may be set: nobody waits for it any more."""

    async def make_waiter() -> TaskWaiter:
        return get_waits().make_waiter()

    waiter = anyio.run(make_waiter, backend=backend)
    waiter.set_soon()
    waiter.set_soon(False)


def test_time_limit(backend: str) -> None:
    """Waits for a waiter and for a socket end after their seconds."""

    async def body() -> None:
        assert not await get_waits().make_waiter().wait(0.001)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert not await get_waits().wait_for_socket(ours, 0.001, for_write=False)
            assert await get_waits().wait_for_socket(ours, math.inf, for_write=True)

    anyio.run(body, backend=backend)


def test_closed_from_another_loop(backend: str) -> None:
    """A pool that another event loop closes, in another thread, ends a wait for a connection with `Closed`."""

    async def body() -> None:
        if backend == "asyncio":
            asyncio.get_running_loop().set_debug(True)  # which checks the thread of each callback
        with Loopback(OK) as server:
            pool = AsyncPool(1)
            response = await _send(pool, server)
            assert not isinstance(response, EffectFailed)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_check_closed, pool, server)
                await anyio.wait_all_tasks_blocked()
                thread = threading.Thread(target=anyio.run, args=(_close, pool), kwargs={"backend": backend})
                thread.start()
            await to_thread.run_sync(thread.join)
            await response.aclose()

    anyio.run(body, backend=backend)


async def _close(pool: AsyncPool) -> None:
    pool.close()


async def _send(pool: AsyncPool, server: Loopback) -> Any:
    return await pool.send(build_send(build_get(server.url)))


async def _check_closed(pool: AsyncPool, server: Loopback) -> None:
    assert await _send(pool, server) == EffectFailed(Closed())


@pytest.mark.parametrize("how", ["timeout", "task group", "cancel"])
def test_asyncio_counts(how: str) -> None:
    """A wait that asyncio's own means end counts no cancellation too many or too few, and keeps no place."""

    async def body() -> None:
        with Loopback(OK) as server:
            pool = AsyncPool(1)
            response = await _send(pool, server)
            assert not isinstance(response, EffectFailed)
            this_task: Any = asyncio.current_task()
            await _END_WAIT[how](pool, server)
            assert this_task.cancelling() == 0
            await response.aclose()
            last = await _send(pool, server)
            assert not isinstance(last, EffectFailed)
            await last.aclose()
            pool.close()

    asyncio.run(body())


async def _end_by_timeout(pool: AsyncPool, server: Loopback) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await _send(pool, server)


async def _end_by_task_group(pool: AsyncPool, server: Loopback) -> None:
    async def fail() -> None:
        raise KeyError

    async def run_group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send(pool, server))
            tasks.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.create_task(run_group())  # the group of Python 3.11 leaves a count in its own task
    assert caught.group_contains(KeyError)


async def _end_by_cancel(pool: AsyncPool, server: Loopback) -> None:
    task = asyncio.create_task(_send(pool, server))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1


_END_WAIT = {"timeout": _end_by_timeout, "task group": _end_by_task_group, "cancel": _end_by_cancel}
