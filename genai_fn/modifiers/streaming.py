"""One answer as its pieces, one list as all its pages, and what is made of many."""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import combining, paging
from genai_fn.request import Description, Flow, Modifier, Request, Stream
from genai_fn.schema.base import Page
from genai_fn.streams import stream_response

__all__ = [
    "CollectedModifier",
    "EachModifier",
    "ItemsModifier",
    "JoinedModifier",
    "PagesModifier",
    "StreamedModifier",
    "collected",
    "each",
    "items",
    "joined",
    "pages",
    "streamed",
]

T = TypeVar("T")
S = TypeVar("S", bound=Stream[Any])
P = TypeVar("P", bound=Page[Any])


class StreamedModifier(Modifier):
    """One answer becomes its pieces."""

    def __call__(self, description: Request[T] | Flow[T]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _apply_streamed(description: Description) -> Stream[Any]:
    if isinstance(description, Flow) and description.traits.streamed_builder is not None:
        return Stream(description.traits.streamed_builder, _apply_streamed(description.source), description.args)
    if not isinstance(description, Request):
        raise InvalidRequest("streamed", description, "a request: | streamed comes before what reads its answer")
    operation = description.operation.get_streaming_operation()
    if operation is None:
        raise InvalidRequest(
            "streamed", description.operation.op, "an operation that answers in pieces, such as generate"
        )
    return Stream(stream_response, replace(_validate_plain(description, "streamed"), operation=operation))


streamed = StreamedModifier(_apply_streamed)
"""The answer in pieces, as it is written."""


class PagesModifier(Modifier):
    """A list becomes all its pages."""

    def __call__(self, description: Request[P]) -> Stream[P]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _apply_pages(description: Description) -> Stream[Any]:
    return Stream(paging.stream_pages, _validate_list(description, "pages"))


pages = PagesModifier(_apply_pages)
"""All pages of a list, as they are asked for."""


class ItemsModifier(Modifier):
    """A list becomes all its items."""

    def __call__(self, description: Request[Page[T]]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _apply_items(description: Description) -> Stream[Any]:
    return Stream(paging.stream_items, Stream(paging.stream_pages, _validate_list(description, "items")))


items = ItemsModifier(_apply_items)
"""All items of a list, page after page."""


def _validate_list(description: Description, name: str) -> Request[Any]:
    if not isinstance(description, Request) or not description.operation.is_list:
        raise InvalidRequest(name, description, "the request of a list, such as files.list()")
    return _validate_plain(description, name)


class EachModifier(Modifier):
    """Many stay as they are, and somebody sees them pass."""

    def __call__(self, description: S) -> S:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function answers a stream of the same


def each(f: Callable[[Any], object]) -> EachModifier:
    """Call a function with every good item of a stream as it comes; the items pass on unchanged."""
    return EachModifier(_apply_each, (f,))


def _apply_each(description: Description, f: Callable[[Any], object]) -> Stream[Any]:
    return Stream(combining.call_for_each, _validate_stream(description, "each"), (f,))


class JoinedModifier(Modifier):
    """Many become one of their kind."""

    def __call__(self, description: Stream[T]) -> Flow[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _apply_joined(description: Description) -> Flow[Any]:
    return Flow(combining.join_items, _validate_stream(description, "joined"))


joined = JoinedModifier(_apply_joined)
"""Texts run together into one, or pieces of a response merged into one response."""


class CollectedModifier(Modifier):
    """Many become a tuple."""

    def __call__(self, description: Stream[T]) -> Flow[tuple[T, ...]]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _apply_collected(description: Description) -> Flow[Any]:
    return Flow(combining.collect_items, _validate_stream(description, "collected"))


collected = CollectedModifier(_apply_collected)
"""All items as a tuple."""


def _validate_stream(description: Description, name: str) -> Stream[Any]:
    if not isinstance(description, Stream):
        raise InvalidRequest(name, description, "a stream, such as generate(…) | streamed")
    return description


def _validate_plain(request: Request[Any], name: str) -> Request[Any]:
    if request.options.with_http_response:
        raise InvalidRequest(name, request, "a request without with_http_response")
    return request
