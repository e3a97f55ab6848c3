"""Many callers of one pool: the limit of connections, the order of waiting callers, and closing."""

import threading
import time
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, TimedOut
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.cancel_handle import CancelHandle
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.pool.sync_pool import PooledResponse, SyncPool
from tests.support.loopback import Loopback, ReceivedRequest, Reply
from tests.support.pool_kinds import OK, POOL_KIND_IDS, POOL_KINDS, PoolKind, build_get, build_send


@pytest.fixture(params=POOL_KINDS, ids=POOL_KIND_IDS)
def kind(request: pytest.FixtureRequest) -> PoolKind:
    return PoolKind(*request.param)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_wait_for_slot(kind: PoolKind) -> None:
    """Waiting for a slot counts towards the deadline, and a caller that gave up takes none."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with kind.make_pool(1) as pool:
                response = await pool.open(build_get(server.url))
                failed = await pool.open(build_get(server.url), timeout=0.02)
                assert failed == EffectFailed(TimedOut("total", "waiting for a free connection"))
                assert await response.read_all() == b"ok"
                await response.close()
                assert await pool.call(build_get(server.url)) == (200, b"ok")
            assert server.connections == 1

    kind.run(body)


def test_closed(kind: PoolKind) -> None:
    """A closed pool opens nothing; an open response stays readable, and then its connection is closed."""

    async def body() -> None:
        with Loopback(OK) as server:
            pool = kind.make_pool(2)
            response = await pool.open(build_get(server.url))
            for _ in range(2):
                await pool.close()
            assert await pool.open(build_get(server.url)) == EffectFailed(Closed())
            assert await response.read_all() == b"ok"
            await response.close()
            await to_thread.run_sync(server.wait_closed, 1)

    kind.run(body)


class ConcurrencyCounter:
    """A script that counts concurrent requests; each waits until `size` have arrived, or half a second."""

    def __init__(self, size: int) -> None:
        self.now = self.peak = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(size)

    def __call__(self, received: ReceivedRequest) -> Reply:
        with self._lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(0.5)
        with self._lock:
            self.now -= 1
        return OK


def test_threads() -> None:
    """A hundred threads share eight connections: never more requests at once, and never more connections."""
    counter = ConcurrencyCounter(8)
    answers: list[Any] = []

    def work(pool: SyncPool, url: str) -> None:
        for _ in range(4):
            deadline = time.monotonic() + 60
            response = pool.send(build_send(build_get(url)), CancelHandle())
            assert isinstance(response, PooledResponse)
            answers.append(response.read(deadline, "idle"))
            answers.append(response.read(deadline, "idle"))
            response.close()

    with Loopback(counter) as server:
        pool = SyncPool(8)
        threads = [threading.Thread(target=work, args=(pool, server.url)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        pool.close()
        assert server.connections <= 8
    assert sorted(answers) == [b""] * 400 + [b"ok"] * 400
    assert counter.peak == 8


def test_tasks(backend: str) -> None:
    """Six hundred calls of a hundred tasks open at most sixty-four connections."""

    async def body() -> None:
        async def work() -> None:
            nonlocal remaining
            while remaining:
                remaining -= 1
                response = await pool.send(build_send(build_get(server.url)))
                assert not isinstance(response, EffectFailed)
                while await response.read(time.monotonic() + 60, "idle"):
                    pass
                await response.aclose()

        remaining = 600
        with Loopback(OK) as server:
            pool = AsyncPool(64)
            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(work)
            pool.close()
            assert len(server.requests) == 600
            assert server.connections <= 64

    anyio.run(body, backend=backend)


def test_order(backend: str) -> None:
    """Waiting callers are served in order; one that is cancelled does not block the others."""

    async def body() -> None:
        order: list[int] = []
        scopes = [anyio.CancelScope() for _ in range(5)]

        async def work(number: int) -> None:
            with scopes[number]:
                response = await pool.send(build_send(build_get(server.url)))
                assert not isinstance(response, EffectFailed)
                order.append(number)
                await response.aclose()

        with Loopback(OK) as server:
            pool = AsyncPool(1)
            first = await pool.send(build_send(build_get(server.url)))
            assert not isinstance(first, EffectFailed)
            async with anyio.create_task_group() as tasks:
                for number in range(5):
                    tasks.start_soon(work, number)
                    await anyio.wait_all_tasks_blocked()
                scopes[1].cancel()
                await first.aclose()
                scopes[3].cancel()
            pool.close()
        assert order == [0, 2, 4]

    anyio.run(body, backend=backend)


def test_close_wakes_waiting_callers(backend: str) -> None:
    """Callers that wait for a slot while the pool is closed get `Closed`."""

    async def body() -> None:
        with Loopback(OK) as server:
            pool = AsyncPool(1)
            response = await pool.send(build_send(build_get(server.url)))
            assert not isinstance(response, EffectFailed)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_check_result, pool, build_get(server.url), EffectFailed(Closed()))
                await anyio.wait_all_tasks_blocked()
                pool.close()
            await response.aclose()

    anyio.run(body, backend=backend)


async def _check_result(pool: AsyncPool, request: HttpRequest, expected: Any) -> None:
    assert await pool.send(build_send(request)) == expected
