"""
Waits on asyncio, without a cancel scope: one future, and what all waits of an event loop share.

anyio's own wait for a socket begins with a further turn of the event loop, and its cancel scopes cost more than the
wait.
"""

import asyncio
import math
import select
import socket
from contextlib import suppress

import anyio

from genai_fn.interpreters.net.waits.asyncio_polling import POLLERS, TIME_LIMITS, set_result


async def wait_for_socket(sock: socket.socket, seconds: float, *, for_write: bool) -> bool:
    """Wait until a socket is readable, or writable, for at most some seconds; returns whether it is."""
    loop = asyncio.get_running_loop()
    is_ready: asyncio.Future[bool] = loop.create_future()
    fd = sock.fileno()  # of a socket, the selector would build its repr
    if not HAS_EPOLL:
        return await _wait_with_selector(sock, fd, is_ready, seconds, for_write=for_write)
    poller = POLLERS.get(loop)
    try:
        poller.watch(fd, is_ready, for_write=for_write)
        return await _wait_for_result(is_ready, seconds)
    finally:
        poller.forget(fd, is_ready, for_write=for_write)


HAS_EPOLL = hasattr(select, "epoll")
"""Whether this is Linux, where sockets stay registered between waits."""


async def _wait_with_selector(
    sock: socket.socket, fd: int, is_ready: asyncio.Future[bool], seconds: float, *, for_write: bool
) -> bool:
    loop = asyncio.get_running_loop()
    add, remove = (loop.add_writer, loop.remove_writer) if for_write else (loop.add_reader, loop.remove_reader)
    try:
        add(fd, set_result, is_ready, True)  # the arguments of a callback are positional
    except NotImplementedError:  # the default event loop of Windows, for which anyio has a thread
        return await _wait_in_thread(sock, seconds, for_write=for_write)
    try:
        return await _wait_for_result(is_ready, seconds)
    finally:
        remove(fd)


async def _wait_in_thread(sock: socket.socket, seconds: float, *, for_write: bool) -> bool:
    with anyio.move_on_after(seconds) as scope:
        await (anyio.wait_writable if for_write else anyio.wait_readable)(sock)
    return not scope.cancelled_caught


class _AsyncioWaiter:
    """A `TaskWaiter`. The cancellation of its task cancels the future, which then takes no result any more."""

    __slots__ = ("_future", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[bool] = self._loop.create_future()

    def set(self) -> None:
        set_result(self._future, True)

    def set_soon(self, value: bool = True) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(set_result, self._future, value)

    async def wait(self, seconds: float) -> bool:
        return await _wait_for_result(self._future, seconds)


make_waiter = _AsyncioWaiter
get_event_loop = asyncio.get_running_loop


async def _wait_for_result(outcome: asyncio.Future[bool], seconds: float) -> bool:
    """Wait for the result of a future, False after some seconds."""
    if seconds == math.inf:
        return await outcome
    limits = TIME_LIMITS.get(outcome.get_loop())
    limits.add(outcome, seconds)
    try:
        return await outcome
    finally:
        limits.discard_one()
