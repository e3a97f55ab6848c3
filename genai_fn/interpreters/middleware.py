"""
What may come between an interpreter and whoever answers it: functions from exchange to exchange, as ``through(…)`` of
every interpreter takes them; for live sessions, from wiring to wiring.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn.effects import Effects
from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Request

if TYPE_CHECKING:
    from genai_fn.interpreters.live.sockets import Connector  # loaded with anyio, at the first use

__all__ = [
    "HandlerWrapper",
    "LiveMiddleware",
    "Middleware",
    "apply_middleware",
    "apply_middleware_to_result",
    "compose_live_middleware",
    "identity",
]

T = TypeVar("T")

Middleware: TypeAlias = Callable[[RequestHandler], RequestHandler]
LiveMiddleware: TypeAlias = "Callable[[Connector], Connector]"


class HandlerWrapper:
    """
    An exchange that asks another one: what comes between derives from it, and does otherwise what it likes.

    >>> from genai_fn import generate, text
    >>> from genai_fn.testing import Fake
    >>> class Polite(HandlerWrapper):
    ...     def handle(self, request, until):
    ...         result = yield from self.inner.handle(request, until)
    ...         print("Thank you.")
    ...         return result
    >>> run = Fake({"generate": "hello"}).with_middleware(Polite)
    >>> run(generate("gemini-2.5-flash", "hi") | text)
    Thank you.
    <Success: hello>
    """

    def __init__(self, inner: RequestHandler) -> None:
        self.inner = inner

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end."""
        return self.inner.handle(request, until)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream; answers a handle for `following`."""
        return self.inner.open_stream(request, until)

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give the items that have come since; ``()`` at the end."""
        return self.inner.read_items(handle)


def apply_middleware_to_result(
    found: Result[RequestHandler, GenaiError], between: Middleware
) -> Result[RequestHandler, GenaiError]:
    """Put something between; where no backend was found, its place is taken by what says so to each request."""
    return Success(apply_middleware(between, _RefusingHandler(found) if isinstance(found, Failure) else found.unwrap()))


def apply_middleware(between: Middleware, exchange: RequestHandler) -> RequestHandler:
    """Put something between."""
    if not callable(between):
        raise InvalidRequest("middleware", between, "a function from an exchange to an exchange")
    made: Any = between(exchange)
    if not all(callable(getattr(made, name, None)) for name in _HANDLER_METHODS):
        raise InvalidRequest(
            "middleware", between, f"a function that gives an exchange, with {', '.join(_HANDLER_METHODS)}"
        )
    return cast("RequestHandler", made)


_HANDLER_METHODS = ("handle", "open_stream", "read_items")


def compose_live_middleware(inner: LiveMiddleware, between: LiveMiddleware) -> LiveMiddleware:
    """Put something between what lies between already and a session."""
    if inner is identity:
        return between
    return lambda wiring: between(inner(wiring))


def identity(value: T) -> T:
    """Put nothing between."""
    return value


class _RefusingHandler:
    """Answers everything with why nobody can be asked."""

    def __init__(self, failed: Result[Any, GenaiError]) -> None:
        self._failure = failed

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # an exchange's
        yield from ()
        return self._failure

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # an exchange's
        yield from ()
        return self._failure

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:  # noqa: ARG002  # nothing ever begins
        yield from ()
        return ()
