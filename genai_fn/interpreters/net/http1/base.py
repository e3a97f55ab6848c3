"""What connections for threads and for tasks share, with each implementation of HTTP/1.1."""

import math
from types import ModuleType
from typing import Any

from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.connect.connection import Target
from genai_fn.interpreters.net.http1.requests import (
    HeadEncoder,
    ResponseHead,
    UnsendableRequestError,
    build_headers,
    build_request_target,
    decode_headers,
)
from genai_fn.interpreters.net.socket import NonBlockingSocket


class BaseHttptoolsConnection:
    """A connection by httptools, with one `Exchange` for each request."""

    def __init__(self, target: Target, sock: NonBlockingSocket) -> None:
        from genai_fn.interpreters.net.http1.exchange import Exchange  # noqa: PLC0415  # httptools is optional

        self._exchange_type = Exchange
        self._encoder = HeadEncoder(target)
        self._socket = sock
        self._exchange: Exchange

    def is_reusable(self) -> bool:
        return self._exchange.is_reusable


class BaseHttpcoreStream:
    """A network stream of httpcore over a socket. It ignores `timeout`: `deadline` is set before each use."""

    def __init__(self, sock: NonBlockingSocket, write_error: type[Exception]) -> None:
        self.socket = sock
        self.deadline = math.inf
        self._write_error = write_error

    def get_extra_info(self, info: str) -> None:
        """Return None: there is no extra information."""


class BaseHttpcoreConnection:
    """
    A connection by httpcore or httpcore2, which have the same names.

    Args:
        connection_type: The class ``HTTP11Connection``, or ``AsyncHTTP11Connection``.
    """

    def __init__(self, module: ModuleType, target: Target, connection_type: Any, stream: BaseHttpcoreStream) -> None:
        self._module = module
        self._target = target
        self._stream = stream
        origin = module.Origin(target.scheme.encode("ascii"), target.host.encode("ascii"), target.port)
        self._connection: Any = connection_type(origin, stream)
        self._response: Any = None
        self._body: Any = None

    def is_reusable(self) -> bool:
        """
        Return whether the last response ended cleanly, so that another request can follow.

        Bytes after a response would be read as the response to the next request. Where they cannot be seen, because
        httpcore keeps its protocol state elsewhere, the connection is not used again.
        """
        trailing = getattr(getattr(self._connection, "_h11_state", None), "trailing_data", None)
        return trailing is not None and not trailing[0] and bool(self._connection.is_available())

    def _build_request(self, request: HttpRequest, body: Any) -> Any:
        """Build httpcore's request, whose content is an iterator of chunks."""
        try:
            return self._module.Request(
                request.method.encode("ascii"),
                self._module.URL(
                    scheme=self._target.scheme.encode("ascii"),
                    host=self._target.host.encode("ascii"),
                    port=self._target.port,
                    target=build_request_target(request.url).encode("ascii"),
                ),
                headers=build_headers(request, self._target),
                content=body,
            )
        except UnicodeEncodeError as error:
            raise UnsendableRequestError(f"not encodable in HTTP/1.1: {error.reason}") from None

    def _read_head(self) -> ResponseHead:
        """Read the status and the headers of httpcore's response."""
        return ResponseHead(self._response.status, decode_headers(self._response.headers))
