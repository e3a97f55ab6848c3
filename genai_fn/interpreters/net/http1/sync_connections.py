"""HTTP/1.1 connections for threads, with httptools, httpcore or httpcore2."""

from contextlib import closing
from types import ModuleType
from typing import Protocol

from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.connect.connection import Target
from genai_fn.interpreters.net.connect.sync_steps import perform_steps
from genai_fn.interpreters.net.http1.base import BaseHttpcoreConnection, BaseHttpcoreStream, BaseHttptoolsConnection
from genai_fn.interpreters.net.http1.implementation import is_httptools
from genai_fn.interpreters.net.http1.requests import ResponseHead, iterate_body
from genai_fn.interpreters.net.socket import NonBlockingSocket


class SyncConnection(Protocol):
    """One connection: each request is sent, and its response read to the end, before the next one."""

    def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        """
        Send a request and read the head of its response. It raises any error of the network or of HTTP.

        `deadline` is a point of ``time.monotonic()``. After it, this raises `DeadlineExceededError`.
        """
        ...

    def read_body(self, deadline: float) -> bytes:
        """Read the next bytes of the body, ``b""`` at its end. It raises the same errors as `send_request`."""
        ...

    def is_reusable(self) -> bool:
        """Return whether the last response ended cleanly, so that another request can follow."""
        ...


def build_sync_connection(module: ModuleType, target: Target, sock: NonBlockingSocket) -> SyncConnection:
    """Build a connection over an open socket; `module` is httptools, httpcore or httpcore2."""
    return _HttptoolsConnection(target, sock) if is_httptools(module) else _HttpcoreConnection(module, target, sock)


class _HttptoolsConnection(BaseHttptoolsConnection):
    def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        self._exchange = self._exchange_type(self._socket, request, self._encoder)
        return perform_steps(self._exchange.send_request(), deadline)

    def read_body(self, deadline: float) -> bytes:
        data = self._exchange.take_body()
        return perform_steps(self._exchange.read_body(), deadline) if data is None else data


class _HttpcoreConnection(BaseHttpcoreConnection):
    """httpcore's ``HTTP11Connection``."""

    def __init__(self, module: ModuleType, target: Target, sock: NonBlockingSocket) -> None:
        super().__init__(module, target, module.HTTP11Connection, NetworkStream(sock, module.WriteError))

    def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        self._stream.deadline = deadline
        with closing(iterate_body(request.body)) as body:
            self._response = self._connection.handle_request(self._build_request(request, body))
        self._body = iter(self._response.stream)
        return self._read_head()

    def read_body(self, deadline: float) -> bytes:
        self._stream.deadline = deadline
        data: bytes = next(self._body, b"")
        if not data:
            self._response.close()
        return data


class NetworkStream(BaseHttpcoreStream):
    """httpcore's ``NetworkStream``."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for bytes, and return all that have arrived, even more than `max_bytes`; ``b""`` at the end."""
        return perform_steps(self.socket.read_available(), self.deadline)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """
        Write all bytes.

        If the peer has closed the connection, it raises httpcore's ``WriteError``: httpcore then still reads the
        response, which may contain the reason.
        """
        if self.socket.buffer_write(buffer):
            return
        try:
            perform_steps(self.socket.write(buffer), self.deadline)
        except OSError as error:
            raise self._write_error(str(error)) from None

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
