"""Lists, a page at a time."""

from collections.abc import Sequence
from typing import TypeVar

from genai_fn.emulator.faults import invalid
from genai_fn.emulator.reading import Asked

__all__ = ["paged"]

T = TypeVar("T")


def paged(values: Sequence[T], asked: Asked, *, size: int = 50, most: int = 1000) -> tuple[tuple[T, ...], str | None]:
    """
    Cut out the page that a request asks for, and give what asks for the next; None where there is none.

    Args:
        values: All that there is.

        size: How many are on a page, where the request does not say.

        most: How many are on it at most, whatever the request says.
    """
    start = _start(asked.query.get("pageToken") or asked.query.get("page_token") or "")
    count = min(_size(asked.query.get("pageSize") or asked.query.get("page_size") or "") or size, most)
    return tuple(values[start : start + count]), f"page-{start + count}" if start + count < len(values) else None


def _start(token: str) -> int:
    if not token:
        return 0
    number = token.removeprefix("page-")
    if number == token or not _is_number(number):
        raise invalid("Page token is invalid.")
    return int(number)


def _size(text: str) -> int:
    if text and not _is_number(text):
        raise invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{text}\"")
    return int(text or 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _DIGITS


_DIGITS = 10
