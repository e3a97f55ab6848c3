"""What goes out over the wire of a live session: written whole and in order, by whoever is at it."""

from collections import deque

import anyio
from anyio.abc import TaskGroup

from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError

__all__ = ["CHUNK_SIZE", "WriteQueue"]

CHUNK_SIZE = 64 * 1024
"""How many bytes are read or written at once."""


class WriteQueue:
    """
    Bytes on their way out.

    Whoever reads has something to say, too: answers to pings, and goodbyes. It never waits for what is being written:
    a peer that waits until it is heard, before it listens, would wait for ever.
    """

    def __init__(self, wire: NonBlockingSocket, tasks: TaskGroup) -> None:
        self.written_bytes = 0
        """How many bytes have gone out."""
        self.is_broken = False
        """Whether nothing goes out any more; whoever reads finds out why."""
        self._socket = wire
        self._tasks = tasks
        self._queue: deque[bytes] = deque()
        self._queued_count = self._written_count = 0
        self._is_writing = False
        self._write_finished = anyio.Event()

    def put(self, data: bytes) -> None:
        """Add what is to go out; `flush` or `later` sees to it."""
        self._queue.append(data)
        self._queued_count += 1

    async def flush(self) -> bool:
        """Wait until all is out that has been put so far; False if that is of no use any more."""
        mark = self._queued_count
        while self._written_count < mark and not self.is_broken:
            if self._is_writing:
                await self._write_finished.wait()
            else:
                await self._write_all()
        return not self.is_broken

    async def flush_in_background(self) -> None:
        """Have it written by another task; who puts more and more has to wait."""
        if len(self._queue) > _MAX_QUEUED:
            await self.flush()
        elif not self._is_writing:
            self._tasks.start_soon(self.flush)

    async def flush_briefly(self) -> None:
        """Write what is left, if that takes but a moment."""
        if not self._is_writing:
            with anyio.move_on_after(_BRIEF_TIMEOUT):
                await self.flush()

    async def _write_all(self) -> None:
        self._is_writing, is_whole = True, False
        try:
            while self._queue:
                await self._write_chunks(self._queue[0])
                self._queue.popleft()
                self._written_count += 1
            is_whole = True
        except (SocketClosedError, OSError):
            pass
        finally:  # whoever is cancelled in the midst of a frame leaves half of it
            self.is_broken |= not is_whole
            self._is_writing = False
            self._write_finished.set()
            self._write_finished = anyio.Event()

    async def _write_chunks(self, data: bytes) -> None:
        for at in range(0, len(data), CHUNK_SIZE):
            piece = data[at : at + CHUNK_SIZE]
            await perform_steps(self._socket.write(piece))
            self.written_bytes += len(piece)


_MAX_QUEUED = 1000
_BRIEF_TIMEOUT = 0.5
