"""Received messages that were not read yet, limited by their size in bytes."""

from collections import deque
from typing import Any

import anyio
from anyio.lowlevel import checkpoint


class Inbox:
    """A queue of messages for one reader. A reader that is cancelled loses no message."""

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._items: deque[tuple[Any, int]] = deque()
        self._buffered_bytes = 0
        self._item_event: anyio.Event | None = None
        self._room_event = anyio.Event()
        self._is_finished = self._is_being_read = False

    @property
    def is_full(self) -> bool:
        """Whether reading from the socket should pause."""
        return self._buffered_bytes >= self._max_bytes and not self._is_finished

    def put(self, item: Any, size: int) -> None:
        """Add a message, with its size in bytes."""
        self._items.append((item, size))
        self._buffered_bytes += size
        self._wake_reader()

    def finish(self) -> None:
        """Mark the end: `take` returns None after the last message, and `wait_for_room` returns."""
        self._is_finished = True
        self._wake_reader()
        self._room_event.set()

    def _wake_reader(self) -> None:
        if self._item_event is not None:
            self._item_event.set()
            self._item_event = None

    async def wait_for_room(self) -> None:
        """Wait until the inbox is not full."""
        self._room_event = anyio.Event()
        if self.is_full:
            await self._room_event.wait()

    async def take(self) -> Any:
        """Take the next message, None at the end; raises ``RuntimeError`` if another task is reading."""
        if self._is_being_read:
            raise RuntimeError("the session is already being read by another task")
        self._is_being_read = True
        try:
            if self._items or self._is_finished:
                await checkpoint()
            while not self._items and not self._is_finished:
                self._item_event = anyio.Event()
                await self._item_event.wait()
        finally:
            self._is_being_read = False
        if not self._items:
            return None
        item, size = self._items.popleft()
        self._buffered_bytes -= size
        if not self.is_full:
            self._room_event.set()
        return item
