"""Pools and responses closed, aborted or cancelled while in use, from any thread, task or event loop."""

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
from genai_fn.interpreters.executors.cancel_handle import CancelHandle
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.pool.sync_pool import PooledResponse, SyncPool
from genai_fn.interpreters.net.socket import NonBlockingSocket
from tests.support.loopback import Hang, Loopback, Reply, Send, encode_chunk, encode_head
from tests.support.pool_kinds import (
    CHUNKED,
    OK,
    POOL_KIND_IDS,
    POOL_KINDS,
    PoolKind,
    build_get,
    build_send,
    make_trusting_context,
)


@pytest.fixture(params=POOL_KINDS, ids=POOL_KIND_IDS)
def kind(request: pytest.FixtureRequest) -> PoolKind:
    return PoolKind(*request.param)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


# Closing from another thread or task


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_close_from_thread(tls: bool) -> None:
    """Closing a response from another thread ends a pending read with `Closed`."""
    with Loopback([(Send(encode_head(200, CHUNKED)), Hang())], tls=tls) as server:
        pool = SyncPool(1, ssl_context=make_trusting_context(server))
        response = pool.send(build_send(build_get(server.url)), CancelHandle())
        assert isinstance(response, PooledResponse)
        closer = threading.Timer(0.02, response.close)
        closer.start()
        failed = response.read(time.monotonic() + 60, "idle")
        closer.join()
        assert failed == EffectFailed(Closed("the response was closed", sent=True))
        assert response.read(time.monotonic() + 60, "idle") == failed
        server.wait_closed(1)
        pool.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("how", ["thread", "task", "done"])
def test_closed_from_another_task(backend: str, how: str, tls: bool) -> None:
    """Aborting or closing a response from another thread or task ends a pending read with `Closed`."""

    async def body() -> None:
        with Loopback([(Send(encode_head(200, CHUNKED) + encode_chunk(b"a")), Hang())], tls=tls) as server:
            pool = AsyncPool(1, ssl_context=make_trusting_context(server))
            response = await pool.send(build_send(build_get(server.url)))
            assert not isinstance(response, EffectFailed)
            assert await response.read(time.monotonic() + 60, "idle") == b"a"

            async def end_response() -> None:
                await anyio.wait_all_tasks_blocked()
                if how == "thread":
                    await to_thread.run_sync(response.abort)
                elif how == "task":
                    response.abort()
                else:
                    await response.aclose()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(end_response)
                failed = await response.read(time.monotonic() + 60, "idle")
            assert failed == EffectFailed(Closed("the response was closed", sent=True))
            await response.aclose()
            await to_thread.run_sync(server.wait_closed, 1)
            pool.close()

    anyio.run(body, backend=backend)


def test_closed_while_data_arrives(backend: str) -> None:
    """A chunk that arrives while the response is closed is dropped, and no async generator is left unfinished."""

    async def body() -> None:
        with Loopback([(Send(encode_head(200, CHUNKED) + encode_chunk(b"a")), Hang())]) as server:
            pool = AsyncPool(1)
            response = await pool.send(build_send(build_get(server.url)))
            assert not isinstance(response, EffectFailed)
            assert await response.read(time.monotonic() + 60, "idle") == b"a"
            sock = response._connection.socket

            async def end_response() -> None:
                await anyio.wait_all_tasks_blocked()
                server_end.sendall(encode_chunk(b"b"))
                await response.aclose()

            client_end, server_end = socket.socketpair()
            with server_end, sock.sock:
                client_end.setblocking(False)
                sock.sock, old = client_end, sock.sock
                old.close()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(end_response)
                    failed = await response.read(time.monotonic() + 60, "idle")
                assert failed == EffectFailed(Closed("the response was closed", sent=True))
            pool.close()

    anyio.run(body, backend=backend)


def test_several_event_loops() -> None:
    """An async pool may be used in one event loop after another, and drops the connections of the last one."""
    with Loopback(OK) as server:
        pool = AsyncPool(2)

        async def body() -> None:
            for _ in range(2):
                response = await pool.send(build_send(build_get(server.url)))
                assert not isinstance(response, EffectFailed)
                assert await response.read(time.monotonic() + 60, "idle") == b"ok"
                assert await response.read(time.monotonic() + 60, "idle") == b""
                await response.aclose()

        for backend in ("asyncio", "asyncio", "trio", "asyncio"):
            anyio.run(body, backend=backend)
        pool.close()
        server.wait_closed(4)
        assert server.connections == 4


# Cancellation


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_cancelled_anywhere(backend: str, tls: bool, thin: Any) -> None:
    """
    A call that is cancelled at any point closes its socket and releases its slot.

    Each case tries every third point, and those beside it the others; ``python tasks.py faults`` tries all.
    """

    async def body() -> None:
        with Loopback(Reply(body=(b"a", b"b")), tls=tls) as server:
            pool = AsyncPool(2, ssl_context=make_trusting_context(server))
            request = HttpRequest("POST", server.url.replace("127.0.0.1", "localhost"), body=(b"a", b"b"))
            completed = tried = 0
            for k in thin(range(100_000)):
                if k > 60 and completed:  # how far a call gets in k rounds of the loop depends on the machine
                    break
                completed += await _cancel_after(k, pool, request)
                tried += 1
                pool.close()
                await to_thread.run_sync(server.wait_until_idle, 0)
                pool = AsyncPool(2, ssl_context=make_trusting_context(server))
            assert completed < tried

    descriptor_count = count_descriptors()
    anyio.run(body, backend=backend)
    assert count_descriptors() == descriptor_count


async def _cancel_after(checkpoints: int, pool: AsyncPool, request: HttpRequest) -> bool:
    """Cancel a call at one of its checkpoints, and check that the pool still works; return whether it completed."""
    completed = False

    async def call() -> bool:
        with anyio.fail_after(60):
            response = await pool.send(build_send(request, needs_new_connection=checkpoints % 2 == 1))
            assert not isinstance(response, EffectFailed)
            try:
                while await response.read(time.monotonic() + 60, "idle"):
                    pass
            finally:
                await response.aclose()
        return True

    async def run_cancellable(scope: anyio.CancelScope) -> None:
        nonlocal completed
        with scope:
            completed = await call()

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_cancellable, scope)
        for _ in range(checkpoints):
            await checkpoint()
            if checkpoints % 3 == 0:
                await anyio.sleep(0.0005)
        scope.cancel()
    for _ in range(3):
        assert await call()
    return completed


def test_cancelled_in_body(kind: PoolKind) -> None:
    """A cancelled read closes the connection."""
    if kind.is_sync:
        pytest.skip("threads are not cancelled")

    async def body() -> None:
        with Loopback([(Send(encode_head(200, CHUNKED) + encode_chunk(b"a")), Hang()), OK]) as server:
            async with kind.make_pool(1) as pool:
                response = await pool.open(build_get(server.url))
                assert await response.read() == b"a"
                with anyio.move_on_after(0.01) as scope:
                    await response.read()
                assert scope.cancelled_caught
                assert isinstance((await response.read()).error, Disconnected)
                await to_thread.run_sync(server.wait_closed, 1)
                await response.close()
                assert await pool.call(build_get(server.url)) == (200, b"ok")

    kind.run(body)


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt is raised, and leaves neither an open socket nor a used slot."""

    def interrupt(sock: NonBlockingSocket, size: int) -> Any:
        raise KeyboardInterrupt

    with Loopback(OK) as server:
        pool = SyncPool(1)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(NonBlockingSocket, "read", interrupt)
            pool.send(build_send(build_get(server.url)), CancelHandle())
        server.wait_closed(1)
        response = pool.send(build_send(build_get(server.url)), CancelHandle())
        assert isinstance(response, PooledResponse)
        response.close()
        pool.close()


def count_descriptors() -> int:
    """Count the open file descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
