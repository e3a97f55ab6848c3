"""One connection of a live session: a task that reads, one that writes, and one that asks for signs of life."""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import anyio

from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError, TimedOut
from genai_fn.interpreters.live.inbox import Inbox
from genai_fn.interpreters.live.sockets import CloseStatus, Connector, MessageSocket
from genai_fn.live_protocol.events_and_actions import (
    CloseRequested,
    Connected,
    ConnectFailed,
    ConnectionClosed,
    ConnectSocket,
    MessageReceived,
    MessageSent,
    OutgoingFrame,
    ProtocolEvent,
)
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE

__all__ = ["CLOSE_TIMEOUT", "LiveConnection"]

CLOSE_TIMEOUT = 2.0
"""How many seconds a peer is given to say goodbye."""


class LiveConnection:
    """
    Connects, reads and writes until the connection has ended; of that, and of all before, it tells `feed`.

    One task alone writes: whoever sends hands over whole frames, so that none of them is ever cut in half.
    """

    def __init__(
        self, wiring: Connector, dial: ConnectSocket, feed: Callable[[ProtocolEvent], None], inbox: Inbox, idle: float
    ) -> None:
        self._connector = wiring
        self._connect_action = dial
        self._handle_event = feed
        self._inbox = inbox
        self._idle_timeout = idle
        self._socket: MessageSocket | None = None
        self._setup: Any = None
        self._outbox: deque[OutgoingFrame | None] = deque()
        self._outbox_event = anyio.Event()
        self._is_writing = self._is_paused = self._is_closing = False
        self._writer_done = anyio.Event()
        self._error: GenaiError | None = None
        self._connected_at = 0.0
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Connect, and carry what is said, to the end of the connection."""
        end: ProtocolEvent = ConnectionClosed(ABNORMAL_CLOSURE)
        try:
            with self._scope:
                end = await self._run_connection()
        except BaseException:
            self._handle_event(CloseRequested())  # after a fault of ours, or an interrupt, nobody connects anew
            raise
        finally:
            self._handle_event(end)

    def send_setup(self) -> None:
        """Write the setup."""
        self.send_frame(OutgoingFrame(self._setup, 0))

    def send_frame(self, frame: OutgoingFrame) -> None:
        """Write a frame, after those before it."""
        self._outbox.append(frame)
        self._outbox_event.set()

    def close(self) -> None:
        """Say goodbye after what is being written; who is still dialling stops."""
        if self._socket is None:
            self.abort()
        elif not self._is_closing:
            self._is_closing = True
            self._outbox.append(None)
            self._outbox_event.set()

    def abort(self) -> None:
        """End the connection at once."""
        self._scope.cancel()

    async def _run_connection(self) -> ProtocolEvent:
        await anyio.sleep(self._connect_action.delay)
        async with self._connector.connect(self._connect_action.handle) as met:
            if isinstance(met, EffectFailed):
                return ConnectFailed(met.error, random.random())  # noqa: S311  # jitter
            self._socket, self._setup = met
            self._connected_at = anyio.current_time()
            self._handle_event(Connected())
            ending = CloseStatus(ABNORMAL_CLOSURE)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write_frames, self._socket)
                tasks.start_soon(self._monitor_liveness, self._socket)
                ending = await self._read_messages(self._socket)
                if self._is_closing:
                    with anyio.move_on_after(CLOSE_TIMEOUT):
                        await self._writer_done.wait()
                tasks.cancel_scope.cancel()
        lasted = anyio.current_time() - self._connected_at
        return ConnectionClosed(ending.code, ending.reason, self._error, random.random(), lasted)  # noqa: S311  # jitter

    async def _read_messages(self, socket: MessageSocket) -> CloseStatus:
        """Hand on what comes; the first message answers the setup, and is not waited for without end."""
        data: Any = None
        with anyio.move_on_after(self._idle_timeout) as limit:
            data = await socket.receive()
        if limit.cancelled_caught:
            self._error = TimedOut("idle", "waiting for a live session to be set up", sent=True)
            socket.abort()
            return CloseStatus(ABNORMAL_CLOSURE)
        while not isinstance(data, CloseStatus):
            self._handle_event(
                MessageReceived(self._connector.decode(data), len(data) if isinstance(data, bytes | str) else 0)
            )
            while self._inbox.is_full:
                self._is_paused = True
                await self._inbox.wait_for_room()
            self._is_paused = False
            data = await socket.receive()
        return data

    async def _write_frames(self, socket: MessageSocket) -> None:
        """Write frame by frame, and say goodbye at last."""
        try:
            while (frame := await self._take_frame()) is not None:
                self._is_writing = True
                is_out = await socket.send(frame.data)
                self._is_writing = False
                if not is_out:
                    return  # whoever reads is told why
                if frame.data is not self._setup:
                    self._handle_event(MessageSent())
            with anyio.move_on_after(CLOSE_TIMEOUT):
                await socket.close()
        finally:
            if self._is_closing:
                socket.abort()
            self._writer_done.set()

    async def _take_frame(self) -> OutgoingFrame | None:
        while not self._outbox:
            await self._outbox_event.wait()
            self._outbox_event = anyio.Event()
        return self._outbox.popleft()

    async def _monitor_liveness(self, socket: MessageSocket) -> None:
        """
        Ask for a sign of life now and then; what does not come while we do not read is no fault of the peer's.

        Before its answer to a ping a peer has to take all that is on its way, which the system holds for us.
        """
        interval = self._idle_timeout / _PINGS_PER_TIMEOUT
        async with anyio.create_task_group() as pings:
            while True:
                asked = socket.bytes_transferred
                await anyio.sleep(interval)
                came = anyio.Event()
                pings.start_soon(_ping_and_signal, socket, came)
                moved, silent = socket.bytes_transferred, 0
                while not came.is_set():
                    with anyio.move_on_after(interval):
                        await came.wait()
                    is_alive = self._is_paused or socket.bytes_transferred != moved
                    moved, silent = socket.bytes_transferred, 0 if is_alive else silent + 1
                    is_busy = self._is_writing or moved - asked > _BUSY_BYTES
                    if not came.is_set() and silent >= (_PINGS_PER_TIMEOUT if is_busy else 1):
                        self._error = TimedOut("idle", "waiting for a sign of life", sent=True)
                        socket.abort()
                        return


_PINGS_PER_TIMEOUT = 3
"""How many signs of life are asked for in the time that silence may last."""

_BUSY_BYTES = 256 * 1024
"""How many bytes may be on their way for a while."""


async def _ping_and_signal(socket: MessageSocket, came: anyio.Event) -> None:
    await socket.ping()
    came.set()
