"""Streams: the server's own, and what is made of one item by item."""

from collections.abc import Callable
from typing import Any, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.effects import Emit, Invoke
from genai_fn.errors import GenaiError
from genai_fn.flows.merging import merged
from genai_fn.request import Request, Steps, Stream, flow, steps, stream
from genai_fn.steps import Reading, emit
from genai_fn.words import Listen, Next

__all__ = ["collected", "each", "joined", "served"]

T = TypeVar("T")


@stream
def served(request: Request[T]) -> Steps[None]:
    """Stream what the server sends: its items as they come, a failure last."""
    opened: Result[Any, GenaiError] = yield Listen(request)
    if isinstance(opened, Failure):
        yield Emit(opened)
        return
    handle = opened.unwrap()
    while items := (yield Next(handle)):
        for item in items:
            yield Emit(item)


@stream
def each(source: Stream[T], f: Callable[[T], object]) -> Steps[None]:
    """Give every good item to a function, for what it does, and pass all on."""
    reading = Reading(source)
    while (item := (yield from reading.next())) is not None:
        if isinstance(item, Success):
            yield Invoke(f, (item.unwrap(),))
        yield from emit(item)


@flow
def collected(source: Stream[T]) -> Steps[Result[tuple[T, ...], GenaiError]]:
    """Gather all items; the first failure is the result."""
    reading, items = Reading(source), list[T]()
    while (item := (yield from reading.next())) is not None:
        if isinstance(item, Failure):
            return item
        items.append(item.unwrap())
    return Success(tuple(items))


@flow
def joined(source: Stream[T]) -> Steps[Result[T, GenaiError]]:
    """Make one of many: one text of texts, one response of responses; the first failure is the result."""
    gathered: Result[tuple[T, ...], GenaiError] = yield from steps(collected(source))
    return gathered.map(merged)
