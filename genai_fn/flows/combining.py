"""Streams and flows that read another stream: call a function for each item, collect the items, or join them."""

from collections.abc import Callable
from typing import TypeVar

from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, emit
from genai_fn.effects import CallFunction
from genai_fn.errors import GenaiError
from genai_fn.flows.merge import merge_chunks
from genai_fn.request import FlowGenerator, FlowTraits, Stream, flow, start_generator, stream

T = TypeVar("T")


@stream(traits=FlowTraits(spawns=False))
def call_for_each(source: Stream[T], f: Callable[[T], object]) -> FlowGenerator[None]:
    """Call a function with the value of each successful item, and emit all items unchanged."""
    reader = StreamReader(source)
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Success):
            yield CallFunction(f, (item.unwrap(),))
        yield from emit(item)


@flow
def collect_items(source: Stream[T]) -> FlowGenerator[Result[tuple[T, ...], GenaiError]]:
    """Return all items as a tuple, or the first failure."""
    reader, items = StreamReader(source), list[T]()
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Failure):
            return item
        items.append(item.unwrap())
    return Success(tuple(items))


@flow
def join_items(source: Stream[T]) -> FlowGenerator[Result[T, GenaiError]]:
    """Merge all items into one: texts into a text, responses into a response; or return the first failure."""
    collected: Result[tuple[T, ...], GenaiError] = yield from start_generator(collect_items(source))
    return collected.map(merge_chunks)
