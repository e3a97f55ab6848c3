"""
Middleware: wraps the request handler, the transport, the connector or the programs of an interpreter.

``run.with_middleware(…)`` of every interpreter takes it. There are two seams for requests: a `RequestHandler` sees each
request once, above retries: caches, fallbacks and budgets belong there. A `Transport` sees each attempt, below retries:
wire logs belong there. A handler that needs to know its request and each of its attempts, such as a rate limit, runs
the inner one through a transport of its own: ``send_through(self.inner.handle(request, until), transport)``. A
`Connector` connects live sessions. A program is one run of an action or a stream, with all its requests and functions,
or a call of a function in a live session.
"""

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from returns.result import Result

from genai_fn.effects import EffectFailed, Effects, OpenResponse, ReadChunk, SendRequest
from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.transport import EffectTransport, Transport, send_through
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Action, Live, Request, Stream
from genai_fn.values import Value

if TYPE_CHECKING:
    from genai_fn.interpreters.live.sockets import Connector  # loaded with anyio, at the first use

__all__ = [
    "ConnectorMiddleware",
    "HandlerWrapper",
    "Middleware",
    "ProgramMiddleware",
    "RequestHandler",
    "SessionMiddleware",
    "SeveralSeams",
    "Transport",
    "TransportMiddleware",
    "TransportWrapper",
    "apply_middleware",
    "apply_transport_middleware",
    "compose_middleware",
    "identity",
    "send_through",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Middleware: TypeAlias = Callable[[RequestHandler], RequestHandler]
"""A function from a request handler to one that wraps it, such as a subclass of `HandlerWrapper`."""

TransportMiddleware: TypeAlias = Callable[[Transport], Transport]
"""A function from a transport to one that wraps it, such as a subclass of `TransportWrapper`."""

ConnectorMiddleware: TypeAlias = Callable[["Connector"], "Connector"]
"""A function from the connector of live sessions to one that wraps it."""

SessionMiddleware: TypeAlias = Callable[[Live[Any], "Connector"], "Connector"]
"""A function from a `Live` and the connector of its session to a connector that wraps it."""

ProgramMiddleware: TypeAlias = Callable[[Action[Any] | Stream[Any], Effects[Any]], Effects[Any]]
"""A function from an action or a stream and its program to a program that wraps it; it sees every effect of the run."""


class SeveralSeams(Value, kw_only=True):
    """
    Middleware that wraps more than the request handler; ``with_middleware`` takes it as it takes a function.

    Args:
        handler: Wraps the request handler.

        transport: Wraps the transport.

        connector: Wraps the connector of live sessions; it is ignored where the interpreter has none.

        session: Wraps the connector of each live session, as `connector` does; it receives the `Live`, too.

        program: Wraps the program of each run, with its functions and the requests of all its flows.

        name: What its ``repr`` shows in place of all that.

    >>> from genai_fn import Offline, generate
    >>> class CountAttempts(TransportWrapper):
    ...     def send(self, request):
    ...         print("an attempt")
    ...         return (yield from self.inner.send(request))
    >>> class CountRequests(HandlerWrapper):
    ...     def handle(self, request, until):
    ...         print("a request")
    ...         return (yield from self.inner.handle(request, until))
    >>> counted = SeveralSeams(handler=CountRequests, transport=CountAttempts, name="counted")
    >>> answer = Offline().with_middleware(counted)(generate("gemini-2.5-flash", "hi"))
    a request
    an attempt
    """

    handler: Middleware | None = None
    transport: TransportMiddleware | None = None
    connector: ConnectorMiddleware | None = None
    session: SessionMiddleware | None = None
    program: ProgramMiddleware | None = None
    name: str = ""

    def __repr__(self) -> str:
        return self.name or super().__repr__()


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
    if isinstance(middleware, FunctionType) and _is_builder(middleware):
        raise InvalidRequest("middleware", middleware, f"what {middleware.__name__}(…) returns: call it")
    wrapped = middleware(handler)
    _check_methods("middleware", middleware, "a request handler", wrapped, "handle", "open_stream", "read_items")
    return wrapped


def _is_builder(function: FunctionType) -> bool:
    """Whether it is a function of ``genai_fn.middleware`` that returns middleware, such as ``limited``."""
    return function.__module__.startswith("genai_fn.middleware.") and "." not in function.__qualname__


def apply_transport_middleware(middleware: TransportMiddleware, transport: Transport | None) -> Transport:
    """Wrap a transport, or that of the connection pool; raises `InvalidRequest` unless that results in a transport."""
    if not callable(middleware):
        raise InvalidRequest("transport", middleware, "a function from a transport to a transport")
    wrapped = middleware(transport or EffectTransport())
    _check_methods("transport", middleware, "a transport", wrapped, "send", "read_chunk")
    return wrapped


def _check_methods(parameter: str, middleware: object, kind: str, wrapped: object, *methods: str) -> None:
    """Raise `InvalidRequest` if what a middleware has returned lacks a method."""
    if not all(callable(getattr(wrapped, name, None)) for name in methods):
        raise InvalidRequest(parameter, middleware, f"a function that returns {kind}, with {', '.join(methods)}")


def compose_middleware(seam: str, inner: F | None, outer: F) -> F:
    """
    Return the middleware of a seam that wraps its last argument by `inner` first, then by `outer`.

    The seam is ``connector``, ``session`` or ``program``; of the last two, the first argument is what is run.
    """
    if not callable(outer):
        raise InvalidRequest(seam, outer, _EXPECTED[seam])
    if inner is None:
        return outer

    def wrap(*args: Any) -> Any:
        *run, wrapped = args
        return outer(*run, inner(*run, wrapped))

    return cast("F", wrap)


_EXPECTED = {
    "connector": "a function from a connector to a connector",
    "session": "a function from a Live and a connector to a connector",
    "program": "a function from an action and its program to a program",
}


def identity(value: T) -> T:
    """Return the value: middleware that wraps nothing."""
    return value
