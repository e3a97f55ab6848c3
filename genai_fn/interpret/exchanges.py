"""
What may come between an interpreter and whoever answers it: functions from exchange to exchange, as ``through(…)`` of
every interpreter takes them; for live sessions, from wiring to wiring.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn.effects import Effects
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.exchange import Exchange
from genai_fn.request import Request

if TYPE_CHECKING:
    from genai_fn.interpret.sockets import Wiring  # loaded with anyio, at the first use

__all__ = ["Between", "BetweenLive", "Passing", "beyond", "placed", "rewired", "unchanged"]

T = TypeVar("T")

Between: TypeAlias = Callable[[Exchange], Exchange]
BetweenLive: TypeAlias = "Callable[[Wiring], Wiring]"


class Passing:
    """
    An exchange that asks another one: what comes between derives from it, and does otherwise what it likes.

    >>> from genai_fn import generate, text
    >>> from genai_fn.testing import Fake
    >>> class Polite(Passing):
    ...     def ask(self, request, until):
    ...         result = yield from self.inner.ask(request, until)
    ...         print("Thank you.")
    ...         return result
    >>> run = Fake({"generate": "hello"}).through(Polite)
    >>> run(generate("gemini-2.5-flash", "hi") | text)
    Thank you.
    <Success: hello>
    """

    def __init__(self, inner: Exchange) -> None:
        self.inner = inner

    def ask(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end."""
        return self.inner.ask(request, until)

    def listen(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream; answers a handle for `following`."""
        return self.inner.listen(request, until)

    def following(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give the items that have come since; ``()`` at the end."""
        return self.inner.following(handle)


def placed(found: Result[Exchange, GenaiError], between: Between) -> Result[Exchange, GenaiError]:
    """Put something between; where no backend was found, its place is taken by what says so to each request."""
    return Success(beyond(between, _Refusing(found) if isinstance(found, Failure) else found.unwrap()))


def beyond(between: Between, exchange: Exchange) -> Exchange:
    """Put something between."""
    if not callable(between):
        raise InvalidRequest("between", between, "a function from an exchange to an exchange")
    made: Any = between(exchange)
    if not all(callable(getattr(made, name, None)) for name in _QUESTIONS):
        raise InvalidRequest("between", between, f"a function that gives an exchange, with {', '.join(_QUESTIONS)}")
    return cast("Exchange", made)


_QUESTIONS = ("ask", "listen", "following")


def rewired(inner: BetweenLive, between: BetweenLive) -> BetweenLive:
    """Put something between what lies between already and a session."""
    if inner is unchanged:
        return between
    return lambda wiring: between(inner(wiring))


def unchanged(value: T) -> T:
    """Put nothing between."""
    return value


class _Refusing:
    """Answers everything with why nobody can be asked."""

    def __init__(self, failed: Result[Any, GenaiError]) -> None:
        self._failed = failed

    def ask(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # an exchange's
        yield from ()
        return self._failed

    def listen(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # an exchange's
        yield from ()
        return self._failed

    def following(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:  # noqa: ARG002  # nothing ever begins
        yield from ()
        return ()
