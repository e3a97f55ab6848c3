"""What has come and was not taken yet, bounded by bytes."""

from collections import deque
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

__all__ = ["Inbox"]


class Inbox:
    """Messages in order, for one task that takes them; nothing is lost when it is cancelled."""

    def __init__(self, most: int = 64 * 1024 * 1024) -> None:
        self._most = most
        self._items: deque[tuple[Any, int]] = deque()
        self._held = 0
        self._bell = anyio.Event()
        self._room = anyio.Event()
        self._is_finished = self._is_taken = False

    @property
    def is_full(self) -> bool:
        """Whether no more should come for now."""
        return self._held >= self._most and not self._is_finished

    def put(self, item: Any, size: int) -> None:
        """Add a message, of so many bytes."""
        self._items.append((item, size))
        self._held += size
        self._bell.set()

    def finish(self) -> None:
        """Nothing more will come; who waits for room needs none any more."""
        self._is_finished = True
        self._bell.set()
        self._room.set()

    async def room(self) -> None:
        """Wait until some messages have been taken."""
        self._room = anyio.Event()
        if self.is_full:
            await self._room.wait()

    async def take(self) -> Any:
        """Give the next message; None at the end."""
        if self._is_taken:
            raise RuntimeError("the session is being read already, by another task")
        self._is_taken = True
        try:
            if self._items or self._is_finished:
                await checkpoint()
            while not self._items and not self._is_finished:
                self._bell = anyio.Event()
                await self._bell.wait()
        finally:
            self._is_taken = False
        if not self._items:
            return None
        item, size = self._items.popleft()
        self._held -= size
        if not self.is_full:
            self._room.set()
        return item
