"""A WebSocket on asyncio: the protocol of ``websockets`` over a socket of `net`, with proxy and TLS."""

import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskGroup
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from genai_fn.http import Headers, HttpResponse
from genai_fn.interpreters.live.sockets import MAX_MESSAGE_BYTES, CloseStatus, build_handshake_failure
from genai_fn.interpreters.live.write_queue import CHUNK_SIZE, WriteQueue
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE

if TYPE_CHECKING:
    from genai_fn.effects import EffectFailed


@asynccontextmanager
async def open_socket(
    sock: NonBlockingSocket, url: str, headers: Headers, seconds: float
) -> AsyncGenerator["WebsocketsSocket | EffectFailed", None]:
    """Perform the WebSocket handshake over a connected socket, with a timeout in seconds."""
    async with anyio.create_task_group() as tasks:
        socket = WebsocketsSocket(sock, url, tasks)
        result: WebsocketsSocket | EffectFailed = build_handshake_failure(None, in_time=False)
        with anyio.move_on_after(seconds):
            result = await socket.perform_handshake(headers)
        yield result
        tasks.cancel_scope.cancel()


class WebsocketsSocket:
    """A `MessageSocket` over the state machine of ``websockets``, which does no I/O itself."""

    def __init__(self, sock: NonBlockingSocket, url: str, tasks: TaskGroup) -> None:
        self._socket = sock
        self._protocol = ClientProtocol(parse_uri(url), max_size=MAX_MESSAGE_BYTES, logger=_SILENT_LOGGER)
        self._write_queue = WriteQueue(sock, tasks)
        self._received_bytes = 0
        self._started_message: bytes | None = None
        self._pending_pings: dict[bytes, anyio.Event] = {}
        self._ping_count = 0
        self._fragments: list[bytes] = []
        self._messages: deque[bytes] = deque()
        self._close_status: CloseStatus | None = None
        self._ended_event = anyio.Event()

    @property
    def bytes_transferred(self) -> int:
        return self._received_bytes + self._write_queue.written_bytes

    async def perform_handshake(self, headers: Headers) -> "WebsocketsSocket | EffectFailed":
        """Send the handshake request and read the response."""
        request = self._protocol.connect()
        for name, value in headers:
            if name.lower() != "host":  # taken from the URL, as in HTTP requests
                request.headers[name] = value
        self._protocol.send_request(request)
        await self._flush_output()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            await self._read_events()
        error = self._protocol.handshake_exc
        if error is None:
            return self  # if the peer has closed it already, `receive` returns that
        return build_handshake_failure(
            _convert_response(error.response) if isinstance(error, InvalidStatus) else None, in_time=True
        )

    def send_now(self, data: bytes) -> bool:
        if self._protocol.state is not State.OPEN:
            return False
        self._protocol.send_text(data)
        if self._write_queue.write_now(b"".join(self._protocol.data_to_send())):
            return True
        self._started_message = data
        return False

    async def send(self, data: bytes) -> bool:
        if data is self._started_message:
            self._started_message = None
            return await self._write_queue.flush()
        if self._protocol.state is not State.OPEN:
            return False
        self._protocol.send_text(data)
        return await self._flush_output()

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
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(payload)
            await self._flush_output()
        await pong_event.wait()

    async def close(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            await self._flush_output()
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
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._handle_frame(event)
        if self._queue_output():
            await self._write_queue.flush_in_background()
        if not data:
            self._set_ended(_build_close_status(self._protocol.close_rcvd))
        elif self._protocol.parser_exc is not None:  # the peer violated the protocol, perhaps after its close frame
            self._set_ended(_build_close_status(self._protocol.close_rcvd or self._protocol.close_sent))

    def _handle_frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    self._messages.append(
                        self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
                    )
                    self._fragments = []
            case Opcode.PONG:
                self._handle_pong(bytes(frame.data))
            case Opcode.CLOSE:
                self._set_ended(_build_close_status(self._protocol.close_rcvd))
            case _:
                pass

    def _handle_pong(self, payload: bytes) -> None:
        """Complete a ping and all earlier ones: a peer may answer only the latest (RFC 6455, section 5.5.3)."""
        if payload in self._pending_pings:
            while self._pending_pings:
                first = next(iter(self._pending_pings))
                self._pending_pings.pop(first).set()
                if first == payload:
                    break

    def _set_ended(self, status: CloseStatus) -> None:
        if self._close_status is None:
            self._close_status = status
            self._ended_event.set()

    async def _flush_output(self) -> bool:
        """Write what the protocol has to send; returns False if the connection is broken."""
        self._queue_output()
        return await self._write_queue.flush()

    def _queue_output(self) -> bool:
        """Queue what the protocol has to send; returns whether that is anything."""
        pending = [data for data in self._protocol.data_to_send() if data]  # an empty item is the end of file
        for data in pending:
            self._write_queue.put(data)
        return bool(pending)


_SILENT_LOGGER = logging.Logger("genai_fn.websockets", logging.CRITICAL)  # noqa: LOG001  # its debug messages contain headers, and so keys


def _build_close_status(close: Close | None) -> CloseStatus:
    return CloseStatus(ABNORMAL_CLOSURE) if close is None else CloseStatus(int(close.code), close.reason)


def _convert_response(response: Response) -> HttpResponse:
    headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
    body: Any = response.body or b""
    return HttpResponse(response.status_code, headers, bytes(body))
