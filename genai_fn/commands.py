"""What the generator of a flow yields from: ask, attempt, sleep, emit, get_backend, and the reads of a stream."""

from typing import Any, Generic, TypeVar, cast

from returns.result import Failure, Result

from genai_fn.backend import Backend
from genai_fn.effects import Ask, Emit, FlowFailed, GetBackend, ReadNext, Sleep
from genai_fn.engine.stepper import Stepper
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.options import check_at_least_zero
from genai_fn.request import Action, Flow, FlowGenerator, Modifier, Request, Stream, start_generator

__all__ = ["StreamReader", "ask", "attempt", "describe_expected_action", "emit", "get_backend", "sleep"]

T = TypeVar("T")


def ask(action: Action[T]) -> FlowGenerator[T]:
    """
    Run an action within a flow, and return its value; if it fails, the flow ends with that failure.

    Args:
        action: The request or flow to run.

    Raises:
        InvalidRequest: If it is neither.

    >>> from genai_fn import Success, flow, generate, text
    >>> from genai_fn.testing import Fake
    >>> @flow
    ... def shout(question):
    ...     answer = yield from ask(generate("gemini-2.5-flash", question) | text)
    ...     return Success(answer.upper())
    >>> Fake({"generate": "hello"})(shout("hi"))
    <Success: HELLO>
    """
    result: Result[T, GenaiError] = yield Ask(_check_action("ask", action))
    if isinstance(result, Failure):
        raise FlowFailed(result.failure())
    return result.unwrap()


def attempt(action: Action[T]) -> FlowGenerator[Result[T, GenaiError]]:
    """
    Run an action within a flow, and return its result, ``Success`` or ``Failure``.

    Args:
        action: The request or flow to run.

    Raises:
        InvalidRequest: If it is neither.

    >>> from genai_fn import Failure, Offline, Success, flow, generate, text
    >>> @flow
    ... def answer(question):
    ...     result = yield from attempt(generate("gemini-2.5-flash", question) | text)
    ...     return Success("no answer") if isinstance(result, Failure) else result
    >>> Offline()(answer("Why?")).unwrap()[:4]
    'I am'
    """
    result: Result[T, GenaiError] = yield Ask(_check_action("attempt", action))
    return result


def _check_action(where: str, action: Any) -> Any:
    if isinstance(action, Stream):
        raise InvalidRequest(where, action, "a Request or a Flow: turn a stream into a Flow by joined or collected")
    if not isinstance(action, Request | Flow):
        raise InvalidRequest(where, action, describe_expected_action(action))
    return cast("Any", action)


def describe_expected_action(value: object) -> str:
    """Describe what an interpreter expects in place of a value, and which call of the value may return that."""
    if callable(getattr(value, "flow", None)):  # an `EmbeddingJob`
        return "a Request or a Flow, which its .flow() returns"
    is_function = callable(value) and not isinstance(value, Modifier)
    return "a Request or a Flow, which a call of the function may return" if is_function else "a Request or a Flow"


def sleep(seconds: float) -> FlowGenerator[None]:
    """
    Wait within a flow, in virtual time where the interpreter has that.

    Args:
        seconds: How long to wait, from 0.

    Raises:
        InvalidRequest: If it is not a finite number of at least 0.

    >>> from genai_fn import Offline, Success, flow
    >>> @flow
    ... def wait():
    ...     yield from sleep(3600)
    ...     return Success("an hour later")
    >>> Offline()(wait())  # at once, in virtual time
    <Success: an hour later>
    """
    check_at_least_zero("sleep", seconds)
    yield Sleep(seconds)


def emit(item: Result[Any, GenaiError]) -> FlowGenerator[None]:
    """
    Emit an item of a stream.

    Args:
        item: ``Success`` with a value, or ``Failure``.

    Raises:
        InvalidRequest: If it is neither.

    >>> from genai_fn import Offline, Success, collected, stream
    >>> @stream
    ... def count(limit):
    ...     for number in range(limit):
    ...         yield from emit(Success(number))
    >>> Offline()(count(3) | collected)
    <Success: (0, 1, 2)>
    """
    if not isinstance(item, Result):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("emit", item, "Success(…) or Failure(…)")
    yield Emit(item)


def get_backend() -> FlowGenerator[Backend | None]:
    """Return the backend that receives the requests of a flow; None where there is none, as in a `Fake`."""
    backend: Backend | None = yield GetBackend()
    return backend


class StreamReader(Generic[T]):
    """
    Reads a stream within a flow or another stream, item by item. The stream is closed when the flow that reads it ends.

    ::

        reader = StreamReader(source)
        while (item := (yield from reader.read_next())) is not None:
            ...
    """

    def __init__(self, source: Stream[T]) -> None:
        self._command = ReadNext(Stepper(start_generator(source)))

    def read_next(self) -> FlowGenerator[Result[T, GenaiError] | None]:
        """Return the next item, or None at the end of the stream."""
        item: Result[T, GenaiError] | None = yield self._command
        return item
