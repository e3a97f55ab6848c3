"""The bytes that a WebSocket has still to write, in order."""

from collections import deque

import anyio
from anyio.abc import TaskGroup

from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError

CHUNK_SIZE = 64 * 1024
"""How many bytes are read or written at once."""


class WriteQueue:
    """
    A queue of bytes that any task may flush.

    The reading task queues pongs and close frames, but does not wait until they are written: a peer that reads nothing
    until its own message is read would otherwise cause a deadlock.
    """

    def __init__(self, sock: NonBlockingSocket, tasks: TaskGroup) -> None:
        self.written_bytes = 0
        """How many bytes were written."""
        self.is_broken = False
        """Whether nothing can be written any more; the reader finds out why."""
        self._socket = sock
        self._tasks = tasks
        self._queue: deque[bytes] = deque()
        self._queued_count = self._written_count = 0
        self._is_writing = False
        self._write_finished = anyio.Event()

    def put(self, data: bytes) -> None:
        """Add bytes to the queue, without writing them."""
        self._queue.append(data)
        self._queued_count += 1

    def write_now(self, data: bytes) -> bool:
        """
        Add bytes to the queue, and write them at once if the connection takes them; returns whether all is written.

        Bytes that come after others, or that are more than 64 KiB, stay in the queue.
        """
        self.put(data)
        if len(self._queue) > 1 or self._is_writing or self.is_broken or len(data) > CHUNK_SIZE:
            return False
        self.is_broken = True  # after an interrupt, part of a frame may be written
        try:
            count = self._socket.write_now(data)
        except (SocketClosedError, OSError):
            return False
        self.is_broken = False
        self.written_bytes += count
        if count < len(data):
            self._queue[0] = data[count:]
            return False
        self._queue.popleft()
        self._written_count += 1
        return True

    async def flush(self) -> bool:
        """Wait until all that is queued now is written; returns False if the connection is broken."""
        target_count = self._queued_count
        while self._written_count < target_count and not self.is_broken:
            if self._is_writing:
                await self._write_finished.wait()
            else:
                await self._write_all()
        return not self.is_broken

    async def flush_in_background(self) -> None:
        """Write the queue in another task; with more than 1000 items, wait for that."""
        if len(self._queue) > _MAX_QUEUED:
            await self.flush()
        elif not self._is_writing:
            self._tasks.start_soon(self.flush)

    async def flush_briefly(self) -> None:
        """Write the queue for at most half a second."""
        if not self._is_writing:
            with anyio.move_on_after(_BRIEF_TIMEOUT):
                await self.flush()

    async def _write_all(self) -> None:
        self._is_writing, is_complete = True, False
        try:
            while self._queue:
                await self._write_chunks(self._queue[0])
                self._queue.popleft()
                self._written_count += 1
            is_complete = True
        except (SocketClosedError, OSError):
            pass
        finally:  # a cancelled write may have written part of a frame
            self.is_broken |= not is_complete
            self._is_writing = False
            self._write_finished.set()
            self._write_finished = anyio.Event()

    async def _write_chunks(self, data: bytes) -> None:
        for start in range(0, len(data), CHUNK_SIZE):
            chunk = data[start : start + CHUNK_SIZE]
            await perform_steps(self._socket.write(chunk))
            self.written_bytes += len(chunk)


_MAX_QUEUED = 1000
_BRIEF_TIMEOUT = 0.5
