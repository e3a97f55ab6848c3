"""Chooses how the calling task waits, by its event loop."""

import socket
from typing import Protocol

import anyio


class TaskWaiter(Protocol):
    """
    The event that one task waits for. It is made in the event loop of the task.

    `set` is called in the thread of the event loop; `set_soon` may be called anywhere. The first call decides.
    """

    def set(self) -> None:
        """End the wait: `wait` returns True."""

    def set_soon(self, value: bool = True) -> None:
        """Let the event loop end the wait, if it still runs: `wait` returns the value."""

    async def wait(self, seconds: float) -> bool:
        """Wait for at most some seconds; returns False after them. It is called once, and cancellation ends it."""
        ...


class TaskWaits(Protocol):
    """The functions of `asyncio_waits` and `trio_waits`."""

    def get_event_loop(self) -> object:
        """Return what identifies the event loop of the calling task."""

    async def wait_for_socket(self, sock: socket.socket, seconds: float, *, for_write: bool) -> bool:
        """Wait until a socket is readable, or writable, for at most some seconds; returns whether it is."""
        ...

    def make_waiter(self) -> TaskWaiter:
        """Make a waiter for the calling task."""
        ...


def get_waits() -> TaskWaits:
    """Return the functions for the event loop of the calling task."""
    if anyio.get_cancelled_exc_class().__module__.startswith("asyncio"):  # `is_asyncio`, without the call
        from genai_fn.interpreters.net.waits import asyncio_waits  # noqa: PLC0415  # trio needs no asyncio

        return asyncio_waits
    from genai_fn.interpreters.net.waits import trio_waits  # noqa: PLC0415  # asyncio needs no trio

    return trio_waits
