"""Lists, a page at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from genai_fn.emulator.server.faults import make_field_violations, make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.http import HttpResponse

__all__ = ["build_page_response"]


def build_page_response(
    name: str,
    values: Sequence[Any],
    asked: EmulatedRequest,
    convert: Callable[[Any], Any] = lambda value: value,
    *,
    default_size: int = 50,
    max_size: int = 1000,
) -> HttpResponse:
    """
    Answer the page that a request asks for, and what asks for the next one; nothing is said of what is not there.

    Args:
        name: What the answer calls the values.

        values: All that there are.

        asked: The request.

        shown: Says how each is told.

        size: How many are on a page, where the request does not say.

        most: How many are on it at most, whatever the request says.
    """
    start = _parse_page_token(asked.query.get("pageToken") or asked.query.get("page_token") or "")
    end = start + min(
        _parse_page_size(asked.query.get("pageSize") or asked.query.get("page_size") or "") or default_size, max_size
    )
    page, token = tuple(map(convert, values[start:end])), f"page-{end}" if end < len(values) else None
    return build_json_response({key: each for key, each in ((name, page), ("nextPageToken", token)) if each})


def _parse_page_token(token: str) -> int:
    if not token:
        return 0
    number = token.removeprefix("page-")
    if number == token or not _is_number(number):
        raise make_invalid_argument("Page token is invalid.")
    return int(number)


def _parse_page_size(text: str) -> int:
    if text and not _is_number(text):
        raise make_field_violations(("page_size", f"Invalid value at 'page_size' (TYPE_INT32), \"{text}\""))
    return int(text or 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS


_MAX_DIGITS = 10
