"""The commands of a flow: ask, attempt, sleep and emit, which its generator yields from; and a reader of streams."""

from typing import Any, Generic, TypeVar

from returns.result import Failure, Result

from genai_fn.effects import Ask, Emit, FlowFailed, Sleep
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError
from genai_fn.request import Action, FlowGenerator, Stream, start_generator

__all__ = ["StreamReader", "ask", "attempt", "emit", "sleep"]

T = TypeVar("T")


def ask(action: Action[T]) -> FlowGenerator[T]:
    """Run an action and give its value; if it fails, the flow ends with that failure."""
    result: Result[T, GenaiError] = yield Ask(action)
    if isinstance(result, Failure):
        raise FlowFailed(result.failure())
    return result.unwrap()


def attempt(action: Action[T]) -> FlowGenerator[Result[T, GenaiError]]:
    """Run an action and give its result, whatever it is."""
    result: Result[T, GenaiError] = yield Ask(action)
    return result


def sleep(seconds: float) -> FlowGenerator[None]:
    """Wait."""
    yield Sleep(seconds)


def emit(item: Result[Any, GenaiError]) -> FlowGenerator[None]:
    """Hand an item, ``Success`` or ``Failure``, to whoever reads the stream."""
    yield Emit(item)


class StreamReader(Generic[T]):
    """
    A stream read within another description, item by item.

    ::

        reader = StreamReader(source)
        while (item := (yield from reader.read_next())) is not None:
            ...
    """

    def __init__(self, source: Stream[T]) -> None:
        self._stepper = Stepper(start_generator(source))

    def read_next(self) -> FlowGenerator[Result[T, GenaiError] | None]:
        """Return the next item, or None at the end of the stream."""
        stepper = self._stepper
        try:
            while (command := stepper.next()) is not DONE:
                if type(command) is Emit:
                    stepper.send(None)
                    return command.item  # type: ignore[no-any-return]  # a stream emits results
                try:
                    stepper.send((yield command))
                except Exception as error:  # noqa: BLE001  # the stream's own generator may handle it
                    stepper.throw(error)
        except FlowFailed as end:
            return Failure(end.error)
        return None
