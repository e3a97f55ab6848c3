"""
Waits for sockets on asyncio, without a cancel scope: one future, and one timer if there is a time limit.

anyio's own wait begins with a further turn of the event loop, and its cancel scopes cost more than the wait.
"""

import asyncio
import math
import socket

import anyio


async def wait_on_asyncio(sock: socket.socket, seconds: float, *, for_write: bool) -> bool:
    """Wait until a socket is readable, or writable, for at most some seconds; returns whether it is."""
    loop = asyncio.get_running_loop()
    add, remove = (loop.add_writer, loop.remove_writer) if for_write else (loop.add_reader, loop.remove_reader)
    is_ready: asyncio.Future[bool] = loop.create_future()
    fd = sock.fileno()  # of a socket, the selector would build its repr
    try:
        add(fd, _set_result, is_ready, True)  # the arguments of a callback are positional
    except NotImplementedError:  # the default event loop of Windows, for which anyio has a thread
        return await _wait_in_thread(sock, seconds, for_write=for_write)
    timer = None if seconds == math.inf else loop.call_later(seconds, _set_result, is_ready, False)  # as above
    try:
        return await is_ready
    finally:
        remove(fd)
        if timer is not None:
            timer.cancel()


def _set_result(future: asyncio.Future[bool], value: bool) -> None:  # as above
    if not future.done():
        future.set_result(value)


async def _wait_in_thread(sock: socket.socket, seconds: float, *, for_write: bool) -> bool:
    with anyio.move_on_after(seconds) as scope:
        await (anyio.wait_writable if for_write else anyio.wait_readable)(sock)
    return not scope.cancelled_caught
