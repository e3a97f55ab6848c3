"""The WebSocket protocol by ``wsproto``, which every installation has, as trio-websocket needs it."""

from collections.abc import Iterable

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from genai_fn.http import Headers, HttpResponse
from genai_fn.interpreters.live.addresses import build_host_header
from genai_fn.interpreters.live.sockets import (
    MAX_MESSAGE_BYTES,
    CloseStatus,
    HandshakeDone,
    PongReceived,
    WebSocketEvent,
)
from genai_fn.interpreters.net.http1.requests import build_request_target, decode_headers, encode_headers
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE


class WsprotoProtocol:
    """A `WebSocketProtocol` over the client's connection of ``wsproto``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._is_handshake_done = self._has_ended = False
        self._refusal: RejectConnection | None = None
        self._refusal_body = bytearray()
        self._message = bytearray()
        self._replies = bytearray()

    @property
    def is_open(self) -> bool:
        return self._connection.state is ConnectionState.OPEN

    def encode_handshake(self, headers: Headers) -> bytes:
        host, target = build_host_header(self._url), build_request_target(self._url)
        return self._connection.send(Request(host, target, extra_headers=encode_headers(headers)))

    def encode_message(self, data: bytes) -> bytes:
        return self._connection.send(TextMessage(data.decode()))

    def encode_ping(self, payload: bytes) -> bytes:
        return self._connection.send(Ping(payload))

    def encode_close(self, code: int) -> bytes:
        return self._connection.send(CloseConnection(code))

    def receive_data(self, data: bytes) -> Iterable[WebSocketEvent]:
        is_broken = not data or len(self._refusal_body) > _MAX_REFUSAL_BYTES
        if data or not self._is_handshake_done:  # at the end, wsproto would report a close frame
            try:
                self._connection.receive_data(data)
            except (ProtocolError, UnicodeDecodeError):  # the latter for headers that are not ASCII
                is_broken = True
        for event in self._connection.events():
            yield from self._handle_event(event)
            if self._has_ended:
                return
        if is_broken and not self._is_handshake_done:
            yield from self._end_handshake(was_accepted=False)
        elif is_broken:
            yield CloseStatus(ABNORMAL_CLOSURE)

    def take_replies(self) -> bytes:
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def _handle_event(self, event: Event) -> Iterable[WebSocketEvent]:
        match event:
            case TextMessage() | BytesMessage():
                yield from self._handle_message(event)
            case Ping():
                self._reply(event.response())
            case Pong():
                yield PongReceived(bytes(event.payload))
            case CloseConnection():  # also if the peer violated the protocol, with the code that says so
                yield from self._end(event.response())
            case _:
                yield from self._handle_handshake_event(event)

    def _handle_handshake_event(self, event: Event) -> Iterable[WebSocketEvent]:
        match event:
            case AcceptConnection():
                yield from self._end_handshake(was_accepted=True)
            case RejectConnection():
                self._refusal = event
                if not event.has_body:
                    yield from self._end_handshake(was_accepted=False)
            case RejectData():
                self._refusal_body += event.data
                if event.body_finished:
                    yield from self._end_handshake(was_accepted=False)
            case _:
                pass

    def _handle_message(self, event: TextMessage | BytesMessage) -> Iterable[WebSocketEvent]:
        self._message += event.data.encode() if isinstance(event.data, str) else event.data
        if len(self._message) > MAX_MESSAGE_BYTES:
            yield from self._end(CloseConnection(CloseReason.MESSAGE_TOO_BIG, f"over {MAX_MESSAGE_BYTES} bytes"))
        elif event.message_finished:
            yield bytes(self._message)
            self._message.clear()

    def _end(self, reply: CloseConnection) -> Iterable[WebSocketEvent]:
        """Answer with a close frame, and ignore what the peer sends after this."""
        self._has_ended = True
        self._reply(reply)
        yield CloseStatus(int(reply.code), reply.reason or "")

    def _end_handshake(self, *, was_accepted: bool) -> Iterable[WebSocketEvent]:
        if not self._is_handshake_done:
            self._is_handshake_done = True
            yield HandshakeDone(was_accepted, self._build_refusal())

    def _build_refusal(self) -> HttpResponse | None:
        """Build the response that refused the handshake, of whose body only a part may have arrived."""
        if self._refusal is None:
            return None
        headers = decode_headers(self._refusal.headers)
        return HttpResponse(self._refusal.status_code, headers, bytes(self._refusal_body))

    def _reply(self, event: Event) -> None:
        """Answer the peer, unless a close frame was sent or received before."""
        is_answer = isinstance(event, CloseConnection) and self._connection.state is ConnectionState.REMOTE_CLOSING
        if self.is_open or is_answer:
            self._replies += self._connection.send(event)


_MAX_REFUSAL_BYTES = 1024 * 1024
