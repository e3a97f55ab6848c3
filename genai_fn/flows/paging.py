"""Pagination: reads the pages of a list, and their items."""

from typing import Any, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Success

from genai_fn.commands import StreamReader, emit
from genai_fn.errors import InvalidRequest, PageLoop
from genai_fn.flows.deadlines import attempt_until, compute_deadline
from genai_fn.request import FlowGenerator, FlowTraits, Request, Stream, stream
from genai_fn.schema.base import Page

P = TypeVar("P", bound=Page[Any])
T = TypeVar("T")


def next_page(request: Request[P], page: P) -> Request[P] | None:
    """
    Return the request for the page after `page`, or None after the last page.

    Args:
        request: The request that returned `page`. The next request differs from it only in ``page_token``.

        page: The page that `request` returned.

    Raises:
        InvalidRequest: If `request` is not a request that lists something, or `page` is not a page.

    >>> from genai_fn import caches
    >>> from genai_fn.schema import ListCachedContentsResponse
    >>> next_page(caches.list(), ListCachedContentsResponse(next_page_token="t")) == caches.list({"page_token": "t"})
    True
    """
    if not isinstance(request, Request):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("request", request, _EXPECTED)
    operation: Any = request.operation
    if not operation.is_list:
        raise InvalidRequest("request", operation.op, _EXPECTED)
    if not isinstance(page, Page):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("page", page, "a page that the request returned")
    if not page.next_page_token:
        return None
    config = replace(operation.config, page_token=page.next_page_token)
    return replace(request, operation=replace(operation, config=config))


_EXPECTED = "a list, such as files.list()"


@stream(traits=FlowTraits(spawns=False))
def stream_pages(request: Request[P]) -> FlowGenerator[None]:
    """
    Emit all pages, or those before the first failure, and the failure.

    If the server returns a page token for the second time, the stream ends with ``Failure(PageLoop)``.

    The deadline of the request applies to all pages together.
    """
    deadline = yield from compute_deadline(request)
    operation: Any = request.operation
    seen_tokens: set[str | None] = {operation.config.page_token}
    following: Request[P] | None = request
    while following is not None:
        result = yield from attempt_until(following, deadline, "reading the pages of a list")
        yield from emit(result)
        if isinstance(result, Failure):
            return
        page = result.unwrap()
        following = next_page(following, page)
        if following is not None and page.next_page_token in seen_tokens:
            yield from emit(Failure(PageLoop(page.next_page_token or "")))
            return
        seen_tokens.add(page.next_page_token)


@stream(traits=FlowTraits(spawns=False))
def stream_items(pages: Stream[Page[T]]) -> FlowGenerator[None]:
    """Emit the items of all pages; a failed page ends the stream with its failure."""
    reader = StreamReader(pages)
    while (page := (yield from reader.read_next())) is not None:
        if isinstance(page, Failure):
            yield from emit(page)
            return
        for item in page.unwrap():
            yield from emit(Success(item))
