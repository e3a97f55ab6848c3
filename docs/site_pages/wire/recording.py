"""Records what goes over the wire: HTTP requests with their responses, and the messages of live sessions."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from returns.result import Result, Success

from genai_fn import Gemini, Vertex
from genai_fn.backend import build_bearer_credential, build_own_credential
from genai_fn.effects import EffectFailed, Effects, OpenResponse, ReadChunk, SendRequest
from genai_fn.errors import GenaiError
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpreters.live.sockets import CloseStatus, Connector, MessageSocket
from genai_fn.live_protocol.handshake import build_live_credential, encode_handshake
from genai_fn.middleware import HandlerWrapper, RequestHandler, SeveralSeams, Transport, TransportWrapper
from genai_fn.request import Live, Request
from genai_fn.wire.signing import sign_request

__all__ = ["Exchange", "Record", "Recording", "SessionMessage"]

T = TypeVar("T")


@dataclass
class Exchange:
    """An HTTP request, and its response as far as it was read; the handshake of a session has none."""

    request: HttpRequest
    head: OpenResponse | None = None
    body: bytes = b""

    @property
    def response(self) -> HttpResponse | None:
        """The response."""
        return None if self.head is None else HttpResponse(self.head.status, self.head.headers, self.body)


class SessionMessage(NamedTuple):
    """A message of a live session, or its end."""

    is_sent: bool
    content: bytes | CloseStatus


Record: TypeAlias = Exchange | SessionMessage


class Recording:
    """What went over the wire to a backend, the operations that caused it, and the types of the messages sent."""

    def __init__(self, backend: Gemini | Vertex) -> None:
        self.records: list[Record] = []
        self.operations: list[type[Any]] = []
        self.message_types: list[type[Any]] = []
        self._backend = backend

    def build_middleware(self) -> SeveralSeams:
        """Build the middleware that records."""
        return SeveralSeams(
            handler=lambda handler: _OperationRecorder(handler, self),
            transport=lambda transport: _RecordingTransport(transport, self),
            session=lambda live, connector: _RecordingConnector(connector, self, live),
        )

    def add_exchange(self, request: HttpRequest) -> Exchange:
        """Record a request with its credential; `Offline` sends none to Vertex AI."""
        credential = build_own_credential(self._backend) or build_bearer_credential(self._backend, "***")
        exchange = Exchange(sign_request(request, build_live_credential(self._backend, credential)))
        self.records.append(exchange)
        return exchange

    def add_handshake(self, live: Live[Any]) -> None:
        """Record the request that opens the WebSocket of a session."""
        self.add_exchange(encode_handshake(live, self._backend).unwrap().http)

    def clear(self) -> None:
        """Forget all that was recorded."""
        for each in (self.records, self.operations, self.message_types):
            each.clear()


class _OperationRecorder(HandlerWrapper):
    def __init__(self, inner: RequestHandler, recording: Recording) -> None:
        super().__init__(inner)
        self._recording = recording

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        self._recording.operations.append(type(request.operation))
        return self.inner.handle(request, until)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        self._recording.operations.append(type(request.operation))
        return self.inner.open_stream(request, until)


class _RecordingTransport(TransportWrapper):
    def __init__(self, inner: Transport, recording: Recording) -> None:
        super().__init__(inner)
        self._recording = recording

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        exchange = self._recording.add_exchange(request.request)
        opened = yield from self.inner.send(request)
        if not isinstance(opened, EffectFailed):
            exchange.head = opened
        return opened

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        data = yield from self.inner.read_chunk(chunk)
        if not isinstance(data, EffectFailed):
            for each in self._recording.records:
                if isinstance(each, Exchange) and each.head is chunk.response:
                    each.body += data
        return data


class _RecordingConnector:
    """Records the handshake and the messages of a session."""

    def __init__(self, inner: Connector, recording: Recording, live: Live[Any]) -> None:
        self._inner = inner
        self._recording = recording
        self._live = live

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        encoded = self._inner.encode(frame)
        if isinstance(encoded, Success):
            self._recording.message_types.append(frame.__class__)
            self._recording.records.append(SessionMessage(is_sent=True, content=encoded.unwrap()))
        return encoded

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        self._recording.records.append(SessionMessage(is_sent=False, content=data))
        return self._inner.decode(data)

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        async with self._inner.connect(handle) as connected:
            if not isinstance(connected, EffectFailed):
                socket: Any = connected[0]
                socket.receive = _record_close(socket.receive, self._recording)
                self._recording.operations.append(type(self._live.operation))
                self._recording.add_handshake(self._live)
                self._recording.records.append(SessionMessage(is_sent=True, content=connected[1]))
            yield connected


def _record_close(receive: Any, recording: Recording) -> Any:
    async def receive_message() -> Any:
        message = await receive()
        if isinstance(message, CloseStatus) and message.code != _NORMAL_CLOSURE:  # the client's own, at the end
            recording.records.append(SessionMessage(is_sent=False, content=message))
        return message

    return receive_message


_NORMAL_CLOSURE = 1000
