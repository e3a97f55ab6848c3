"""A WebSocket on asyncio: a protocol without I/O over a connected socket of `net`, with its proxy and TLS."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from genai_fn.http import Headers
from genai_fn.interpreters.live.sockets import (
    CloseStatus,
    HandshakeDone,
    PongReceived,
    WebSocketEvent,
    WebSocketProtocol,
    build_handshake_failure,
)
from genai_fn.interpreters.live.write_queue import CHUNK_SIZE, WriteQueue
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError

if TYPE_CHECKING:
    from genai_fn.effects import EffectFailed


def build_protocol(url: str) -> WebSocketProtocol:
    """Build the protocol of a client for an address: by ``websockets`` if it is installed, which is faster."""
    try:
        from genai_fn.interpreters.live.websockets_protocol import WebsocketsProtocol  # noqa: PLC0415  # optional
    except ImportError:
        from genai_fn.interpreters.live.wsproto_protocol import WsprotoProtocol  # noqa: PLC0415  # the other one

        return WsprotoProtocol(url)
    return WebsocketsProtocol(url)


@asynccontextmanager
async def open_socket(
    sock: NonBlockingSocket, url: str, headers: Headers, seconds: float
) -> AsyncGenerator["AsyncioSocket | EffectFailed", None]:
    """Perform the WebSocket handshake over a connected socket, with a timeout in seconds."""
    async with anyio.create_task_group() as tasks:
        socket = AsyncioSocket(sock, build_protocol(url), tasks)
        result: AsyncioSocket | EffectFailed = build_handshake_failure(None, in_time=False)
        with anyio.move_on_after(seconds):
            result = await socket.perform_handshake(headers)
        yield result
        tasks.cancel_scope.cancel()


class AsyncioSocket:
    """A `MessageSocket` over a `WebSocketProtocol`."""

    def __init__(self, sock: NonBlockingSocket, protocol: WebSocketProtocol, tasks: TaskGroup) -> None:
        self._socket = sock
        self._protocol = protocol
        self._write_queue = WriteQueue(sock, tasks)
        self._received_bytes = 0
        self._started_message: bytes | None = None
        self._pending_pings: dict[bytes, anyio.Event] = {}
        self._ping_count = 0
        self._messages: deque[bytes] = deque()
        self._handshake: HandshakeDone | None = None
        self._close_status: CloseStatus | None = None
        self._ended_event = anyio.Event()

    @property
    def bytes_transferred(self) -> int:
        return self._received_bytes + self._write_queue.written_bytes

    async def perform_handshake(self, headers: Headers) -> "AsyncioSocket | EffectFailed":
        """Send the handshake request and read the response."""
        await self._write(self._protocol.encode_handshake(headers))
        while self._handshake is None:
            await self._read_events()
        if self._handshake.was_accepted:
            return self  # if the peer has closed it already, `receive` returns that
        return build_handshake_failure(self._handshake.response, in_time=True)

    def send_now(self, data: bytes) -> bool:
        if not self._protocol.is_open:
            return False
        if self._write_queue.write_now(self._protocol.encode_message(data)):
            return True
        self._started_message = data
        return False

    async def send(self, data: bytes) -> bool:
        if data is self._started_message:
            self._started_message = None
            return await self._write_queue.flush()
        return self._protocol.is_open and await self._write(self._protocol.encode_message(data))

    async def receive(self) -> bytes | CloseStatus:
        while not self._messages:
            if self._close_status is not None:
                await self._write_queue.flush_briefly()
                return self._close_status
            await self._read_events()
        return self._messages.popleft()

    async def ping(self) -> None:
        self._ping_count += 1
        payload, pong_event = self._ping_count.to_bytes(4, "big"), anyio.Event()
        self._pending_pings[payload] = pong_event
        if self._protocol.is_open:
            await self._write(self._protocol.encode_ping(payload))
        await pong_event.wait()

    async def close(self) -> None:
        if self._protocol.is_open:
            await self._write(self._protocol.encode_close(1000))
            await self._ended_event.wait()

    def abort(self) -> None:
        self._socket.close()

    async def _read_events(self) -> None:
        """Read some bytes, handle their frames, and write what the protocol sends by itself, such as pongs."""
        try:
            data = await perform_steps(self._socket.read(CHUNK_SIZE))
        except (SocketClosedError, OSError):
            data = b""
        self._received_bytes += len(data)
        for event in self._protocol.receive_data(data):
            self._handle_event(event)
        if replies := self._protocol.take_replies():
            self._write_queue.put(replies)
            await self._write_queue.flush_in_background()

    def _handle_event(self, event: WebSocketEvent) -> None:
        match event:
            case bytes():
                self._messages.append(event)
            case PongReceived():
                self._handle_pong(event.payload)
            case HandshakeDone():
                self._handshake = event
            case CloseStatus():
                if self._close_status is None:
                    self._close_status = event
                    self._ended_event.set()

    def _handle_pong(self, payload: bytes) -> None:
        """Complete a ping and all earlier ones: a peer may answer only the latest (RFC 6455, section 5.5.3)."""
        if payload in self._pending_pings:
            while self._pending_pings:
                first = next(iter(self._pending_pings))
                self._pending_pings.pop(first).set()
                if first == payload:
                    break

    async def _write(self, data: bytes) -> bool:
        """Queue bytes and write the queue; returns False if the connection is broken."""
        self._write_queue.put(data)
        return await self._write_queue.flush()
