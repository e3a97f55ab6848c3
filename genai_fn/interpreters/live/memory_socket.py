"""A live session's connection to a function in this process, in the place of the network."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from genai_fn.interpreters.live.sockets import CloseStatus
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE

__all__ = ["MemorySocket"]


class MemorySocket:
    """
    Gives what a function answers to each message, in order; an `Ending` among the answers is the last.

    What is not bytes weighs nothing. The peer is always alive, and says goodbye at once.
    """

    def __init__(self, answer: Callable[[Any], Iterable[Any]]) -> None:
        self.bytes_transferred = 0
        self._respond = answer
        self._messages: deque[Any] = deque()
        self._message_event = anyio.Event()
        self._is_over = False

    async def send(self, data: Any) -> bool:
        """Hand over one message."""
        await checkpoint()
        if self._is_over:
            return False
        for each in self._respond(data):
            self._add_message(each)
        return True

    async def receive(self) -> Any:
        """Give the next message, or the `Ending`."""
        await checkpoint()
        while not self._messages:
            self._message_event = anyio.Event()
            await self._message_event.wait()
        return self._messages.popleft()

    async def ping(self) -> None:
        """Be alive."""
        await checkpoint()

    async def close(self) -> None:
        """Say goodbye, and be understood."""
        await checkpoint()
        self._add_message(CloseStatus(1000))

    def abort(self) -> None:
        """End at once."""
        self._add_message(CloseStatus(ABNORMAL_CLOSURE))

    def _add_message(self, message: Any) -> None:
        if not self._is_over:
            self._is_over = isinstance(message, CloseStatus)
            self._messages.append(message)
            self._message_event.set()
