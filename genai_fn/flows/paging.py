"""Lists beyond their first page."""

from typing import Any, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.effects import AskWithin, GetTime
from genai_fn.errors import GenaiError, InvalidRequest, PageLoop
from genai_fn.request import FlowGenerator, FlowTraits, Request, Stream, stream
from genai_fn.schema.base import Page

__all__ = ["next_page", "stream_items", "stream_pages"]

P = TypeVar("P", bound=Page[Any])
T = TypeVar("T")


def next_page(request: Request[P], page: P) -> Request[P] | None:
    """
    Ask for the page after a page; None after the last.

    Everything else of the request stays as it is.

    >>> from genai_fn import caches
    >>> from genai_fn.schema import ListCachedContentsResponse
    >>> next_page(caches.list(), ListCachedContentsResponse(next_page_token="t")) == caches.list({"page_token": "t"})
    True
    """
    operation: Any = request.operation
    if not operation.is_list:
        raise InvalidRequest("request", operation.op, "a list, such as files.list()")
    if not page.next_page_token:
        return None
    config = replace(operation.config, page_token=page.next_page_token)
    return replace(request, operation=replace(operation, config=config))


@stream(traits=FlowTraits(spawns=False))
def stream_pages(request: Request[P]) -> FlowGenerator[None]:
    """
    Give page after page; a token that comes a second time ends them with ``Failure(PageLoop)``.

    A request's deadline is that of all pages.
    """
    seconds, over = request.options.deadline, 0.0
    if seconds is not None:
        over = (yield GetTime()) + seconds
    asked: set[str | None] = {_get_page_token(request)}
    following: Request[P] | None = request
    while following is not None:
        result: Result[P, GenaiError]
        if seconds is None:
            result = yield from attempt(following)
        else:
            result = yield AskWithin(following, over - (yield GetTime()))
        yield from emit(result)
        if isinstance(result, Failure):
            return
        page = result.unwrap()
        following = next_page(following, page)
        if following is not None and page.next_page_token in asked:
            yield from emit(Failure(PageLoop(page.next_page_token or "")))
            return
        asked.add(page.next_page_token)


def _get_page_token(request: Request[Any]) -> str | None:
    config = getattr(request.operation, "config", None)
    return getattr(config, "page_token", None)


@stream(traits=FlowTraits(spawns=False))
def stream_items(pages: Stream[Page[T]]) -> FlowGenerator[None]:
    """Give what is on all pages, item by item."""
    reading = StreamReader(pages)
    while (page := (yield from reading.read_next())) is not None:
        if isinstance(page, Failure):
            yield from emit(page)
            return
        for item in page.unwrap():
            yield from emit(Success(item))
