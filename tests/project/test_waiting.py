"""What tests wait with: rest instead of pauses, limits that grow, virtual time."""

import socket
import threading
import time

import anyio
import pytest

from tests.support.interrupting import interrupted
from tests.support.limits import LIMITS, patient
from tests.support.loopback import Hang, Loopback, Pause
from tests.support.quiet import is_stuck
from tests.support.virtual import run_virtually


def test_rest() -> None:
    """A server is at rest while it waits for its peer, and not while it is to do something of its own accord."""
    with Loopback([Pause(60), Hang()]) as server:
        server.wait_rest(0)
        for number, rests in ((1, False), (2, True)):
            with socket.create_connection(("127.0.0.1", server.port)) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                server.wait_requests(number)
                if rests:
                    server.wait_rest()
                assert rests == (server.at_rest() is not None)
            server.wait_rest(0)
        assert server.connections == 2


def test_rest_of_what_is_not_accepted_yet() -> None:
    """A connection that a server has still to accept is one that it has to do with."""
    with Loopback(Hang()) as server:
        for _ in range(50):
            socket.create_connection(("127.0.0.1", server.port)).close()
        server.wait_rest(0)
        assert server.connections == 50


def test_stuck() -> None:
    """A thread is stuck while the system keeps it, and not while it computes."""
    gate, ends = threading.Event(), threading.Event()

    def compute() -> None:
        while not ends.is_set():
            pass

    for target, stuck in ((gate.wait, True), (compute, False)):
        thread = threading.Thread(target=target)
        thread.start()
        while stuck and not is_stuck(thread):
            pass
        assert stuck or not is_stuck(thread)
        gate.set()
    ends.set()
    thread.join()


def test_interrupted() -> None:
    """What waits for a server is interrupted once the server waits, too."""
    with Loopback(Hang()) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        with pytest.raises(LookupError), interrupted(LookupError, server, 1):
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            sock.recv(1)


def test_patient() -> None:
    """A test is run with longer and longer limits until it holds; if none is long enough, it fails as with the last."""
    tried: list[float] = []

    def holds(least: float, limit: float) -> None:
        tried.append(limit)
        assert limit >= least

    patient(holds)(least=1.0)
    assert tried == [*LIMITS[:3]]
    with pytest.raises(AssertionError):
        patient(holds)(least=1e9)
    assert tried[3:] == [*LIMITS]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_virtual(backend: str) -> None:
    """An hour of virtual time takes none, tasks wake in the order of their times, and limits run out in it."""
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await anyio.sleep(seconds)
        woken.append(anyio.current_time() - began)

    async def body() -> None:
        nonlocal began
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for seconds in (1800.0, 0.5, 1799.0):
                tasks.start_soon(sleep, seconds)
        with anyio.move_on_after(900) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught

    began, before = 0.0, time.monotonic()
    run_virtually(body, backend)
    assert woken == pytest.approx([0.5, 1799.0, 1800.0], abs=0.1)
    assert time.monotonic() - before < 1800
