"""Runs a program up to its first request, and returns that as a curl command instead of sending it."""

from typing import Any, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn.backend import EXAMPLE_BACKENDS, Backend
from genai_fn.effects import CloseResource, Effects, Emit, RunAll, Sleep, Spawn, WaitAny
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Request
from genai_fn.values import Value
from genai_fn.wire.curl import write_curl

T = TypeVar("T")


class _FirstRequest(Value):
    """Yielded in place of an effect for the first request of a program: its curl command, or why it has none."""

    result: Result[str, GenaiError]


class ExplainingHandler(Value):
    """
    A request handler for `explain_program`, which stops a program at its first request.

    Without a `backend`, requests are encoded for the Gemini Developer API, or for Vertex AI if only that has the
    operation.
    """

    backend: Backend | None

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Yield a `_FirstRequest`; `explain_program` does not resume after it."""
        return self._explain(request)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Yield a `_FirstRequest`, as `handle` does."""
        return self._explain(request)

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return ``()``, the end of a stream."""
        yield from ()
        return ()

    def _explain(self, request: Request[Any]) -> Effects[Any]:
        backends = EXAMPLE_BACKENDS if self.backend is None else (self.backend,)
        written = [write_curl(request, each) for each in backends]
        yield _FirstRequest(next((each for each in written if isinstance(each, Success)), written[0]))  # type: ignore[misc]  # not an effect: `explain_program` takes it


def explain_program(effects: Effects[Any]) -> Effects[Result[str, GenaiError]]:
    """
    Run a program with an `ExplainingHandler` up to its first request, and return the curl command.

    Other effects happen, such as calls of functions, except that nothing is emitted and sleeps end at once. Returns the
    failure of a program that fails before, and `InvalidRequest` for a program that sends nothing.
    """
    end = yield from _find_first_request(effects)
    if isinstance(end, _FirstRequest):
        return end.result
    if isinstance(end, Failure):
        return cast("Failure[GenaiError]", end)
    return Failure(InvalidRequest("explained", None, "an action that sends a request"))


def _find_first_request(effects: Effects[Any]) -> Effects[Any]:
    """Run a program, and return its first `_FirstRequest`, a Failure that it emits before, or its return value."""
    stepper = Stepper(effects)
    while (effect := stepper.next()) is not DONE:
        if isinstance(effect, _FirstRequest):
            return effect
        item: Any = effect.item if isinstance(effect, Emit) else None
        if isinstance(item, Failure):  # no item of a stream follows it
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
    """Perform an effect without waiting. Concurrent programs run one after the other, up to the first request."""
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
        case CloseResource(resource=_EndedChild()):
            return None
        case _:
            return (yield effect)


class _EndedChild:
    """The child that a `Spawn` returns: its program has ended without a request."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        """Return what the program returned."""
        return self._value
