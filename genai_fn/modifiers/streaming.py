"""One answer as its pieces, one list as all its pages, and what is made of many."""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import calling as loop
from genai_fn.flows import chats, paging, streams
from genai_fn.request import Description, Flow, Modifier, Request, Stream
from genai_fn.schema._base import Page

__all__ = [
    "Collecting",
    "Joining",
    "Listing",
    "Observing",
    "Paging",
    "Streaming",
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


class Streaming(Modifier):
    """One answer becomes its pieces."""

    def __call__(self, description: Request[T] | Flow[T]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _streamed(description: Description) -> Stream[Any]:
    if isinstance(description, Flow) and description.builder is loop.called:
        return Stream(loop.called_in_pieces, _streamed(description.of).of, description.args)
    if isinstance(description, Flow) and description.builder is chats.turned:
        return Stream(chats.turned_in_pieces, _streamed(description.of), description.args)
    if not isinstance(description, Request):
        raise InvalidRequest("streamed", description, "a request: | streamed comes before what reads its answer")
    operation = description.operation.streaming()
    if operation is None:
        raise InvalidRequest(
            "streamed", description.operation.op, "an operation that answers in pieces, such as generate"
        )
    return Stream(streams.served, replace(_plain(description, "streamed"), operation=operation))


streamed = Streaming(_streamed)
"""The answer in pieces, as it is written."""


class Paging(Modifier):
    """A list becomes all its pages."""

    def __call__(self, description: Request[P]) -> Stream[P]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _pages(description: Description) -> Stream[Any]:
    return Stream(paging.pages_of, _a_list(description, "pages"))


pages = Paging(_pages)
"""All pages of a list, as they are asked for."""


class Listing(Modifier):
    """A list becomes all its items."""

    def __call__(self, description: Request[Page[T]]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _items(description: Description) -> Stream[Any]:
    return Stream(paging.items_of, Stream(paging.pages_of, _a_list(description, "items")))


items = Listing(_items)
"""All items of a list, page after page."""


def _a_list(description: Description, name: str) -> Request[Any]:
    if not isinstance(description, Request) or not description.operation.op.endswith(".list"):
        raise InvalidRequest(name, description, "the request of a list, such as files.list()")
    return _plain(description, name)


class Observing(Modifier):
    """Many stay as they are, and somebody sees them pass."""

    def __call__(self, description: S) -> S:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function answers a stream of the same


def each(f: Callable[[Any], object]) -> Observing:
    """Call a function with every good item of a stream as it comes; the items pass on unchanged."""
    return Observing(_each, (f,))


def _each(description: Description, f: Callable[[Any], object]) -> Stream[Any]:
    return Stream(streams.each, _a_stream(description, "each"), (f,))


class Joining(Modifier):
    """Many become one of their kind."""

    def __call__(self, description: Stream[T]) -> Flow[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _joined(description: Description) -> Flow[Any]:
    return Flow(streams.joined, _a_stream(description, "joined"))


joined = Joining(_joined)
"""Texts run together into one, or pieces of a response merged into one response."""


class Collecting(Modifier):
    """Many become a tuple."""

    def __call__(self, description: Stream[T]) -> Flow[tuple[T, ...]]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _collected(description: Description) -> Flow[Any]:
    return Flow(streams.collected, _a_stream(description, "collected"))


collected = Collecting(_collected)
"""All items as a tuple."""


def _a_stream(description: Description, name: str) -> Stream[Any]:
    if not isinstance(description, Stream):
        raise InvalidRequest(name, description, "a stream, such as generate(…) | streamed")
    return description


def _plain(request: Request[Any], name: str) -> Request[Any]:
    if request.options.with_http_response:
        raise InvalidRequest(name, request, "a request without with_http_response")
    return request
