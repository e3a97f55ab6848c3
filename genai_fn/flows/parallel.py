"""Runs two actions concurrently, and bounds the time of a flow."""

from typing import TypeVar

from returns.result import Failure, Result, Success

from genai_fn.effects import AskAll, AskWithin
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Action, Flow, FlowGenerator, FlowTraits, Request, flow

__all__ = ["both", "run_both", "run_within"]

A = TypeVar("A")
B = TypeVar("B")


def both(a: Action[A], b: Action[B]) -> Flow[tuple[A, B]]:
    """
    Run two actions concurrently and return both values.

    Args:
        a: A request or a flow.

        b: A request or a flow.

    Raises:
        InvalidRequest: If one of them is neither.

    Fails with:
        GenaiError: The failure of ``a``, or else that of ``b``.
    """
    for name, each in (("a", a), ("b", b)):
        if not isinstance(each, Request | Flow):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
            raise InvalidRequest(name, each, "a Request or a Flow")
    return run_both(a, b)


@flow
def run_both(a: Action[A], b: Action[B]) -> FlowGenerator[Result[tuple[A, B], GenaiError]]:
    """Run both actions and return both values, or the first failure."""
    results: tuple[Result[A, GenaiError], Result[B, GenaiError]] = yield AskAll((a, b))
    first, second = results
    if isinstance(first, Failure):
        return first
    if isinstance(second, Failure):
        return second
    return Success((first.unwrap(), second.unwrap()))


@flow(traits=FlowTraits(passes_calling=True))
def run_within(action: Action[A], seconds: float) -> FlowGenerator[Result[A, GenaiError]]:
    """Run an action with a deadline, in seconds."""
    result: Result[A, GenaiError] = yield AskWithin(action, seconds)
    return result
