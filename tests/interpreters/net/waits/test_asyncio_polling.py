"""What all waits in one asyncio event loop share: the epoll, and the timer."""

import asyncio
import gc
import math
import socket
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from genai_fn.interpreters.net.waits import asyncio_waits
from genai_fn.interpreters.net.waits.asyncio_waits import make_waiter, wait_for_socket

_LONG = 3600.0


@pytest.fixture(params=[True, False], autouse=True)
def _has_epoll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With epoll where there is one, and without it."""
    monkeypatch.setattr(asyncio_waits, "HAS_EPOLL", asyncio_waits.HAS_EPOLL and request.param)


def _run_with_pair(body: Callable[[socket.socket, socket.socket], Coroutine[Any, Any, None]]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        asyncio.run(body(ours, theirs))


def _fill(sock: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        while True:
            sock.send(bytes(1 << 16))


@pytest.mark.parametrize("is_read_first", [True, False])
def test_reader_and_writer(is_read_first: bool) -> None:
    """Two tasks wait for one socket, to read and to write; the end of one wait does not end the other."""

    async def body(ours: socket.socket, theirs: socket.socket) -> None:
        _fill(ours)
        reading = asyncio.create_task(wait_for_socket(ours, _LONG, for_write=False))
        writing = asyncio.create_task(wait_for_socket(ours, _LONG, for_write=True))
        for is_read in (is_read_first, not is_read_first):
            await asyncio.sleep(0)
            if is_read:
                theirs.send(b"x")
                assert await reading
            else:
                theirs.setblocking(False)
                with pytest.raises(BlockingIOError):
                    while True:
                        theirs.recv(1 << 20)
                assert await writing
            assert reading.done() or writing.done()

    _run_with_pair(body)


def test_again() -> None:
    """A socket is waited for again: after bytes that nobody has read, after a time limit, and after a cancellation."""

    async def body(ours: socket.socket, theirs: socket.socket) -> None:
        assert not await wait_for_socket(ours, 0.001, for_write=False)
        cancelled = asyncio.create_task(wait_for_socket(ours, _LONG, for_write=False))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        theirs.send(b"x")
        await asyncio.sleep(0.001)  # the event that nobody waits for
        assert await wait_for_socket(ours, _LONG, for_write=False)
        assert await wait_for_socket(ours, _LONG, for_write=False)
        ours.recv(1)
        assert not await wait_for_socket(ours, 0.001, for_write=False)

    _run_with_pair(body)


def test_same_file_descriptor() -> None:
    """A socket that has the file descriptor of one that was closed is waited for as any other."""

    async def body(ours: socket.socket, theirs: socket.socket) -> None:
        assert not await wait_for_socket(ours, 0.001, for_write=False)
        number = ours.fileno()
        ours.close()
        again, other = socket.socketpair()
        with again, other:
            assert again.fileno() == number
            assert not await wait_for_socket(again, 0.001, for_write=False)
            other.send(b"x")
            assert await wait_for_socket(again, _LONG, for_write=False)

    _run_with_pair(body)


def test_shorter_time_limit_ends_first() -> None:
    """Waits with short time limits end while one with a longer limit, which began before or after them, goes on."""

    async def body() -> None:
        waiters = [make_waiter() for _ in range(5)]
        limits = (0.002, _LONG, 0.001, 2 * _LONG, 0.001)
        waits = [asyncio.create_task(each.wait(limit)) for each, limit in zip(waiters, limits, strict=True)]
        await asyncio.wait([waits[0], waits[2], waits[4]])
        assert [each.done() for each in waits] == [True, False, True, False, True]
        for each in waiters:
            each.set()
        assert await asyncio.gather(*waits) == [False, True, False, True, False]

    asyncio.run(body())


def test_waits_that_are_over_take_no_memory() -> None:
    """However many waits end before their time limits, only some of them are kept until then."""

    async def body() -> None:
        for _ in range(2000):
            waiter = make_waiter()
            waiter.set()
            await waiter.wait(_LONG)
        assert sum(isinstance(each, asyncio.Future) for each in gc.get_objects()) <= 300

    asyncio.run(body())


@pytest.mark.parametrize("seconds", [_LONG, math.inf])
def test_closed_loop_is_collected(seconds: float) -> None:
    """An event loop is garbage once it is closed, although some time limits of its waits have not passed."""

    def run_in_loop(ours: socket.socket) -> weakref.ref[asyncio.AbstractEventLoop]:
        loop = asyncio.new_event_loop()

        async def body() -> None:
            assert not await wait_for_socket(ours, 0.001, for_write=False)
            waiting = wait_for_socket(ours, seconds, for_write=False)
            waiting.send(None)
            waiting.close()

        loop.run_until_complete(body())
        loop.close()
        return weakref.ref(loop)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        reference = run_in_loop(ours)
        gc.collect()
        assert reference() is None
