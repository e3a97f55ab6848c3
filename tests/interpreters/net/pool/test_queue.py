"""Lanes that many callers share: never more at once than there are, each in its turn, and none once they are closed."""

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
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.pool.sync_pool import PooledResponse, SyncPool
from tests.support.loopback import Loopback, Received, Reply
from tests.support.pool_kinds import IDS, OK, WORLDS, World, get


@pytest.fixture(params=WORLDS, ids=IDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(*request.param)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_wait_for_lane(world: World) -> None:
    """Waiting for a lane counts, and who gave up takes none."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes(1) as lanes:
                exchange = await lanes.open(get(server.url))
                lost = await lanes.open(get(server.url), within=0.02)
                assert lost == EffectFailed(TimedOut("total", "waiting for a free connection"))
                assert await exchange.whole() == b"ok"
                await exchange.close()
                assert await lanes.call(get(server.url)) == (200, b"ok")
            assert server.connections == 1

    world.run(body)


def test_closed(world: World) -> None:
    """Once closed, nothing opens; an exchange under way goes on, and its connection is closed after it."""

    async def body() -> None:
        with Loopback(OK) as server:
            lanes = world.lanes(2)
            exchange = await lanes.open(get(server.url))
            for _ in range(2):
                await lanes.close()
            assert await lanes.open(get(server.url)) == EffectFailed(Closed())
            assert await exchange.whole() == b"ok"
            await exchange.close()
            await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


class Crowd:
    """A server's answer that counts who is there at once; each stays until so many have come, or a moment."""

    def __init__(self, size: int) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(size)

    def __call__(self, received: Received) -> Reply:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(0.5)
        with self._lock:
            self.now -= 1
        return OK


def test_threads() -> None:
    """A hundred threads share eight lanes: never more at once, and no more connections than lanes."""
    crowd = Crowd(8)
    answers: list[Any] = []

    def work(lanes: SyncPool, url: str) -> None:
        for _ in range(4):
            deadline = time.monotonic() + 60
            exchange = lanes.send(get(url), deadline=deadline, connect_timeout=60)
            assert isinstance(exchange, PooledResponse)
            answers.append(exchange.read(deadline, "idle"))
            answers.append(exchange.read(deadline, "idle"))
            exchange.close()

    with Loopback(crowd) as server:
        lanes = SyncPool(8)
        threads = [threading.Thread(target=work, args=(lanes, server.url)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        lanes.close()
        assert server.connections <= 8
    assert sorted(answers) == [b""] * 400 + [b"ok"] * 400
    assert crowd.most == 8


def test_tasks(backend: str) -> None:
    """Six hundred calls, sixty-four at once, open sixty-four connections at most."""

    async def body() -> None:
        async def work() -> None:
            nonlocal left
            while left:
                left -= 1
                exchange = await lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
                assert not isinstance(exchange, EffectFailed)
                while await exchange.read(time.monotonic() + 60, "idle"):
                    pass
                await exchange.aclose()

        left = 600
        with Loopback(OK) as server:
            lanes = AsyncPool(64)
            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(work)
            await lanes.aclose()
            assert len(server.requests) == 600
            assert server.connections <= 64

    anyio.run(body, backend=backend)


def test_order(backend: str) -> None:
    """Who waits first is served first, and one that is cancelled in line holds up nobody."""

    async def body() -> None:
        served: list[int] = []
        scopes = [anyio.CancelScope() for _ in range(5)]

        async def work(number: int) -> None:
            with scopes[number]:
                exchange = await lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
                assert not isinstance(exchange, EffectFailed)
                served.append(number)
                await exchange.aclose()

        with Loopback(OK) as server:
            lanes = AsyncPool(1)
            first = await lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
            assert not isinstance(first, EffectFailed)
            async with anyio.create_task_group() as tasks:
                for number in range(5):
                    tasks.start_soon(work, number)
                    await anyio.wait_all_tasks_blocked()
                scopes[1].cancel()
                await first.aclose()
                scopes[3].cancel()
            await lanes.aclose()
        assert served == [0, 2, 4]

    anyio.run(body, backend=backend)


def test_close_wakes_callers_in_line(backend: str) -> None:
    """Who waits for a lane when all is closed is told so."""

    async def body() -> None:
        with Loopback(OK) as server:
            lanes = AsyncPool(1)
            exchange = await lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
            assert not isinstance(exchange, EffectFailed)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_expect, lanes, get(server.url), EffectFailed(Closed()))
                await anyio.wait_all_tasks_blocked()
                await lanes.aclose()
            await exchange.aclose()

    anyio.run(body, backend=backend)


async def _expect(lanes: AsyncPool, request: HttpRequest, expected: Any) -> None:
    assert await lanes.send(request, deadline=time.monotonic() + 60, connect_timeout=60) == expected
