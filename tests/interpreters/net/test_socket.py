"""A connected socket of a task, without HTTP over it."""

import ssl
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio import to_thread

from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.connect.connection import (
    ConnectConfig,
    ConnectionSetupError,
    open_connection,
    parse_target,
)
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError
from tests.support.loopback import ConnectProxy, Hang, Loopback, Reply, Reset, Send, reserve_refusing_port

OK = Reply(body=b"ok")


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


async def connect(url: str, config: ConnectConfig) -> NonBlockingSocket:
    """Open a connection in this task."""
    return await perform_steps(open_connection(parse_target(url), config))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_socket(backend: str, tls: bool) -> None:
    """A connected socket reads and writes, with and without a proxy, until either side closes it."""

    async def body() -> None:
        with Loopback([OK, OK, Reset()], tls=tls) as server, ConnectProxy() as proxy:
            address, context = f"http://127.0.0.1:{proxy.port}", ssl.create_default_context()
            server.ca.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] - names pyOpenSSL too
            sock = await connect(server.url, ConnectConfig(proxy=address, ssl_context=context))
            await perform_steps(sock.write(b"GET / HTTP/1.1\r\n\r\n"))
            assert (await perform_steps(sock.read(1 << 16))).startswith(b"HTTP/1.1 200 OK")
            sock.close()
            with pytest.raises(SocketClosedError):
                await perform_steps(sock.read(1))
            direct = await connect(server.url, ConnectConfig(ssl_context=context))
            await perform_steps(direct.write(b"GET / HTTP/1.1\r\n\r\n"))
            assert await perform_steps(direct.read(4)) + await perform_steps(direct.read(4)) == b"HTTP/1.1"
            while not (await perform_steps(direct.read(1 << 16))).endswith(b"ok"):
                pass
            await perform_steps(direct.write(b"GET / HTTP/1.1\r\n\r\n"))
            with suppress(OSError):
                assert await perform_steps(direct.read(1)) == b""
            direct.close()

    anyio.run(body, backend=backend)


def test_socket_both_ways(backend: str) -> None:
    """A socket can be read and written by two tasks, and closing it ends a pending read."""

    async def body() -> None:
        with Loopback([(Send(b"first"), Hang())]) as server:
            sock = await connect(server.url, ConnectConfig())
            async with anyio.create_task_group() as tasks:
                has_read = anyio.Event()
                tasks.start_soon(_read_until_closed, sock, has_read)
                await anyio.wait_all_tasks_blocked()
                await perform_steps(sock.write(b"GET / HTTP/1.1\r\n\r\n"))
                await to_thread.run_sync(server.wait_requests, 1)
                await has_read.wait()
                await anyio.wait_all_tasks_blocked()
                sock.close()

    anyio.run(body, backend=backend)


async def _read_until_closed(sock: NonBlockingSocket, has_read: anyio.Event) -> None:
    assert await perform_steps(sock.read(1 << 16)) == b"first"
    has_read.set()
    assert await perform_steps(sock.read(1 << 16)) == b""


def test_refused_socket(backend: str) -> None:
    """A refused connection raises `ConnectionSetupError`, in a task as in a thread."""

    async def body() -> None:
        with reserve_refusing_port() as port, pytest.raises(ConnectionSetupError, match="refused"):
            await connect(f"http://127.0.0.1:{port}", ConnectConfig())

    anyio.run(body, backend=backend)
