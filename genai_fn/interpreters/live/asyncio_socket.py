"""WebSockets on asyncio: the protocol of ``websockets``, over a wire of our own that went through the proxy and TLS."""

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

__all__ = ["open_socket"]


@asynccontextmanager
async def open_socket(
    wire: NonBlockingSocket, url: str, headers: Headers, seconds: float
) -> AsyncGenerator["AsyncioSocket | EffectFailed", None]:
    """Shake hands over a wire, within so many seconds."""
    async with anyio.create_task_group() as tasks:
        socket = AsyncioSocket(wire, url, tasks)
        met: AsyncioSocket | EffectFailed = build_handshake_failure(None, in_time=False)
        with anyio.move_on_after(seconds):
            met = await socket.perform_handshake(headers)
        yield met
        tasks.cancel_scope.cancel()


class AsyncioSocket:
    """A connection that ``websockets`` says what to do with."""

    def __init__(self, wire: NonBlockingSocket, url: str, tasks: TaskGroup) -> None:
        self._socket = wire
        self._protocol = ClientProtocol(parse_uri(url), max_size=MAX_MESSAGE_BYTES, logger=_SILENT_LOGGER)
        self._write_queue = WriteQueue(wire, tasks)
        self._received_bytes = 0
        self._pending_pings: dict[bytes, anyio.Event] = {}
        self._ping_count = 0
        self._fragments: list[bytes] = []
        self._messages: deque[bytes] = deque()
        self._close_status: CloseStatus | None = None
        self._ended_event = anyio.Event()

    @property
    def bytes_transferred(self) -> int:
        return self._received_bytes + self._write_queue.written_bytes

    async def perform_handshake(self, headers: Headers) -> "AsyncioSocket | EffectFailed":
        """Ask for a WebSocket."""
        request = self._protocol.connect()
        for name, value in headers:
            if name.lower() != "host":  # it is the address's, as in calls
                request.headers[name] = value
        self._protocol.send_request(request)
        await self._flush_output()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            await self._read_events()
        refused = self._protocol.handshake_exc
        if refused is None:
            return self  # it may have been closed again already, which whoever reads is told
        return build_handshake_failure(
            _convert_response(refused.response) if isinstance(refused, InvalidStatus) else None, in_time=True
        )

    async def send(self, data: bytes) -> bool:
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
        payload, came = self._ping_count.to_bytes(4, "big"), anyio.Event()
        self._pending_pings[payload] = came
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(payload)
            await self._flush_output()
        await came.wait()

    async def close(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            await self._flush_output()
            await self._ended_event.wait()

    def abort(self) -> None:
        self._socket.close()

    async def _read_events(self) -> None:
        """Read what is there, and answer to what the protocol answers by itself."""
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
        elif self._protocol.parser_exc is not None:  # the peer broke the rules, maybe as it said goodbye
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
        """Answer a ping, and those before it, which the peer may have passed over."""
        if payload in self._pending_pings:
            while self._pending_pings:
                first = next(iter(self._pending_pings))
                self._pending_pings.pop(first).set()
                if first == payload:
                    break

    def _set_ended(self, ending: CloseStatus) -> None:
        if self._close_status is None:
            self._close_status = ending
            self._ended_event.set()

    async def _flush_output(self) -> bool:
        """Write what the protocol has to say; False if that is of no use any more."""
        self._queue_output()
        return await self._write_queue.flush()

    def _queue_output(self) -> bool:
        """Let what the protocol has to say go out; False if that is nothing."""
        said = [data for data in self._protocol.data_to_send() if data]  # an empty one stands for the end
        for data in said:
            self._write_queue.put(data)
        return bool(said)


_SILENT_LOGGER = logging.Logger("genai_fn.websockets", logging.CRITICAL)  # noqa: LOG001  # headers in its debug lines hold keys


def _build_close_status(close: Close | None) -> CloseStatus:
    return CloseStatus(ABNORMAL_CLOSURE) if close is None else CloseStatus(int(close.code), close.reason)


def _convert_response(response: Response) -> HttpResponse:
    headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
    body: Any = response.body or b""
    return HttpResponse(response.status_code, headers, bytes(body))
