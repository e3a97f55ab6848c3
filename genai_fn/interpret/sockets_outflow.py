"""What goes out over the wire of a live session: written whole and in order, by whoever is at it."""

from collections import deque

import anyio
from anyio.abc import TaskGroup

from genai_fn.interpret.dial_async import perform
from genai_fn.interpret.dial_wire import CutError, Wire

__all__ = ["PIECE", "Outflow"]

PIECE = 64 * 1024
"""How many bytes are read or written at once."""


class Outflow:
    """
    Bytes on their way out.

    Whoever reads has something to say, too: answers to pings, and goodbyes. It never waits for what is being written:
    a peer that waits until it is heard, before it listens, would wait for ever.
    """

    def __init__(self, wire: Wire, tasks: TaskGroup) -> None:
        self.moved = 0
        """How many bytes have gone out."""
        self.is_broken = False
        """Whether nothing goes out any more; whoever reads finds out why."""
        self._wire = wire
        self._tasks = tasks
        self._waiting: deque[bytes] = deque()
        self._taken = self._gone = 0
        self._is_busy = False
        self._bell = anyio.Event()

    def put(self, data: bytes) -> None:
        """Add what is to go out; `flush` or `later` sees to it."""
        self._waiting.append(data)
        self._taken += 1

    async def flush(self) -> bool:
        """Wait until all is out that has been put so far; False if that is of no use any more."""
        mark = self._taken
        while self._gone < mark and not self.is_broken:
            if self._is_busy:
                await self._bell.wait()
            else:
                await self._write()
        return not self.is_broken

    async def later(self) -> None:
        """Have it written by another task; who puts more and more has to wait."""
        if len(self._waiting) > _MOST:
            await self.flush()
        elif not self._is_busy:
            self._tasks.start_soon(self.flush)

    async def last(self) -> None:
        """Write what is left, if that takes but a moment."""
        if not self._is_busy:
            with anyio.move_on_after(_MOMENT):
                await self.flush()

    async def _write(self) -> None:
        self._is_busy, is_whole = True, False
        try:
            while self._waiting:
                await self._written(self._waiting[0])
                self._waiting.popleft()
                self._gone += 1
            is_whole = True
        except (CutError, OSError):
            pass
        finally:  # whoever is cancelled in the midst of a frame leaves half of it
            self.is_broken |= not is_whole
            self._is_busy = False
            self._bell.set()
            self._bell = anyio.Event()

    async def _written(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            await perform(self._wire.write(piece))
            self.moved += len(piece)


_MOST = 1000
_MOMENT = 0.5
