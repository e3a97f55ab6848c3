"""Runs a few actions concurrently, and bounds the time of a flow."""

from typing import Any, TypeVar, overload

from returns.result import Failure, Result, Success

from genai_fn.effects import AskAll, AskWithin
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Action, Flow, FlowGenerator, FlowTraits, Request, flow

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


@overload
def both(first: Action[A], second: Action[B], /) -> Flow[tuple[A, B]]: ...
@overload
def both(first: Action[A], second: Action[B], third: Action[C], /) -> Flow[tuple[A, B, C]]: ...
@overload
def both(first: Action[A], second: Action[B], third: Action[C], fourth: Action[D], /) -> Flow[tuple[A, B, C, D]]: ...
@overload
def both(
    first: Action[A], second: Action[B], third: Action[C], fourth: Action[D], fifth: Action[E], /
) -> Flow[tuple[A, B, C, D, E]]: ...
def both(*actions: Action[Any]) -> Flow[Any]:
    """
    Run two to five actions concurrently and return all values as a tuple, each with its own type.

    Args:
        actions: Requests and flows; ``gather`` runs any number of them.

    Raises:
        InvalidRequest: If one of them is neither, or there are fewer than two or more than five.

    Fails with:
        GenaiError: The first failure, in the order of the actions.

    >>> from genai_fn import Offline, generate, text
    >>> ask = generate("gemini-2.5-flash", "hi") | text
    >>> len(Offline()(both(ask, ask, ask)).unwrap())
    3
    """
    if not 2 <= len(actions) <= 5:
        raise InvalidRequest("actions", actions, "two to five actions; gather(…) runs any number")
    for index, each in enumerate(actions):
        if not isinstance(each, Request | Flow):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
            raise InvalidRequest(f"actions[{index}]", each, "a Request or a Flow")
    return run_all(actions)


@flow
def run_all(actions: tuple[Action[Any], ...]) -> FlowGenerator[Result[tuple[Any, ...], GenaiError]]:
    """Run all actions and return their values, or the first failure."""
    results: tuple[Result[Any, GenaiError], ...] = yield AskAll(actions)
    failed = next((each for each in results if isinstance(each, Failure)), None)
    return Success(tuple(each.unwrap() for each in results)) if failed is None else failed


@flow(traits=FlowTraits(passes_calling=True))
def run_within(action: Action[A], seconds: float) -> FlowGenerator[Result[A, GenaiError]]:
    """Run an action with a deadline, in seconds."""
    result: Result[A, GenaiError] = yield AskWithin(action, seconds)
    return result
