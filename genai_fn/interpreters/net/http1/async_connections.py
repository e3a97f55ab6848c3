"""HTTP/1.1 connections for tasks of asyncio and trio, with httptools, httpcore or httpcore2."""

from contextlib import closing
from types import ModuleType
from typing import Protocol

from anyio import to_thread

from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.connect.connection import Target
from genai_fn.interpreters.net.http1.base import BaseHttpcoreConnection, BaseHttpcoreStream, BaseHttptoolsConnection
from genai_fn.interpreters.net.http1.implementation import is_httptools
from genai_fn.interpreters.net.http1.requests import BodyReader, ResponseHead
from genai_fn.interpreters.net.socket import NonBlockingSocket


class AsyncConnection(Protocol):
    """One connection: each request is sent, and its response read to the end, before the next one."""

    async def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        """
        Send a request and read the head of its response. It raises any error of the network or of HTTP.

        `deadline` is a point of ``time.monotonic()``. After it, this raises `DeadlineExceededError`.
        """
        ...

    async def read_body(self, deadline: float) -> bytes:
        """Read the next bytes of the body, ``b""`` at its end. It raises the same errors as `send_request`."""
        ...

    async def finish_body(self) -> None:
        """End what reads the body, after its socket was closed."""

    def is_reusable(self) -> bool:
        """Return whether the last response ended cleanly, so that another request can follow."""
        ...


def build_async_connection(module: ModuleType, target: Target, sock: NonBlockingSocket) -> AsyncConnection:
    """Build a connection over an open socket; `module` is httptools, httpcore or httpcore2."""
    return _HttptoolsConnection(target, sock) if is_httptools(module) else _HttpcoreConnection(module, target, sock)


class _HttptoolsConnection(BaseHttptoolsConnection):
    async def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        self._exchange = self._exchange_type(self._socket, request, self._encoder)
        return await perform_steps(self._exchange.send_request(), deadline)

    async def read_body(self, deadline: float) -> bytes:
        return await perform_steps(self._exchange.read_body(), deadline)

    async def finish_body(self) -> None:
        """Do nothing: no generator of it stays open between two calls."""


class _HttpcoreConnection(BaseHttpcoreConnection):
    """httpcore's ``AsyncHTTP11Connection``."""

    def __init__(self, module: ModuleType, target: Target, sock: NonBlockingSocket) -> None:
        super().__init__(module, target, module.AsyncHTTP11Connection, AsyncNetworkStream(sock, module.WriteError))
        self._has_started = False

    async def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        self._stream.deadline = deadline
        with closing(_AsyncBody(BodyReader(request.body))) as body:
            self._response = await self._connection.handle_async_request(self._build_request(request, body))
        self._body, self._has_started = aiter(self._response.stream), False
        return self._read_head()

    async def read_body(self, deadline: float) -> bytes:
        self._stream.deadline = deadline
        self._has_started = True
        try:
            data: bytes = await self._body.__anext__()
        except StopAsyncIteration:
            await self._response.aclose()
            return b""
        return data

    async def finish_body(self) -> None:
        """Exhaust httpcore's async generators: trio warns of unfinished ones."""
        while self._has_started:
            try:
                await self._body.__anext__()
            except StopAsyncIteration:
                return


class _AsyncBody:
    """
    An async iterator over the chunks of a body; files are read in a worker thread.

    It is no async generator: asyncio leaves one of those unfinished after an error.
    """

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader
        self.close = reader.close

    def __aiter__(self) -> "_AsyncBody":
        return self

    async def __anext__(self) -> bytes | memoryview:
        read_next = self._reader.read_next
        chunk = await to_thread.run_sync(read_next) if self._reader.is_blocking else read_next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


class AsyncNetworkStream(BaseHttpcoreStream):
    """httpcore's ``AsyncNetworkStream``."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """Wait for bytes, and return all that have arrived, even more than `max_bytes`; ``b""`` at the end."""
        return await perform_steps(self.socket.read_available(), self.deadline)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        """
        Write all bytes.

        If the peer has closed the connection, it raises httpcore's ``WriteError``: httpcore then still reads the
        response, which may contain the reason.
        """
        if self.socket.buffer_write(buffer):
            return
        try:
            await perform_steps(self.socket.write(buffer), self.deadline)
        except OSError as error:
            raise self._write_error(str(error)) from None

    async def aclose(self) -> None:
        """Close the socket."""
        self.socket.close()
