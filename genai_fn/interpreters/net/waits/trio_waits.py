"""Waits on trio, with one cancel scope of trio itself: anyio adds another object, and a lookup, to each."""

import socket
from contextlib import suppress

import trio


async def wait_for_socket(sock: socket.socket, seconds: float, *, for_write: bool) -> bool:
    """Wait until a socket is readable, or writable, for at most some seconds; returns whether it is."""
    wait = trio.lowlevel.wait_writable if for_write else trio.lowlevel.wait_readable
    with trio.CancelScope(deadline=trio.current_time() + seconds) as scope:
        await wait(sock.fileno())
    return not scope.cancelled_caught


class _TrioWaiter:
    """A `TaskWaiter`."""

    __slots__ = ("_event", "_result", "_token")

    def __init__(self) -> None:
        self._event = trio.Event()
        self._result: bool | None = None
        self._token = trio.lowlevel.current_trio_token()

    def set(self) -> None:
        self._set_result(True)

    def set_soon(self, value: bool = True) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._set_result, value)

    def _set_result(self, value: bool) -> None:
        if self._result is None:
            self._result = value
            self._event.set()

    async def wait(self, seconds: float) -> bool:
        with trio.CancelScope(deadline=trio.current_time() + seconds):
            await self._event.wait()
        return self._result is True


make_waiter = _TrioWaiter
get_event_loop = trio.lowlevel.current_trio_token
