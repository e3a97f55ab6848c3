"""Lists, a page at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from genai_fn.emulator.answers import told
from genai_fn.emulator.faults import invalid, unreadable
from genai_fn.emulator.reading import Asked
from genai_fn.http import HttpResponse

__all__ = ["listed"]


def listed(
    name: str,
    values: Sequence[Any],
    asked: Asked,
    shown: Callable[[Any], Any] = lambda value: value,
    *,
    size: int = 50,
    most: int = 1000,
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
    start = _start(asked.query.get("pageToken") or asked.query.get("page_token") or "")
    end = start + min(_size(asked.query.get("pageSize") or asked.query.get("page_size") or "") or size, most)
    page, token = tuple(map(shown, values[start:end])), f"page-{end}" if end < len(values) else None
    return told({key: each for key, each in ((name, page), ("nextPageToken", token)) if each})


def _start(token: str) -> int:
    if not token:
        return 0
    number = token.removeprefix("page-")
    if number == token or not _is_number(number):
        raise invalid("Page token is invalid.")
    return int(number)


def _size(text: str) -> int:
    if text and not _is_number(text):
        raise unreadable(("page_size", f"Invalid value at 'page_size' (TYPE_INT32), \"{text}\""))
    return int(text or 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _DIGITS


_DIGITS = 10
