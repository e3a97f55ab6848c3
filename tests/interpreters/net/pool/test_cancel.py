"""Lanes that are closed, cut or cancelled while they are in use, from any thread, task or event loop."""

import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from anyio.lowlevel import checkpoint

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, Disconnected
from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.pool.sync_pool import PooledResponse, SyncPool
from genai_fn.interpreters.net.socket import NonBlockingSocket
from tests.support.loopback import Hang, Loopback, Reply, Send, chunk, head
from tests.support.pool_kinds import CHUNKED, IDS, OK, WORLDS, World, get, trusting


@pytest.fixture(params=WORLDS, ids=IDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(*request.param)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


# From elsewhere


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_close_from_thread(tls: bool) -> None:
    """Closing from another thread wakes the reader, which learns that it was closed."""
    with Loopback([(Send(head(200, CHUNKED)), Hang())], tls=tls) as server:
        lanes = SyncPool(1, ssl_context=trusting(server))
        exchange = lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
        assert isinstance(exchange, PooledResponse)
        closer = threading.Timer(0.02, exchange.close)
        closer.start()
        lost = exchange.read(time.monotonic() + 60, "idle")
        closer.join()
        assert lost == EffectFailed(Closed("the response was closed", sent=True))
        assert exchange.read(time.monotonic() + 60, "idle") == lost
        server.wait_closed(1)
        lanes.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("how", ["thread", "task", "done"])
def test_cut_from_elsewhere(backend: str, how: str, tls: bool) -> None:
    """Cutting from another thread or task, or being done with it there, wakes the reader."""

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED) + chunk(b"a")), Hang())], tls=tls) as server:
            lanes = AsyncPool(1, ssl_context=trusting(server))
            exchange = await lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
            assert not isinstance(exchange, EffectFailed)
            assert await exchange.read(time.monotonic() + 60, "idle") == b"a"

            async def elsewhere() -> None:
                await anyio.wait_all_tasks_blocked()
                if how == "thread":
                    await to_thread.run_sync(exchange.abort)
                elif how == "task":
                    exchange.abort()
                else:
                    await exchange.aclose()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(elsewhere)
                lost = await exchange.read(time.monotonic() + 60, "idle")
            assert lost == EffectFailed(Closed("the response was closed", sent=True))
            await exchange.aclose()
            await to_thread.run_sync(server.wait_closed, 1)
            await lanes.aclose()

    anyio.run(body, backend=backend)


def test_cut_as_data_come(backend: str) -> None:
    """A piece that comes in the moment of a cut is dropped, and nothing of the transport is left hanging."""

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED) + chunk(b"a")), Hang())]) as server:
            lanes = AsyncPool(1)
            exchange = await lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
            assert not isinstance(exchange, EffectFailed)
            assert await exchange.read(time.monotonic() + 60, "idle") == b"a"
            wire = exchange._connection.socket

            async def elsewhere() -> None:
                await anyio.wait_all_tasks_blocked()
                far.sendall(chunk(b"b"))
                await exchange.aclose()

            near, far = socket.socketpair()
            with far, wire.sock:
                near.setblocking(False)
                wire.sock, old = near, wire.sock
                old.close()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(elsewhere)
                    lost = await exchange.read(time.monotonic() + 60, "idle")
                assert lost == EffectFailed(Closed("the response was closed", sent=True))
            await lanes.aclose()

    anyio.run(body, backend=backend)


def test_loops() -> None:
    """Async lanes may be used in one event loop after another; what the last one left is forgotten."""
    with Loopback(OK) as server:
        lanes = AsyncPool(2)

        async def body() -> None:
            for _ in range(2):
                exchange = await lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
                assert not isinstance(exchange, EffectFailed)
                assert await exchange.read(time.monotonic() + 60, "idle") == b"ok"
                assert await exchange.read(time.monotonic() + 60, "idle") == b""
                await exchange.aclose()

        for backend in ("asyncio", "asyncio", "trio", "asyncio"):
            anyio.run(body, backend=backend)
        anyio.run(lanes.aclose)
        server.wait_closed(4)
        assert server.connections == 4


# Cancellation


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_cancelled_anywhere(backend: str, tls: bool) -> None:
    """Wherever a call is cancelled, its socket is closed and its lane is free."""

    async def body() -> None:
        with Loopback(Reply(body=(b"a", b"b")), tls=tls) as server:
            lanes = AsyncPool(2, ssl_context=trusting(server))
            request = HttpRequest("POST", server.url.replace("127.0.0.1", "localhost"), body=(b"a", b"b"))
            k = completed = 0
            while k < 61 or not completed:  # how far a call gets in so many rounds of the loop is the machine's affair
                completed += await _cancelled_after(k, lanes, request)
                k += 1
                await lanes.aclose()
                await to_thread.run_sync(server.wait_rest, 0)
                lanes = AsyncPool(2, ssl_context=trusting(server))
            assert completed < k

    before = descriptors()
    anyio.run(body, backend=backend)
    assert descriptors() == before


async def _cancelled_after(checkpoints: int, lanes: AsyncPool, request: HttpRequest) -> bool:
    """Cancel a call at one of its checkpoints, and see that the lanes still serve; tells whether it completed."""
    completed = False

    async def call() -> bool:
        with anyio.fail_after(60):
            exchange = await lanes.send(
                request, deadline=time.monotonic() + 60, connect_timeout=60, needs_new_connection=checkpoints % 2 == 1
            )
            assert not isinstance(exchange, EffectFailed)
            try:
                while await exchange.read(time.monotonic() + 60, "idle"):
                    pass
            finally:
                await exchange.aclose()
        return True

    async def cancelled(scope: anyio.CancelScope) -> None:
        nonlocal completed
        with scope:
            completed = await call()

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancelled, scope)
        for _ in range(checkpoints):
            await checkpoint()
            if checkpoints % 3 == 0:
                await anyio.sleep(0.0005)
        scope.cancel()
    for _ in range(3):
        assert await call()
    return completed


def test_cancelled_in_body(world: World) -> None:
    """A read that is cancelled closes the connection."""
    if world.is_sync:
        pytest.skip("threads are not cancelled")

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED) + chunk(b"a")), Hang()), OK]) as server:
            async with world.lanes(1) as lanes:
                exchange = await lanes.open(get(server.url))
                assert await exchange.read() == b"a"
                with anyio.move_on_after(0.01) as scope:
                    await exchange.read()
                assert scope.cancelled_caught
                assert isinstance((await exchange.read()).error, Disconnected)
                await to_thread.run_sync(server.wait_closed, 1)
                await exchange.close()
                assert await lanes.call(get(server.url)) == (200, b"ok")

    world.run(body)


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt passes through, and leaves neither a socket nor a place taken."""

    def interrupt(wire: NonBlockingSocket, size: int) -> Any:
        raise KeyboardInterrupt

    with Loopback(OK) as server:
        lanes = SyncPool(1)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(NonBlockingSocket, "read", interrupt)
            lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
        server.wait_closed(1)
        exchange = lanes.send(get(server.url), deadline=time.monotonic() + 60, connect_timeout=60)
        assert isinstance(exchange, PooledResponse)
        exchange.close()
        lanes.close()


def descriptors() -> int:
    """Count this process's open descriptors."""
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
