"""Streams: the server's own, and what is made of one item by item."""

from collections.abc import Callable
from typing import TypeVar

from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, emit
from genai_fn.effects import CallFunction
from genai_fn.errors import GenaiError
from genai_fn.flows.merge import merge_pieces
from genai_fn.request import FlowGenerator, FlowTraits, Stream, flow, start_generator, stream

__all__ = ["call_for_each", "collect_items", "join_items"]

T = TypeVar("T")


@stream(traits=FlowTraits(spawns=False))
def call_for_each(source: Stream[T], f: Callable[[T], object]) -> FlowGenerator[None]:
    """Give every good item to a function, for what it does, and pass all on."""
    reading = StreamReader(source)
    while (item := (yield from reading.read_next())) is not None:
        if isinstance(item, Success):
            yield CallFunction(f, (item.unwrap(),))
        yield from emit(item)


@flow
def collect_items(source: Stream[T]) -> FlowGenerator[Result[tuple[T, ...], GenaiError]]:
    """Gather all items; the first failure is the result."""
    reading, items = StreamReader(source), list[T]()
    while (item := (yield from reading.read_next())) is not None:
        if isinstance(item, Failure):
            return item
        items.append(item.unwrap())
    return Success(tuple(items))


@flow
def join_items(source: Stream[T]) -> FlowGenerator[Result[T, GenaiError]]:
    """Make one of many: one text of texts, one response of responses; the first failure is the result."""
    gathered: Result[tuple[T, ...], GenaiError] = yield from start_generator(collect_items(source))
    return gathered.map(merge_pieces)
