"""A live session's connection to a function in this process, in the place of the network."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from genai_fn.interpret.sockets import Ending
from genai_fn.sessions.protocol import CUT

__all__ = ["MemorySocket"]


class MemorySocket:
    """
    Gives what a function answers to each message, in order; an `Ending` among the answers is the last.

    What is not bytes weighs nothing. The peer is always alive, and says goodbye at once.
    """

    def __init__(self, answer: Callable[[Any], Iterable[Any]]) -> None:
        self.moved = 0
        self._answer = answer
        self._arrived: deque[Any] = deque()
        self._bell = anyio.Event()
        self._is_over = False

    async def send(self, data: Any) -> bool:
        """Hand over one message."""
        await checkpoint()
        if self._is_over:
            return False
        for each in self._answer(data):
            self._arrive(each)
        return True

    async def receive(self) -> Any:
        """Give the next message, or the `Ending`."""
        await checkpoint()
        while not self._arrived:
            self._bell = anyio.Event()
            await self._bell.wait()
        return self._arrived.popleft()

    async def ping(self) -> None:
        """Be alive."""
        await checkpoint()

    async def close(self) -> None:
        """Say goodbye, and be understood."""
        await checkpoint()
        self._arrive(Ending(1000))

    def cut(self) -> None:
        """End at once."""
        self._arrive(Ending(CUT))

    def _arrive(self, message: Any) -> None:
        if not self._is_over:
            self._is_over = isinstance(message, Ending)
            self._arrived.append(message)
            self._bell.set()
