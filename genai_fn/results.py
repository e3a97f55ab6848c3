"""Helpers for results: `ok` narrows their type, `raise_for` unwraps them."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from copy import copy
from typing import Any, TypeVar, overload

from returns.result import Failure, Result, Success
from typing_extensions import TypeIs

from genai_fn.errors import GenaiError, InvalidRequest

__all__ = ["Failure", "Result", "Success", "ok", "raise_for"]

T = TypeVar("T")


def ok(result: Result[T, GenaiError]) -> TypeIs[Success[T]]:
    """
    Whether a result is a ``Success``. Type checkers narrow the type of the result.

    Args:
        result: A result of ``run`` or of a stream.

    Raises:
        InvalidRequest: If it is no result, such as a request that was not run, or a coroutine that was not awaited.

    >>> ok(Success(1)), ok(Failure(GenaiError()))
    (True, False)
    """
    if isinstance(result, Success):
        return True
    if isinstance(result, Failure):
        return False
    raise _build_no_result_error(result)


@overload
def raise_for(result: Result[T, GenaiError]) -> T: ...
@overload
def raise_for(result: AsyncIterable[Result[T, GenaiError]]) -> AsyncIterator[T]: ...
@overload
def raise_for(result: Iterable[Result[T, GenaiError]]) -> Iterator[T]: ...
def raise_for(
    result: Result[Any, GenaiError] | AsyncIterable[Result[Any, GenaiError]] | Iterable[Result[Any, GenaiError]],
) -> Any:
    """
    Return the value of a result, or raise its error.

    Args:
        result: A result, or the results of a stream: these give an iterator, or an async iterator, of values.

    Raises:
        GenaiError: The error of a ``Failure``. A copy is raised, so that each has a traceback of its own.

        InvalidRequest: If it is neither, such as a request that was not run, or a coroutine that was not awaited.

    >>> raise_for(Success(1)), list(raise_for([Success(1), Success(2)]))
    (1, [1, 2])
    """
    if isinstance(result, Result):
        return _unwrap_or_raise(result)  # pyright: ignore[reportUnknownArgumentType]  # an iterable could be a Result as well
    if isinstance(result, AsyncIterable):
        return _AsyncValues(result)
    if not isinstance(result, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise _build_no_result_error(result)
    return map(_unwrap_or_raise, result)


def _build_no_result_error(value: object) -> InvalidRequest:
    hint = "await the call" if hasattr(value, "__await__") else "run(…) returns one for a request"
    return InvalidRequest("result", value, f"a Result: {hint}")


def _unwrap_or_raise(result: Result[T, GenaiError]) -> T:
    if isinstance(result, Failure):
        raise copy(result.failure())
    return result.unwrap()


class _AsyncValues:
    """Async iterator over the unwrapped results of a stream. Unlike an async generator, it need not be closed."""

    def __init__(self, items: AsyncIterable[Result[Any, GenaiError]]) -> None:
        self._items = aiter(items)

    def __aiter__(self) -> "_AsyncValues":
        return self

    async def __anext__(self) -> Any:
        return _unwrap_or_raise(await anext(self._items))
