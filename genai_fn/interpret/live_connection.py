"""One connection of a live session: a task that reads, one that writes, and one that asks for signs of life."""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import anyio

from genai_fn.effects import Lost
from genai_fn.errors import GenaiError, TimedOut
from genai_fn.interpret.inbox import Inbox
from genai_fn.interpret.sockets import Ending, Socket, Wiring
from genai_fn.sessions.moves import Connected, Dial, Ended, Event, Frame, Heard, LetGo, Unreachable, Wrote
from genai_fn.sessions.protocol import CUT

__all__ = ["PATIENCE", "Connection"]

PATIENCE = 2.0
"""How many seconds a peer is given to say goodbye."""


class Connection:
    """
    Connects, reads and writes until the connection has ended; of that, and of all before, it tells `feed`.

    One task alone writes: whoever sends hands over whole frames, so that none of them is ever cut in half.
    """

    def __init__(self, wiring: Wiring, dial: Dial, feed: Callable[[Event], None], inbox: Inbox, idle: float) -> None:
        self._wiring = wiring
        self._dial = dial
        self._feed = feed
        self._inbox = inbox
        self._idle = idle
        self._socket: Socket | None = None
        self._setup: Any = None
        self._outbox: deque[Frame | None] = deque()
        self._bell = anyio.Event()
        self._is_writing = self._is_paused = self._is_hanging = False
        self._has_parted = anyio.Event()
        self._fault: GenaiError | None = None
        self._since = 0.0
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Connect, and carry what is said, to the end of the connection."""
        end: Event = Ended(CUT)
        try:
            with self._scope:
                end = await self._carried()
        except BaseException:
            self._feed(LetGo())  # after a fault of ours, or an interrupt, nobody connects anew
            raise
        finally:
            self._feed(end)

    def introduce(self) -> None:
        """Write the setup."""
        self.write(Frame(self._setup, 0))

    def write(self, frame: Frame) -> None:
        """Write a frame, after those before it."""
        self._outbox.append(frame)
        self._bell.set()

    def hang(self) -> None:
        """Say goodbye after what is being written; who is still dialling stops."""
        if self._socket is None:
            self.cut()
        elif not self._is_hanging:
            self._is_hanging = True
            self._outbox.append(None)
            self._bell.set()

    def cut(self) -> None:
        """End the connection at once."""
        self._scope.cancel()

    async def _carried(self) -> Event:
        await anyio.sleep(self._dial.wait)
        async with self._wiring.connect(self._dial.handle) as met:
            if isinstance(met, Lost):
                return Unreachable(met.error, random.random())  # noqa: S311  # jitter
            self._socket, self._setup = met
            self._since = anyio.current_time()
            self._feed(Connected())
            ending = Ending(CUT)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write, self._socket)
                tasks.start_soon(self._watch, self._socket)
                ending = await self._read(self._socket)
                if self._is_hanging:
                    with anyio.move_on_after(PATIENCE):
                        await self._has_parted.wait()
                tasks.cancel_scope.cancel()
        lasted = anyio.current_time() - self._since
        return Ended(ending.code, ending.reason, self._fault, random.random(), lasted)  # noqa: S311  # jitter

    async def _read(self, socket: Socket) -> Ending:
        """Hand on what comes; the first message answers the setup, and is not waited for without end."""
        data: Any = None
        with anyio.move_on_after(self._idle) as limit:
            data = await socket.receive()
        if limit.cancelled_caught:
            self._fault = TimedOut("idle", "waiting for a live session to be set up", sent=True)
            socket.cut()
            return Ending(CUT)
        while not isinstance(data, Ending):
            self._feed(Heard(self._wiring.decode(data), len(data) if isinstance(data, bytes | str) else 0))
            while self._inbox.is_full:
                self._is_paused = True
                await self._inbox.room()
            self._is_paused = False
            data = await socket.receive()
        return data

    async def _write(self, socket: Socket) -> None:
        """Write frame by frame, and say goodbye at last."""
        try:
            while (frame := await self._next()) is not None:
                self._is_writing = True
                is_out = await socket.send(frame.data)
                self._is_writing = False
                if not is_out:
                    return  # whoever reads is told why
                if frame.data is not self._setup:
                    self._feed(Wrote())
            with anyio.move_on_after(PATIENCE):
                await socket.close()
        finally:
            if self._is_hanging:
                socket.cut()
            self._has_parted.set()

    async def _next(self) -> Frame | None:
        while not self._outbox:
            await self._bell.wait()
            self._bell = anyio.Event()
        return self._outbox.popleft()

    async def _watch(self, socket: Socket) -> None:
        """
        Ask for a sign of life now and then; what does not come while we do not read is no fault of the peer's.

        Before its answer to a ping a peer has to take all that is on its way, which the system holds for us.
        """
        interval = self._idle / _SIGNS
        async with anyio.create_task_group() as pings:
            while True:
                asked = socket.moved
                await anyio.sleep(interval)
                came = anyio.Event()
                pings.start_soon(_pinged, socket, came)
                moved, silent = socket.moved, 0
                while not came.is_set():
                    with anyio.move_on_after(interval):
                        await came.wait()
                    is_alive = self._is_paused or socket.moved != moved
                    moved, silent = socket.moved, 0 if is_alive else silent + 1
                    is_busy = self._is_writing or moved - asked > _MUCH
                    if not came.is_set() and silent >= (_SIGNS if is_busy else 1):
                        self._fault = TimedOut("idle", "waiting for a sign of life", sent=True)
                        socket.cut()
                        return


_SIGNS = 3
"""How many signs of life are asked for in the time that silence may last."""

_MUCH = 256 * 1024
"""How many bytes may be on their way for a while."""


async def _pinged(socket: Socket, came: anyio.Event) -> None:
    await socket.ping()
    came.set()
