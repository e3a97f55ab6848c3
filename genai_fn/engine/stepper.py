"""
Steps through a generator of effects: executors and program transformers share this loop of ``send`` and ``throw``.

`run_program` and `arun_program` perform each effect with a function. Who does more between two effects uses `Stepper`
itself:

::

    stepper = Stepper(effects)
    while (effect := stepper.next()) is not DONE:
        try:
            stepper.send(perform(effect))
        except Exception as error:
            stepper.throw(error)
    return stepper.value
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final, Generic, TypeVar

from msgspec.structs import replace

from genai_fn.effects import Effects, Race, RunAll, Spawn

T = TypeVar("T")

DONE: Final[Any] = object()
"""What `Stepper.next` returns once the generator has returned."""


class Stepper(Generic[T]):
    """Runs a generator from one effect to the next; `send` or `throw` sets what a ``yield`` returns or raises."""

    __slots__ = ("_answer", "_error", "_generator_send", "_generator_throw", "sources", "value")

    def __init__(self, generator: Generator[Any, Any, T]) -> None:
        self._generator_send = generator.send
        self._generator_throw = generator.throw
        self._answer: Any = None
        self._error: Exception | None = None
        self.sources: dict[Stepper[Any], Any] = {}
        """The steppers of the streams that the generator reads and that have not ended, and what a program keeps."""
        self.value: T
        """The return value of the generator, set when `next` returns `DONE`."""

    def next(self) -> Any:
        """Return the next effect, or `DONE` at the end; raises what the generator raises."""
        error = self._error
        try:
            if error is None:
                return self._generator_send(self._answer)
            self._error = None
            return self._generator_throw(error)
        except StopIteration as end:
            self.value = end.value
            return DONE
        finally:
            error = None  # its traceback refers to this frame

    def send(self, answer: Any) -> None:
        """Set the value that the ``yield`` of the current effect returns in the generator."""
        self._answer = answer

    def throw(self, error: Exception) -> None:
        """Set the exception that the ``yield`` of the current effect raises in the generator."""
        self._error = error

    def drop_sources(self) -> None:
        """
        Close the generators of the streams that this one reads, and of those that they read.

        The last of a chain is closed first, and by a loop: if each closed its own source, a chain of any length would
        exceed the recursion limit.
        """
        steppers = [*self.sources]
        for stepper in steppers:
            steppers += stepper.sources
        self.sources = {}
        while steppers:
            steppers.pop().drop_generator()

    def drop_generator(self) -> None:
        """Close the generator, which nothing else refers to."""
        self.sources = {}
        ended: Generator[Any, Any, Any] = (number for number in range(0))
        self._generator_send, self._generator_throw = ended.send, ended.throw


def run_program(effects: Generator[Any, Any, T], perform: Callable[[Any], Any]) -> T:
    """Perform the effects of a program until it returns. Resources that it leaves open are not closed."""
    resume: Any = effects.send  # not a `Stepper`, which takes longer: this is a cost of each request
    answer: Any = None
    while True:
        try:
            effect = resume(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # the program's
        finally:
            answer = None  # the traceback of an exception refers to this frame
        resume = effects.send
        try:
            answer = perform(effect)
        except Exception as error:  # noqa: BLE001  # the program may handle it
            resume, answer = effects.throw, error


async def arun_program(effects: Generator[Any, Any, T], perform: Callable[[Any], Awaitable[Any]]) -> T:
    """Perform the effects of a program in this task, as `run_program` does."""
    resume: Any = effects.send  # not a `Stepper`, which takes longer: this is a cost of each request
    answer: Any = None
    while True:
        try:
            effect = resume(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # the program's
        finally:
            answer = None  # the traceback of an exception refers to this frame
        resume = effects.send
        try:
            answer = await perform(effect)
        except Exception as error:  # noqa: BLE001  # the program may handle it
            resume, answer = effects.throw, error


def intercept_effects(effects: Effects[T], handle: Callable[[Any], Effects[Any]]) -> Effects[T]:
    """
    Run a program, and replace each of its effects by the generator ``handle(effect)``.

    The program receives the return value of that generator, or the exception that it raises. To leave an
    effect unchanged, the generator executes ``return (yield effect)``.
    """
    stepper = Stepper(effects)
    while (effect := stepper.next()) is not DONE:
        try:
            stepper.send((yield from handle(effect)))
        except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may handle it
            stepper.throw(error)
    return stepper.value


def wrap_programs(effect: RunAll | Race | Spawn, wrap: Callable[[Effects[Any]], Effects[Any]]) -> RunAll | Race | Spawn:
    """Return the effect with each of its programs wrapped by a function, for transformers of whole programs."""
    if isinstance(effect, Spawn):
        return replace(effect, program=wrap(effect.program))
    return replace(effect, programs=tuple(map(wrap, effect.programs)))
