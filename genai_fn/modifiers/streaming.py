"""Modifiers that convert requests to streams, streams to flows, and streams to streams."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import combining, paging
from genai_fn.modifiers.results import refuse_http_response
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
    """A request becomes a stream of the chunks of its response; a chat flow becomes a stream of turns."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        def __call__(self, description: Request[T] | Flow[T]) -> Stream[T]: ...


def _apply_streamed(description: Description) -> Stream[Any]:
    if isinstance(description, Flow) and description.traits.streamed_builder is not None:
        return Stream(description.traits.streamed_builder, _apply_streamed(description.source), description.args)
    if not isinstance(description, Request):
        raise InvalidRequest(
            "streamed", description, "a request: put | streamed before modifiers that read the response"
        )
    operation = description.operation.get_streaming_operation()
    if operation is None:
        raise InvalidRequest(
            "streamed", description.operation.op, "an operation that can be streamed, such as generate"
        )
    refuse_http_response(description, "streamed")
    return Stream(stream_response, replace(description, operation=operation))


streamed = StreamedModifier(_apply_streamed)
"""
Stream the response in chunks, while the model generates it.

>>> from genai_fn import Offline, generate, streamed, text
>>> with Offline().stream(generate("gemini-2.5-flash", "hi") | streamed | text) as chunks:
...     print(next(chunks))
<Success: I am an offline model in>
"""


class PagesModifier(Modifier):
    """The request of a list becomes a stream of all its pages."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        def __call__(self, description: Request[P]) -> Stream[P]: ...


def _apply_pages(description: Description) -> Stream[Any]:
    return Stream(paging.stream_pages, _validate_list(description, "pages"))


pages = PagesModifier(_apply_pages)
"""
Stream all pages of a list; each page is requested when it is read.

>>> from genai_fn import Offline, collected, models, pages
>>> found = Offline()(models.list({"page_size": 5}) | pages | collected).unwrap()
>>> [len(page.models) for page in found][:2]
[5, 5]
"""


class ItemsModifier(Modifier):
    """The request of a list becomes a stream of all its items."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        def __call__(self, description: Request[Page[T]]) -> Stream[T]: ...


def _apply_items(description: Description) -> Stream[Any]:
    return Stream(paging.stream_items, Stream(paging.stream_pages, _validate_list(description, "items")))


items = ItemsModifier(_apply_items)
"""
Stream all items of a list; each page is requested when its first item is read.

>>> from genai_fn import Offline, items, models
>>> with Offline().stream(models.list({"page_size": 10}) | items) as found:
...     print(next(found).unwrap().name)
models/gemini-3-pro-preview
"""


def _validate_list(description: Description, name: str) -> Request[Any]:
    if not isinstance(description, Request) or not description.operation.is_list:
        raise InvalidRequest(name, description, "the request of a list, such as files.list()")
    refuse_http_response(description, name)
    return description


class EachModifier(Modifier):
    """A stream also calls a function for each item; its items stay the same."""

    def __call__(self, description: S) -> S:
        return super().__call__(description)  # type: ignore[no-any-return]  # `_apply_each` returns a stream of the same type


def each(f: Callable[[Any], object]) -> EachModifier:
    """
    Call a function with the value of each successful item of a stream; the items are passed on unchanged.

    Args:
        f: The function; its result is ignored.

    Raises:
        InvalidRequest: If ``f`` is not callable, or the modifier is applied to anything but a stream.

    >>> from genai_fn import Offline, generate, joined, streamed, text
    >>> chunks = []
    >>> whole = Offline()(generate("gemini-2.5-flash", "hi") | streamed | text | each(chunks.append) | joined)
    >>> "".join(chunks) == whole.unwrap()
    True
    """
    if not callable(f):  # pyright: ignore[reportUnnecessaryComparison]  # callers may not be type-checked
        raise InvalidRequest("each", f, "a function of an item")
    return EachModifier(_apply_each, (f,))


def _apply_each(description: Description, f: Callable[[Any], object]) -> Stream[Any]:
    return Stream(combining.call_for_each, _validate_stream(description, "each"), (f,))


class JoinedModifier(Modifier):
    """A stream becomes a flow that merges its items into one."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        def __call__(self, description: Stream[T]) -> Flow[T]: ...


def _apply_joined(description: Description) -> Flow[Any]:
    return Flow(combining.join_items, _validate_stream(description, "joined"))


joined = JoinedModifier(_apply_joined)
"""
Merge the items of a stream: texts into a text, chunks into a response, chat turns into a turn; or return the first
failure.

An empty stream returns ``""``. The interpreter raises `InvalidRequest` for items of another type; use `collected`.

>>> from genai_fn import Offline, generate, joined, streamed, text
>>> run, question = Offline(), generate("gemini-2.5-flash", "hi")
>>> run(question | streamed | text | joined) == run(question | text)
True
"""


class CollectedModifier(Modifier):
    """A stream becomes a flow that returns its items as a tuple."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        def __call__(self, description: Stream[T]) -> Flow[tuple[T, ...]]: ...


def _apply_collected(description: Description) -> Flow[Any]:
    return Flow(combining.collect_items, _validate_stream(description, "collected"))


collected = CollectedModifier(_apply_collected)
"""
Return all items of a stream as a tuple, or the first failure.

>>> from genai_fn import Offline, collected, embed_many
>>> vectors = Offline()(embed_many("gemini-embedding-001", ["one", "two"]) | collected).unwrap()
>>> [len(each.values) for each in vectors]
[3072, 3072]
"""


def _validate_stream(description: Description, name: str) -> Stream[Any]:
    if not isinstance(description, Stream):
        raise InvalidRequest(name, description, "a stream, such as generate(…) | streamed")
    return description
