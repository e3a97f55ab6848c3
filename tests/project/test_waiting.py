"""The helpers that wait: for idle threads, with growing limits, and in virtual time."""

import socket
import threading
import time

import anyio
import pytest

from tests.support.idle_threads import is_blocked
from tests.support.interrupts import interrupt_when_idle
from tests.support.limits import LIMITS, retry_with_longer_limits
from tests.support.loopback import Hang, Loopback, Pause
from tests.support.virtual_time import run_virtually


def test_idle_server() -> None:
    """A server is idle while it waits for its peer, and not while it waits for a timer of its own."""
    with Loopback([Pause(60), Hang()]) as server:
        server.wait_until_idle(0)
        for number, is_idle in ((1, False), (2, True)):
            with socket.create_connection(("127.0.0.1", server.port)) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                server.wait_requests(number)
                if is_idle:
                    server.wait_until_idle()
                assert is_idle == (server.get_idle_waits() is not None)
            server.wait_until_idle(0)
        assert server.connections == 2


def test_server_with_pending_connections() -> None:
    """A server is not idle before it has accepted all connections."""
    with Loopback(Hang()) as server:
        for _ in range(50):
            socket.create_connection(("127.0.0.1", server.port)).close()
        server.wait_until_idle(0)
        assert server.connections == 50


def test_is_blocked() -> None:
    """A thread is blocked while it waits in a system call, and not while it computes."""
    gate, ends = threading.Event(), threading.Event()

    def compute() -> None:
        while not ends.is_set():
            pass

    for target, expected in ((gate.wait, True), (compute, False)):
        thread = threading.Thread(target=target)
        thread.start()
        while expected and not is_blocked(thread):
            pass
        assert expected or not is_blocked(thread)
        gate.set()
    ends.set()
    thread.join()


def test_interrupt_when_idle() -> None:
    """A thread that waits for a server is interrupted once the server waits, too."""
    with Loopback(Hang()) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        with pytest.raises(LookupError), interrupt_when_idle(LookupError, server, 1):
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            sock.recv(1)


def test_retry_with_longer_limits() -> None:
    """A test is run with longer and longer limits until it passes; if it never does, it fails as with the longest."""
    limits: list[float] = []

    def check_limit(minimum: float, limit: float) -> None:
        limits.append(limit)
        assert limit >= minimum

    retry_with_longer_limits(check_limit)(minimum=1.0)
    assert limits == [*LIMITS[:3]]
    with pytest.raises(AssertionError):
        retry_with_longer_limits(check_limit)(minimum=1e9)
    assert limits[3:] == [*LIMITS]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_virtual_time(backend: str) -> None:
    """In virtual time, an hour passes at once, tasks wake in the order of their times, and timeouts expire."""
    wake_times: list[float] = []

    async def sleep(seconds: float) -> None:
        await anyio.sleep(seconds)
        wake_times.append(anyio.current_time() - start)

    async def body() -> None:
        nonlocal start
        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for seconds in (1800.0, 0.5, 1799.0):
                tasks.start_soon(sleep, seconds)
        with anyio.move_on_after(900) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught

    start, before = 0.0, time.monotonic()
    run_virtually(body, backend)
    assert wake_times == pytest.approx([0.5, 1799.0, 1800.0], abs=0.1)
    assert time.monotonic() - before < 1800
