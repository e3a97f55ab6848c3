"""The WebSocket protocol by ``websockets``, an optional package that is faster than ``wsproto``."""

import logging
from collections.abc import Iterable
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from genai_fn.http import Headers, HttpResponse
from genai_fn.interpreters.live.sockets import (
    MAX_MESSAGE_BYTES,
    CloseStatus,
    HandshakeDone,
    PongReceived,
    WebSocketEvent,
)
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE


class WebsocketsProtocol:
    """A `WebSocketProtocol` over the ``ClientProtocol`` of ``websockets``."""

    def __init__(self, url: str) -> None:
        self._protocol = ClientProtocol(parse_uri(url), max_size=MAX_MESSAGE_BYTES, logger=_SILENT_LOGGER)
        self._is_handshake_done = False
        self._message = bytearray()

    @property
    def is_open(self) -> bool:
        return self._protocol.state is State.OPEN

    def encode_handshake(self, headers: Headers) -> bytes:
        request = self._protocol.connect()
        for name, value in headers:
            request.headers[name] = value
        self._protocol.send_request(request)
        return self.take_replies().decode().encode("latin-1")  # as in HTTP requests; websockets encodes as UTF-8

    def encode_message(self, data: bytes) -> bytes:
        self._protocol.send_text(data)
        return self.take_replies()

    def encode_ping(self, payload: bytes) -> bytes:
        self._protocol.send_ping(payload)
        return self.take_replies()

    def encode_close(self, code: int) -> bytes:
        self._protocol.send_close(code)
        return self.take_replies()

    def receive_data(self, data: bytes) -> Iterable[WebSocketEvent]:
        protocol = self._protocol
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
        has_ended = protocol.state is not State.CONNECTING or protocol.handshake_exc is not None
        if has_ended and not self._is_handshake_done:
            self._is_handshake_done = True
            yield _build_handshake_end(protocol.handshake_exc)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                yield from self._handle_frame(event)
        if not data:
            yield _build_close_status(protocol.close_rcvd)
        elif protocol.parser_exc is not None:  # the peer violated the protocol, perhaps after its close frame
            yield _build_close_status(protocol.close_rcvd or protocol.close_sent)

    def take_replies(self) -> bytes:
        return b"".join(self._protocol.data_to_send())

    def _handle_frame(self, frame: Frame) -> Iterable[WebSocketEvent]:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                if frame.fin and not self._message:
                    yield bytes(frame.data)
                    return
                self._message += frame.data  # joined at once: the number of fragments has no limit
                if frame.fin:
                    yield bytes(self._message)
                    self._message.clear()
            case Opcode.PONG:
                yield PongReceived(bytes(frame.data))
            case Opcode.CLOSE:
                yield _build_close_status(self._protocol.close_rcvd)
            case _:
                pass


_SILENT_LOGGER = logging.Logger("genai_fn.websockets", logging.CRITICAL)  # noqa: LOG001  # its debug messages contain headers, and so keys


def _build_handshake_end(error: Exception | None) -> HandshakeDone:
    return HandshakeDone(error is None, _convert_response(error.response) if isinstance(error, InvalidStatus) else None)


def _build_close_status(close: Close | None) -> CloseStatus:
    return CloseStatus(ABNORMAL_CLOSURE) if close is None else CloseStatus(int(close.code), close.reason)


def _convert_response(response: Response) -> HttpResponse:
    headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
    body: Any = response.body or b""
    return HttpResponse(response.status_code, headers, bytes(body))
