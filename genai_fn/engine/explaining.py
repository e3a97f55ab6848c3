"""Runs a program up to its first request, which is not sent, but written as a command of curl."""

from typing import Any, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn.backend import EXAMPLE_BACKENDS, Backend
from genai_fn.effects import Effects, Emit, RunAll, Sleep, Spawn, WaitAny
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Request
from genai_fn.values import Value
from genai_fn.wire.curl import write_curl

__all__ = ["ExplainingHandler", "explain_program"]

T = TypeVar("T")


class _FirstRequest(Value):
    """Yielded, as if it were an effect, for the first request of a program: the text, or why it cannot be encoded."""

    result: Result[str, GenaiError]


class ExplainingHandler(Value):
    """
    A request handler that ends the program which `explain_program` runs at its first request.

    Without a `backend`, the request is written as the Gemini Developer API would receive it, or Vertex AI, for
    operations of that alone.
    """

    backend: Backend | None

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """End the program."""
        return self._explain(request)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """End the program."""
        return self._explain(request)

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return ``()``, the end of a stream."""
        yield from ()
        return ()

    def _explain(self, request: Request[Any]) -> Effects[Any]:
        backends = EXAMPLE_BACKENDS if self.backend is None else (self.backend,)
        written = [write_curl(request, each) for each in backends]
        yield _FirstRequest(next((each for each in written if isinstance(each, Success)), written[0]))  # type: ignore[misc]  # no effect: `explain_program` takes it


def explain_program(effects: Effects[Any]) -> Effects[Result[str, GenaiError]]:
    """Run a program with an `ExplainingHandler` up to its first request; all other effects but sleeps happen."""
    end = yield from _find_first_request(effects)
    if isinstance(end, _FirstRequest):
        return end.result
    if isinstance(end, Failure):
        return cast("Failure[GenaiError]", end)
    return Failure(InvalidRequest("explained", None, "an action that sends a request"))


def _find_first_request(effects: Effects[Any]) -> Effects[Any]:
    """Run a program until it yields a `_FirstRequest`, and return that; otherwise what it returns."""
    stepper = Stepper(effects)
    while (effect := stepper.next()) is not DONE:
        if isinstance(effect, _FirstRequest):
            return effect
        item: Any = effect.item if isinstance(effect, Emit) else None
        if isinstance(item, Failure):  # the last one of a stream
            return cast("Failure[GenaiError]", item)
        try:
            answer = yield from _perform(effect)
        except Exception as error:  # noqa: BLE001  # a function of the caller raised: the program may handle it
            stepper.throw(error)
            continue
        if isinstance(answer, _FirstRequest):
            return answer
        stepper.send(answer)
    return stepper.value


def _perform(effect: Any) -> Effects[Any]:
    """Perform an effect, without waits. What would run at once runs one after the other, up to the first request."""
    match effect:
        case Emit():
            return None
        case Sleep():
            return (yield Sleep(0.0))
        case RunAll(programs=programs):
            values: list[Any] = []
            for program in programs:
                value = yield from _find_first_request(program)
                if isinstance(value, _FirstRequest):
                    return value
                values.append(value)
            return tuple(values)
        case Spawn(program=program):
            value = yield from _find_first_request(program)
            return value if isinstance(value, _FirstRequest) else _EndedChild(value)
        case WaitAny(children=children):
            return children[0]
        case _:
            return (yield effect)


class _EndedChild:
    """A part of the program that has ended without a request."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        """Return its value."""
        return self._value
