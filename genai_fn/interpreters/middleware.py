"""
Middleware: wraps the request handler, the transport or the connector of an interpreter.

``run.with_middleware(…)`` of every interpreter takes it. There are two seams for requests: a `RequestHandler` sees each
request once, above retries: caches, fallbacks and budgets belong there. A `Transport` sees each attempt, below retries:
rate limits and wire logs belong there. A `Connector` connects live sessions.
"""

from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn.backend import Gemini, Vertex
from genai_fn.effects import EffectFailed, Effects, OpenResponse, ReadChunk, SendRequest
from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.transport import EffectTransport, Transport
from genai_fn.errors import APIError, GenaiError, InvalidRequest
from genai_fn.http import Headers, HttpRequest
from genai_fn.request import Request
from genai_fn.values import Value
from genai_fn.wire import prepare_request

if TYPE_CHECKING:
    from genai_fn.interpreters.live.sockets import Connector  # loaded with anyio, at the first use

__all__ = [
    "AttemptHandler",
    "ConnectorMiddleware",
    "HandlerWrapper",
    "Middleware",
    "RequestHandler",
    "Transport",
    "TransportMiddleware",
    "TransportWrapper",
    "apply_middleware",
    "apply_transport_middleware",
    "compose_connector_middleware",
    "identity",
]

T = TypeVar("T")

Middleware: TypeAlias = Callable[[RequestHandler], RequestHandler]
"""A function from a request handler to one that wraps it, such as a subclass of `HandlerWrapper`."""

TransportMiddleware: TypeAlias = Callable[[Transport], Transport]
"""A function from a transport to one that wraps it, such as a subclass of `TransportWrapper`."""

ConnectorMiddleware: TypeAlias = Callable[["Connector"], "Connector"]
"""A function from the connector of live sessions to one that wraps it."""


class HandlerWrapper:
    """
    A request handler that passes everything on to another one, `inner`; a subclass overrides what it changes.

    Retries and HTTP happen below it, so it sees each request once. Its methods are generators of effects: ``yield
    Sleep(1.0)`` waits, in virtual time where the interpreter has that.

    >>> from genai_fn import Offline, Success, generate, text
    >>> class Cache(HandlerWrapper):
    ...     def __init__(self, inner):
    ...         super().__init__(inner)
    ...         self.results = {}
    ...
    ...     def handle(self, request, until):
    ...         if request not in self.results:
    ...             print("asking the model")
    ...             self.results[request] = yield from self.inner.handle(request, until)
    ...         return self.results[request]
    >>> run = Offline().with_middleware(Cache)
    >>> question = generate("gemini-2.5-flash", "hi") | text
    >>> run(question) == run(question)
    asking the model
    True
    """

    def __init__(self, inner: RequestHandler) -> None:
        self.inner = inner

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end; `until` is the deadline, in seconds of the clock that `GetTime` reads."""
        return self.inner.handle(request, until)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream, up to its first item; returns a handle for `read_items`."""
        return self.inner.open_stream(request, until)

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream; ``()`` at its end."""
        return self.inner.read_items(handle)


class TransportWrapper:
    """
    A transport that passes everything on to another one, `inner`; a subclass overrides what it changes.

    Retries happen above it, so it sees each attempt. The headers that it sees contain the credential. Requests for
    OAuth tokens do not pass through it.

    In an interpreter without HTTP (`Fake`, `Replay`, drawn interpreters) each request is one attempt: `send` is called
    with the HTTP request that the Gemini Developer API would receive (or Vertex AI, for operations of that alone),
    without a credential, and its response has a status and no body. A request that cannot be encoded skips it.

    >>> from genai_fn import Offline, generate
    >>> class Log(TransportWrapper):
    ...     def send(self, request):
    ...         response = yield from self.inner.send(request)
    ...         print(request.request.method, request.request.url, getattr(response, "status", response))
    ...         return response
    >>> run = Offline().with_middleware(transport=Log)
    >>> result = run(generate("gemini-2.5-flash", "hi"))
    POST https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent 200
    """

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Send a request, and return the response as soon as its head has arrived."""
        return self.inner.send(request)

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Read the next chunk of the body, still encoded; ``b""`` at its end."""
        return self.inner.read_chunk(chunk)


def apply_middleware(middleware: Middleware, handler: RequestHandler) -> RequestHandler:
    """Wrap a request handler; raises `InvalidRequest` unless that results in a request handler."""
    if not callable(middleware):
        raise InvalidRequest("middleware", middleware, "a function from a request handler to a request handler")
    wrapped: Any = middleware(handler)
    if not all(callable(getattr(wrapped, name, None)) for name in _HANDLER_METHODS):
        raise InvalidRequest(
            "middleware",
            middleware,
            f"a function that returns a request handler, with {', '.join(_HANDLER_METHODS)}",
        )
    return cast("RequestHandler", wrapped)


_HANDLER_METHODS = ("handle", "open_stream", "read_items")


def apply_transport_middleware(middleware: TransportMiddleware, transport: Transport | None) -> Transport:
    """Wrap a transport, or that of the connection pool; raises `InvalidRequest` unless that results in a transport."""
    if not callable(middleware):
        raise InvalidRequest("transport", middleware, "a function from a transport to a transport")
    wrapped: Any = middleware(transport or EffectTransport())
    if not all(callable(getattr(wrapped, name, None)) for name in _TRANSPORT_METHODS):
        raise InvalidRequest(
            "transport", middleware, f"a function that returns a transport, with {', '.join(_TRANSPORT_METHODS)}"
        )
    return cast("Transport", wrapped)


_TRANSPORT_METHODS = ("send", "read_chunk")


def compose_connector_middleware(inner: ConnectorMiddleware, outer: ConnectorMiddleware) -> ConnectorMiddleware:
    """Return the middleware that wraps a connector by `inner` first, then by `outer`."""
    if not callable(outer):
        raise InvalidRequest("connector", outer, "a function from a connector to a connector")
    if inner is identity:
        return outer
    return lambda connector: outer(inner(connector))


def identity(value: T) -> T:
    """Return the value: middleware that wraps nothing."""
    return value


# Transport middleware where there is no transport


class AttemptHandler(HandlerWrapper):
    """Calls a handler that uses no HTTP through transport middleware: each request is one attempt."""

    def __init__(self, middleware: TransportMiddleware, inner: RequestHandler) -> None:
        super().__init__(inner)
        self._transport = apply_transport_middleware(middleware, _AnswerTransport())

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request."""
        return self._send(request, until, partial(self.inner.handle, request, until))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream."""
        return self._send(request, until, partial(self.inner.open_stream, request, until))

    def _send(
        self, request: Request[Any], until: float, answer: Callable[[], Effects[Result[Any, GenaiError]]]
    ) -> Effects[Result[Any, GenaiError]]:
        encoded = _encode_request(request)
        if encoded is None:
            return (yield from answer())
        response = yield from self._transport.send(_AnsweredRequest(encoded, until, inf, answer=answer))
        if isinstance(response, EffectFailed):
            return Failure(response.error)
        if not isinstance(response, _AnsweredResponse):
            raise InvalidRequest("transport", response, "the response of the inner transport, or an EffectFailed")
        return response.result


def _encode_request(request: Request[Any]) -> HttpRequest | None:
    for backend in (Gemini(), Vertex("project", "us-central1")):
        prepared = prepare_request(request, backend)
        if isinstance(prepared, Success):
            http: HttpRequest = prepared.unwrap().http
            return http
    return None


class _AnsweredRequest(SendRequest):
    """A request with the call that answers it; ``msgspec.structs.replace`` keeps it."""

    answer: Callable[[], Effects[Result[Any, GenaiError]]] | None = None


class _AnsweredResponse(Value):
    status: int
    headers: Headers
    result: Result[Any, GenaiError]


class _AnswerTransport:
    """Answers requests by their own call."""

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Answer a request."""
        if not isinstance(request, _AnsweredRequest) or request.answer is None:
            raise InvalidRequest("transport", request, "the given SendRequest, or a msgspec.structs.replace of it")
        result = yield from request.answer()
        if isinstance(result, Success):
            return _AnsweredResponse(200, (), result)
        error = result.failure()
        return (
            _AnsweredResponse(error.code, error.headers, result) if isinstance(error, APIError) else EffectFailed(error)
        )

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Return the end of the body: it has none."""
        yield from ()
        return b""
