"""
The exchange of an interpreter, taken out, and another one put in its place: how recordings come between an interpreter
and what it asks.
"""

import copy
from typing import TYPE_CHECKING, Any, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn.effects import Effects
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.exchange import Exchange
from genai_fn.request import Live, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from genai_fn.interpret.live import Session  # loaded with anyio, at the first use
    from genai_fn.interpret.sockets import Wiring

__all__ = ["exchange_of", "live_session", "with_exchange"]

I = TypeVar("I")  # noqa: E741  # an interpreter
T = TypeVar("T")


def exchange_of(interpreter: object) -> Exchange:
    """Give what answers an interpreter's requests; one without a backend refuses each of them."""
    members: dict[str, Any] = getattr(interpreter, "__dict__", {})
    if _SERVICE in members:
        served: Exchange = members[_SERVICE].exchange
        return served
    if _HELD not in members:
        raise InvalidRequest(
            "interpreter", interpreter, "an Http, an AsyncHttp, an Offline, a Fake, or the .aio of one"
        )
    held = members[_HELD]
    if isinstance(held, Failure):
        return _Refusing(cast("GenaiError", held.failure()))
    exchange: Exchange = cast("Any", held).unwrap() if isinstance(held, Result) else held
    return exchange


def with_exchange(interpreter: I, exchange: Exchange) -> I:
    """Make one like an interpreter that has another exchange; what is open is open for both, and closed for both."""
    twin = copy.copy(interpreter)
    members = vars(twin)
    if _SERVICE in members:
        members[_SERVICE] = _Beside(members[_SERVICE], exchange)
    else:
        members[_HELD] = Success(exchange) if isinstance(members[_HELD], Result) else exchange
    return twin


def live_session(interpreter: object, live: Live[T], wired: "Callable[[Wiring], Wiring]") -> "Session[T]":
    """Make a session of an interpreter that speaks through something put between."""
    opens: Callable[[Live[T]], Session[T]] | None = getattr(interpreter, "live", None)
    if opens is None:
        raise InvalidRequest("interpreter", interpreter, "one that opens live sessions, such as an AsyncHttp")
    session = opens(live)
    members = vars(session)
    members[_WIRING] = wired(members[_WIRING])
    return session


_HELD = "_exchange"
"""Where an interpreter has it, bare or as the ``Result`` of looking for a backend."""
_SERVICE = "_service"
"""Where one that works offline has it, with the state of what is asked."""


_WIRING = "_wiring"
"""Where a session has what it speaks through."""


class _Beside:
    """An offline service, with all that it remembers, that is asked by way of another exchange."""

    def __init__(self, service: Any, exchange: Exchange) -> None:
        self._beside = service
        self.exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beside, name)

    def program(self, description: Any) -> Effects[Any]:
        program: Effects[Any] = cast("Any", type(self._beside)).program(self, description)
        return program


class _Refusing:
    """Answers everything with why nobody can be asked."""

    def __init__(self, error: GenaiError) -> None:
        self._failed: Result[Any, GenaiError] = Failure(error)

    def ask(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # an exchange's
        yield from ()
        return self._failed

    def listen(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # an exchange's
        yield from ()
        return self._failed

    def following(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:  # noqa: ARG002  # nothing ever begins
        yield from ()
        return ()
