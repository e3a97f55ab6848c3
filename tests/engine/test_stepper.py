"""`Stepper`: sends results and exceptions to a generator, and returns its value at the end."""

import gc
import weakref
from collections.abc import Callable, Generator
from typing import Any

import pytest

from genai_fn.engine.stepper import DONE, Stepper, intercept_effects, run_program
from genai_fn.engine.transport import EffectTransport, send_through


def echo() -> Generator[Any, Any, list[Any]]:
    received = []
    for number in range(3):
        try:
            received.append((yield number))
        except LookupError as error:
            received.append(error.args[0])
    return received


def test_answers_and_exceptions() -> None:
    """Each answer or exception is delivered to the effect before it; `value` is the generator's return value."""
    stepper = Stepper(echo())
    effects = []
    while (effect := stepper.next()) is not DONE:
        effects.append(effect)
        if effect == 1:
            stepper.throw(LookupError("raised"))
        else:
            stepper.send(effect * 10)
    assert effects == [0, 1, 2]
    assert stepper.value == [0, "raised", 20]
    assert stepper.next() is DONE


def test_what_the_generator_raises() -> None:
    """`next` raises an exception that the generator does not handle."""
    stepper = Stepper(echo())
    stepper.next()
    stepper.throw(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        stepper.next()


class RaisedError(LookupError):
    """An exception that can be referred to weakly."""


def perform_or_raise(effect: int) -> int:
    """Perform an effect of `echo`; the last one raises."""
    if effect == 2:
        raise LookupError("raised")
    return effect * 10


def test_running() -> None:
    """`run_program` delivers what a function returns or raises for each effect, and returns the program's value."""
    assert run_program(echo(), perform_or_raise) == [0, 10, "raised"]


def test_no_cycle() -> None:
    """An exception that a program has handled is freed with the program, without the garbage collector."""
    raised: list[weakref.ref[RaisedError]] = []

    def perform(effect: int) -> None:
        error = RaisedError(effect)
        raised.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    gc.disable()
    try:
        assert run_program(echo(), perform) == [0, 1, 2]
        assert [each() for each in raised] == [None] * 3
    finally:
        gc.enable()


def leave_unchanged(effect: int) -> Generator[Any, Any, Any]:
    return (yield effect)


def wrap_in_transport(effects: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    return send_through(effects, EffectTransport())


def wrap_in_interceptor(effects: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    return intercept_effects(effects, leave_unchanged)


@pytest.mark.parametrize("wrap", [iter, wrap_in_transport, wrap_in_interceptor])
def test_no_cycle_of_an_exception_that_ends_the_program(wrap: Callable[[Any], Generator[Any, Any, Any]]) -> None:
    """An exception that a program does not handle is freed once its caller has, without the garbage collector."""
    raised: list[weakref.ref[RaisedError]] = []

    def perform(effect: str) -> None:
        raise RaisedError(effect)

    gc.disable()
    try:
        try:
            run_program(wrap(effect for effect in ("raises",)), perform)
        except RaisedError as error:
            raised.append(weakref.ref(error))
        assert [each() for each in raised] == [None]
    finally:
        gc.enable()


def test_intercepted_effects() -> None:
    """An interceptor returns the result of an effect, passes the effect on, or raises in the program."""

    def handle(effect: int) -> Generator[Any, Any, Any]:
        if effect == 0:
            return "answered"
        if effect == 1:
            raise LookupError("refused")
        return (yield f"passed on: {effect}")

    stepper = Stepper(intercept_effects(echo(), handle))
    assert stepper.next() == "passed on: 2"
    stepper.send("performed")
    assert stepper.next() is DONE
    assert stepper.value == ["answered", "refused", "performed"]


def test_closing() -> None:
    """Closing the intercepting generator closes the program."""
    closed = []

    def program() -> Generator[Any, Any, None]:
        try:
            yield 1
        finally:
            closed.append(True)

    def handle(effect: int) -> Generator[Any, Any, Any]:
        return (yield effect)

    effects = intercept_effects(program(), handle)
    next(effects)
    effects.close()
    assert closed == [True]
