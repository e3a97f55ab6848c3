"""Lists beyond their first page."""

from typing import Any, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import Now
from genai_fn.errors import GenaiError, InvalidRequest, PageLoop
from genai_fn.request import Request, Steps, Stream, stream
from genai_fn.schema._base import Page
from genai_fn.steps import Reading, attempt, emit
from genai_fn.words import Within

__all__ = ["items_of", "next_page", "pages_of"]

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
    config = getattr(request.operation, "config", None)
    if config is None or "page_token" not in config.__struct_fields__:
        raise InvalidRequest("request", request.operation.op, "a list, such as files.list()")
    if not page.next_page_token:
        return None
    following = replace(request.operation, config=replace(config, page_token=page.next_page_token))
    return replace(request, operation=following)


@stream
def pages_of(request: Request[P]) -> Steps[None]:
    """
    Give page after page; a token that comes a second time ends them with ``Failure(PageLoop)``.

    A request's deadline is that of all pages.
    """
    seconds, over = request.options.deadline, 0.0
    if seconds is not None:
        over = (yield Now()) + seconds
    asked: set[str | None] = {_first_token(request)}
    following: Request[P] | None = request
    while following is not None:
        result: Result[P, GenaiError]
        if seconds is None:
            result = yield from attempt(following)
        else:
            result = yield Within(following, over - (yield Now()))
        yield from emit(result)
        if isinstance(result, Failure):
            return
        page = result.unwrap()
        following = next_page(following, page)
        if following is not None and page.next_page_token in asked:
            yield from emit(Failure(PageLoop(page.next_page_token or "")))
            return
        asked.add(page.next_page_token)


def _first_token(request: Request[Any]) -> str | None:
    config = getattr(request.operation, "config", None)
    return getattr(config, "page_token", None)


@stream
def items_of(pages: Stream[Page[T]]) -> Steps[None]:
    """Give what is on all pages, item by item."""
    reading = Reading(pages)
    while (page := (yield from reading.next())) is not None:
        if isinstance(page, Failure):
            yield from emit(page)
            return
        for item in page.unwrap():
            yield from emit(Success(item))
