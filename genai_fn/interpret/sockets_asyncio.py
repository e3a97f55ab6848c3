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
from genai_fn.interpret.dial_async import perform
from genai_fn.interpret.dial_wire import CutError, Wire
from genai_fn.interpret.sockets import LARGEST, Ending, unshaken
from genai_fn.interpret.sockets_outflow import PIECE, Outflow
from genai_fn.sessions.protocol import CUT

if TYPE_CHECKING:
    from genai_fn.effects import Lost

__all__ = ["opened"]


@asynccontextmanager
async def opened(
    wire: Wire, url: str, headers: Headers, seconds: float
) -> AsyncGenerator["AsyncioSocket | Lost", None]:
    """Shake hands over a wire, within so many seconds."""
    async with anyio.create_task_group() as tasks:
        socket = AsyncioSocket(wire, url, tasks)
        met: AsyncioSocket | Lost = unshaken(None, in_time=False)
        with anyio.move_on_after(seconds):
            met = await socket.shake_hands(headers)
        yield met
        tasks.cancel_scope.cancel()


class AsyncioSocket:
    """A connection that ``websockets`` says what to do with."""

    def __init__(self, wire: Wire, url: str, tasks: TaskGroup) -> None:
        self._wire = wire
        self._protocol = ClientProtocol(parse_uri(url), max_size=LARGEST, logger=_QUIET)
        self._outflow = Outflow(wire, tasks)
        self._heard = 0
        self._pongs: dict[bytes, anyio.Event] = {}
        self._pings = 0
        self._parts: list[bytes] = []
        self._arrived: deque[bytes] = deque()
        self._ending: Ending | None = None
        self._ended = anyio.Event()

    @property
    def moved(self) -> int:
        return self._heard + self._outflow.moved

    async def shake_hands(self, headers: Headers) -> "AsyncioSocket | Lost":
        """Ask for a WebSocket."""
        request = self._protocol.connect()
        for name, value in headers:
            if name.lower() != "host":  # it is the address's, as in calls
                request.headers[name] = value
        self._protocol.send_request(request)
        await self._flushed()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            await self._listen()
        refused = self._protocol.handshake_exc
        if refused is None:
            return self  # it may have been closed again already, which whoever reads is told
        return unshaken(_response(refused.response) if isinstance(refused, InvalidStatus) else None, in_time=True)

    async def send(self, data: bytes) -> bool:
        if self._protocol.state is not State.OPEN:
            return False
        self._protocol.send_text(data)
        return await self._flushed()

    async def receive(self) -> bytes | Ending:
        while not self._arrived:
            if self._ending is not None:
                await self._outflow.last()
                return self._ending
            await self._listen()
        return self._arrived.popleft()

    async def ping(self) -> None:
        self._pings += 1
        payload, came = self._pings.to_bytes(4, "big"), anyio.Event()
        self._pongs[payload] = came
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(payload)
            await self._flushed()
        await came.wait()

    async def close(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            await self._flushed()
            await self._ended.wait()

    def cut(self) -> None:
        self._wire.close()

    async def _listen(self) -> None:
        """Read what is there, and answer to what the protocol answers by itself."""
        try:
            data = await perform(self._wire.read(PIECE))
        except (CutError, OSError):
            data = b""
        self._heard += len(data)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if self._pour():
            await self._outflow.later()
        if not data:
            self._end(_told(self._protocol.close_rcvd))
        elif self._protocol.parser_exc is not None:  # the peer broke the rules, maybe as it said goodbye
            self._end(_told(self._protocol.close_rcvd or self._protocol.close_sent))

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    self._arrived.append(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
                    self._parts = []
            case Opcode.PONG:
                self._ponged(bytes(frame.data))
            case Opcode.CLOSE:
                self._end(_told(self._protocol.close_rcvd))
            case _:
                pass

    def _ponged(self, payload: bytes) -> None:
        """Answer a ping, and those before it, which the peer may have passed over."""
        if payload in self._pongs:
            while self._pongs:
                first = next(iter(self._pongs))
                self._pongs.pop(first).set()
                if first == payload:
                    break

    def _end(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
            self._ended.set()

    async def _flushed(self) -> bool:
        """Write what the protocol has to say; False if that is of no use any more."""
        self._pour()
        return await self._outflow.flush()

    def _pour(self) -> bool:
        """Let what the protocol has to say go out; False if that is nothing."""
        said = [data for data in self._protocol.data_to_send() if data]  # an empty one stands for the end
        for data in said:
            self._outflow.put(data)
        return bool(said)


_QUIET = logging.Logger("genai_fn.websockets", logging.CRITICAL)  # noqa: LOG001  # headers in its debug lines hold keys


def _told(close: Close | None) -> Ending:
    return Ending(CUT) if close is None else Ending(int(close.code), close.reason)


def _response(response: Response) -> HttpResponse:
    headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
    body: Any = response.body or b""
    return HttpResponse(response.status_code, headers, bytes(body))
