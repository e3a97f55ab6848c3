"""One connection of a live session: a task that reads, one that writes, and one that sends pings."""

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

CLOSE_TIMEOUT = 2.0
"""Timeout of the closing handshake, in seconds."""


class LiveConnection:
    """
    Connects, reads and writes until the connection ends, and calls `handle_event` with each protocol event.

    A frame is written at once, without a task, if no other one waits and the connection takes all of it. Otherwise one
    task writes, and it takes whole frames from a queue, so that a cancelled sender leaves no partial frame.
    """

    def __init__(
        self,
        connector: Connector,
        action: ConnectSocket,
        handle_event: Callable[[ProtocolEvent], None],
        inbox: Inbox,
        idle_timeout: float,
    ) -> None:
        self._connector = connector
        self._connect_action = action
        self._handle_event = handle_event
        self._inbox = inbox
        self._idle_timeout = idle_timeout
        self._socket: MessageSocket | None = None
        self._setup: Any = None
        self._outbox: deque[OutgoingFrame | None] = deque()
        self._outbox_event = anyio.Event()
        self._is_writing = self._is_paused = self._is_closing = False
        self._writer_done = anyio.Event()
        self._error: GenaiError | None = None
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Connect, and transfer messages until the connection ends."""
        end: ProtocolEvent = ConnectionClosed(ABNORMAL_CLOSURE)
        try:
            with self._scope:
                end = await self._run_connection()
        except BaseException:
            self._handle_event(CloseRequested())  # after a bug or an interrupt, do not reconnect
            raise
        finally:
            self._handle_event(end)

    def send_setup(self) -> None:
        """Queue the setup message."""
        self._queue_frame(OutgoingFrame(self._setup, 0))

    def send_frame(self, frame: OutgoingFrame) -> None:
        """Write a frame at once if that needs no wait; otherwise queue it."""
        is_free = not (self._outbox or self._is_writing or self._is_closing)
        if is_free and self._socket is not None and self._socket.send_now(frame.data):
            self._handle_event(MessageSent())
        else:
            self._queue_frame(frame)

    def _queue_frame(self, frame: OutgoingFrame | None) -> None:
        self._outbox.append(frame)
        self._outbox_event.set()

    def close(self) -> None:
        """Start the closing handshake after the queued frames; if there is no connection yet, stop connecting."""
        if self._socket is None:
            self.abort()
        elif not self._is_closing:
            self._is_closing = True
            self._queue_frame(None)

    def abort(self) -> None:
        """Close the connection at once, without a closing handshake."""
        self._scope.cancel()

    async def _run_connection(self) -> ProtocolEvent:
        await anyio.sleep(self._connect_action.delay)
        async with self._connector.connect(self._connect_action.handle) as connected:
            if isinstance(connected, EffectFailed):
                return ConnectFailed(connected.error, random.random())  # noqa: S311  # jitter
            self._socket, self._setup = connected
            connected_at = anyio.current_time()
            self._handle_event(Connected())
            status = CloseStatus(ABNORMAL_CLOSURE)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write_frames, self._socket)
                tasks.start_soon(self._monitor_liveness, self._socket)
                status = await self._read_messages(self._socket)
                if self._is_closing:
                    with anyio.move_on_after(CLOSE_TIMEOUT):
                        await self._writer_done.wait()
                tasks.cancel_scope.cancel()
        duration = anyio.current_time() - connected_at
        return ConnectionClosed(status.code, status.reason, self._error, random.random(), duration)  # noqa: S311  # jitter

    async def _read_messages(self, socket: MessageSocket) -> CloseStatus:
        """
        Read messages until the connection ends, and pass each to `handle_event`. Pause while the inbox is full.

        The first message, the response to the setup, must arrive within the idle timeout.
        """
        data: Any = None
        with anyio.move_on_after(self._idle_timeout) as limit:
            data = await socket.receive()
        if limit.cancelled_caught:
            self._error = TimedOut("idle", "waiting for the live session's setup", sent=True)
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
        """Write the queued frames one by one, then perform the closing handshake."""
        try:
            while (frame := await self._take_frame()) is not None:
                self._is_writing = True
                was_sent = await socket.send(frame.data)
                self._is_writing = False
                if not was_sent:
                    return  # the reader gets the reason
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
        Send pings, three within the idle timeout. Abort the connection if it is silent for the interval between them.

        Silent means: no pong arrives, and no byte is sent or received. While reading is paused, silence is ignored, as
        pongs are not read either. A busy connection may be silent for three intervals, because the peer reads all data
        that the network buffers before it reads the ping.
        """
        interval = self._idle_timeout / _PINGS_PER_TIMEOUT
        async with anyio.create_task_group() as pings:
            while True:
                bytes_before = socket.bytes_transferred
                await anyio.sleep(interval)
                pong_event = anyio.Event()
                pings.start_soon(_ping_and_signal, socket, pong_event)
                transferred, silent_intervals = socket.bytes_transferred, 0
                while not pong_event.is_set():
                    with anyio.move_on_after(interval):
                        await pong_event.wait()
                    is_alive = self._is_paused or socket.bytes_transferred != transferred
                    transferred, silent_intervals = socket.bytes_transferred, 0 if is_alive else silent_intervals + 1
                    is_busy = self._is_writing or transferred - bytes_before > _BUSY_BYTES
                    if not pong_event.is_set() and silent_intervals >= (_PINGS_PER_TIMEOUT if is_busy else 1):
                        self._error = TimedOut("idle", "waiting for a pong", sent=True)
                        socket.abort()
                        return


_PINGS_PER_TIMEOUT = 3
"""Number of pings within the idle timeout, and of silent intervals that a busy connection may have."""

_BUSY_BYTES = 256 * 1024
"""A connection is busy if it transferred more bytes since one interval before the ping; its pong may take longer."""


async def _ping_and_signal(socket: MessageSocket, pong_event: anyio.Event) -> None:
    await socket.ping()
    pong_event.set()
