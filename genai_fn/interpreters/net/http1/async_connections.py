"""HTTP/1.1 connections for tasks of asyncio and trio, with httptools, httpcore or httpcore2."""

import math
from contextlib import closing
from types import ModuleType
from typing import Any, Protocol

from anyio import to_thread

from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.connect.connection import Target
from genai_fn.interpreters.net.http1.implementation import (
    build_httpcore_origin,
    build_httpcore_request,
    is_httpcore_reusable,
    is_httptools,
    read_httpcore_head,
)
from genai_fn.interpreters.net.http1.requests import BodyReader, HeadEncoder, ResponseHead
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


class _HttptoolsConnection:
    def __init__(self, target: Target, sock: NonBlockingSocket) -> None:
        from genai_fn.interpreters.net.http1.exchange import Exchange  # noqa: PLC0415  # httptools is optional

        self._exchange_type = Exchange
        self._encoder = HeadEncoder(target)
        self._socket = sock
        self._exchange: Exchange

    async def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        self._exchange = self._exchange_type(self._socket, request, self._encoder)
        return await perform_steps(self._exchange.send_request(), deadline)

    async def read_body(self, deadline: float) -> bytes:
        return await perform_steps(self._exchange.read_body(), deadline)

    async def finish_body(self) -> None:
        """Do nothing: no generator of it stays open between two calls."""

    def is_reusable(self) -> bool:
        return self._exchange.is_reusable


class _HttpcoreConnection:
    """httpcore's ``AsyncHTTP11Connection``."""

    def __init__(self, module: ModuleType, target: Target, sock: NonBlockingSocket) -> None:
        self._module = module
        self._target = target
        self._stream = AsyncNetworkStream(sock, module.WriteError)
        self._connection: Any = module.AsyncHTTP11Connection(build_httpcore_origin(module, target), self._stream)
        self._response: Any = None
        self._body: Any = None
        self._has_started = False

    async def send_request(self, request: HttpRequest, deadline: float) -> ResponseHead:
        self._stream.deadline = deadline
        with closing(_AsyncBody(BodyReader(request.body))) as body:
            self._response = await self._connection.handle_async_request(
                build_httpcore_request(self._module, request, self._target, body)
            )
        self._body, self._has_started = aiter(self._response.stream), False
        return read_httpcore_head(self._response)

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

    def is_reusable(self) -> bool:
        return is_httpcore_reusable(self._connection)


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


class AsyncNetworkStream:
    """httpcore's ``AsyncNetworkStream`` over a socket. It ignores `timeout`: `deadline` is set before each use."""

    def __init__(self, sock: NonBlockingSocket, write_error: type[Exception]) -> None:
        self.socket = sock
        self.deadline = math.inf
        self._write_error = write_error

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

    def get_extra_info(self, info: str) -> None:
        """Return None: there is no extra information."""
