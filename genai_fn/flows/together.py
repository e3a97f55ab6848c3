"""Several actions at once."""

from typing import TypeVar

from returns.result import Failure, Result, Success

from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Action, Flow, Request, Steps, flow
from genai_fn.words import Several, Within

__all__ = ["both", "paired", "within"]

A = TypeVar("A")
B = TypeVar("B")


def both(a: Action[A], b: Action[B]) -> Flow[tuple[A, B]]:
    """Run two actions at once, in threads or tasks; a failure of the first comes before one of the second."""
    for name, each in (("a", a), ("b", b)):
        if not isinstance(each, Request | Flow):  # pyright: ignore[reportUnnecessaryIsInstance]  # people pass what they like
            raise InvalidRequest(name, each, "a Request or a Flow")
    return paired(a, b)


@flow
def paired(a: Action[A], b: Action[B]) -> Steps[Result[tuple[A, B], GenaiError]]:
    """Run both, and give what both come to."""
    results: tuple[Result[A, GenaiError], Result[B, GenaiError]] = yield Several((a, b))
    first, second = results
    if isinstance(first, Failure):
        return first
    if isinstance(second, Failure):
        return second
    return Success((first.unwrap(), second.unwrap()))


@flow
def within(action: Action[A], seconds: float) -> Steps[Result[A, GenaiError]]:
    """Run an action that must be over in so many seconds."""
    result: Result[A, GenaiError] = yield Within(action, seconds)
    return result
