"""Runs concurrent programs one after another, so that tests are reproducible."""

from concurrent.futures import Future
from typing import Any, TypeVar

from msgspec.structs import replace

from genai_fn.effects import CallFunction, CloseResource, Effects, RunAll, Spawn, WaitAny
from genai_fn.engine.stepper import intercept_effects
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.request import Action, Stream

T = TypeVar("T")


class SequentialParts(RunnerParts, kw_only=True):
    """The parts of an interpreter that runs concurrent programs one after another."""

    def build_effects(self, description: Action[Any] | Stream[Any]) -> Effects[Any]:
        return run_sequentially(super().build_effects(description))


def run_sequentially(effects: Effects[T]) -> Effects[T]:
    """Run the programs that a program starts one after another, as parts of it, and functions without a thread."""
    return intercept_effects(effects, _handle_effect)


def _handle_effect(effect: Any) -> Effects[Any]:
    match effect:
        case RunAll(programs=programs):
            values: list[Any] = []
            for each in programs:
                values += [(yield from run_sequentially(each))]
            return tuple(values)
        case Spawn(program=program):
            return (yield from _run_child(program))
        case WaitAny(children=children):
            return children[0]
        case CloseResource(resource=Future()):  # a child, which has ended
            return None
        case CallFunction():
            return (yield replace(effect, in_thread=False))
        case _:
            return (yield effect)


def _run_child(program: Effects[Any]) -> Effects[Future[Any]]:
    """Run a program to its end, and return a child that has ended."""
    child: Future[Any] = Future()
    try:
        child.set_result((yield from run_sequentially(program)))
    except Exception as error:  # noqa: BLE001  # `Future.result` raises it
        child.set_exception(error)
    return child
