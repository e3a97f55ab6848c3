"""Pagination: page sizes and page tokens of list methods."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from genai_fn.emulator.server.faults import make_invalid_argument, make_invalid_value
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.http import HttpResponse


def build_page_response(
    name: str,
    values: Sequence[Any],
    request: EmulatedRequest,
    convert: Callable[[Any], Any] = lambda value: value,
    *,
    default_size: int = 50,
    max_size: int = 1000,
) -> HttpResponse:
    """
    Build the response with one page and the token of the next page. Empty fields are omitted.

    Args:
        name: Field of the response that contains the values.

        values: All values of the list.

        request: Its query contains the page size and the page token.

        convert: Converts each value of the page to JSON.

        default_size: Page size if the request has none.

        max_size: Upper limit of the page size.
    """
    query = request.query
    start = _parse_page_token(query.get("pageToken") or query.get("page_token") or "")
    size = _parse_page_size(query.get("pageSize") or query.get("page_size") or "") or default_size
    end = start + min(size, max_size)
    page, token = tuple(map(convert, values[start:end])), f"page-{end}" if end < len(values) else None
    return build_json_response({key: each for key, each in ((name, page), ("nextPageToken", token)) if each})


def _parse_page_token(token: str) -> int:
    match = _TOKEN_PATTERN.fullmatch(token or "page-0")
    if match is None:
        raise make_invalid_argument("Page token is invalid.")
    return int(match[1])


_TOKEN_PATTERN = re.compile("page-([0-9]{1,9})")


def _parse_page_size(text: str) -> int:
    if _SIZE_PATTERN.fullmatch(text or "0") is None:
        raise make_invalid_value("page_size", "TYPE_INT32", f'"{text}"')
    return int(text or 0)


_SIZE_PATTERN = re.compile("[0-9]{1,9}")
