"""A live session's connection to a function in this process. It uses no network."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from genai_fn.interpreters.live.sockets import CloseStatus
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE


class MemorySocket:
    """
    A `MessageSocket` that calls a function with each client message; the function returns the server's messages.

    A `CloseStatus` among them closes the connection. Pings and the closing handshake succeed at once.
    """

    def __init__(self, respond: Callable[[Any], Iterable[Any]]) -> None:
        self.bytes_transferred = 0
        self._respond = respond
        self._messages: deque[Any] = deque()
        self._message_event = anyio.Event()
        self._is_over = False

    def send_now(self, data: Any) -> bool:  # the signature of a `MessageSocket`
        """Return False: the function is called by `send` only."""
        return False

    async def send(self, data: Any) -> bool:
        """Call the function with a message, and queue what it returns; returns False if the connection is closed."""
        await checkpoint()
        if self._is_over:
            return False
        for message in self._respond(data):
            self._add_message(message)
        return True

    async def receive(self) -> Any:
        """Return the next message, or the `CloseStatus`."""
        await checkpoint()
        while not self._messages:
            self._message_event = anyio.Event()
            await self._message_event.wait()
        return self._messages.popleft()

    async def ping(self) -> None:
        """Return at once, as if a pong had arrived."""
        await checkpoint()

    async def close(self) -> None:
        """Close with code 1000."""
        await checkpoint()
        self._add_message(CloseStatus(1000))

    def abort(self) -> None:
        """Close with code 1006."""
        self._add_message(CloseStatus(ABNORMAL_CLOSURE))

    def _add_message(self, message: Any) -> None:
        if not self._is_over:
            self._is_over = isinstance(message, CloseStatus)
            self._messages.append(message)
            self._message_event.set()
