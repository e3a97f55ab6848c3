"""Sends requests over a socket, and reads their responses with httptools, as steps for sync and async executors."""

from collections.abc import Generator
from contextlib import closing
from typing import Any

from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.http1.requests import BodyReader, HeadEncoder, ResponseHead
from genai_fn.interpreters.net.http1.response_parser import ResponseParser
from genai_fn.interpreters.net.socket import NonBlockingSocket, ReadFile, SocketStep, SocketSteps


class Exchange:
    """One request and its response. Further ones may follow on the connection only if it `is_reusable` then."""

    def __init__(self, sock: NonBlockingSocket, request: HttpRequest, encoder: HeadEncoder) -> None:
        self._socket = sock
        self._request = request
        self._encoder = encoder
        self._head = encoder.encode(request)
        self._parser = ResponseParser(request.method)
        self._is_sent = False

    @property
    def is_reusable(self) -> bool:
        """Whether both the request and the response were transferred completely, and nothing else was."""
        return self._is_sent and self._parser.is_reusable and not self._encoder.has_close_option

    def send_request(self) -> SocketSteps[ResponseHead]:
        """Send the request, and read the head of the response."""
        try:
            yield from self._send_all()
            self._is_sent = True
        except OSError:  # a peer that closed the connection may have sent the reason
            self._is_sent = False
        while True:
            head = self._parser.read_head()
            if head is not None:
                return head
            self._parser.receive_data((yield from self._socket.read_available()))

    def _send_all(self) -> SocketSteps[None]:
        body = self._request.body
        if isinstance(body, bytes) and len(body) <= _SMALL_BODY_BYTES:
            whole = self._head + body
            count = self._socket.write_now(whole)
            if count < len(whole):
                yield from self._socket.write(whole[count:])
            return
        yield from self._write(self._head)
        with closing(BodyReader(body)) as reader:
            while (chunk := (yield from _read_chunk(reader))) is not None:
                yield from self._write(chunk)
        yield from self._socket.write(b"")

    def _write(self, data: bytes | memoryview) -> SocketSteps[None]:
        if not self._socket.buffer_write(data):
            yield from self._socket.write(data)

    def take_body(self) -> bytes | None:
        """Return the next bytes of the body, ``b""`` at its end; None if `read_body` has to wait, or fails."""
        return self._parser.take_body()

    def read_body(self) -> SocketSteps[bytes]:
        """Read the next bytes of the body, ``b""`` at its end. If that fails or is cancelled, the socket is closed."""
        try:
            while True:
                data = self._parser.read_body()
                if data is not None:
                    return data
                self._parser.receive_data((yield from self._socket.read_available()))
        except BaseException:  # also that of a generator which is closed, because its task was cancelled
            self._socket.close()
            raise


def _read_chunk(body: BodyReader) -> Generator[SocketStep, Any, bytes | memoryview | None]:
    if not body.is_blocking:
        return body.read_next()
    chunk: bytes | memoryview | Exception | None = yield ReadFile(body.read_next)
    if isinstance(chunk, Exception):
        raise chunk
    return chunk


_SMALL_BODY_BYTES = 1 << 15
"""A body of at most this size is sent with its head in one call."""
