"""Resumes interrupted downloads: builds the range request, and checks that its response continues the same body."""

import re

from msgspec.structs import replace

from genai_fn.http import Headers, HttpRequest

__all__ = ["build_range_request", "count_repeated_bytes", "is_unrequested_part"]


def build_range_request(request: HttpRequest, first: Headers, received: int) -> HttpRequest | None:
    """
    Build the request for the rest of a body.

    Returns None if the body cannot be resumed: the request is not a GET or has a range itself, the body is compressed,
    the server does not support ranges, or it sends neither a strong ETag nor a length, by which a changed body is
    detected.

    Args:
        request: The first request.

        first: Headers of its response.

        received: Number of bytes received.

    >>> head = (("accept-ranges", "bytes"), ("etag", '"a"'))
    >>> build_range_request(HttpRequest("GET", "https://host/x"), head, 3).headers
    (('range', 'bytes=3-'), ('if-range', '"a"'))
    """
    tag = _get_strong_etag(first)
    has_ranges = _get_header(first, "accept-ranges").lower() == "bytes" and not _get_header(first, "content-encoding")
    if request.method != "GET" or not has_ranges or _has_range(request) or not (tag or _get_content_length(first)):
        return None
    wanted = (("range", f"bytes={received}-"), *((("if-range", tag),) if tag else ()))
    return replace(request, headers=(*request.headers, *wanted))


def count_repeated_bytes(first: Headers, status: int, headers: Headers, received: int) -> int | None:
    """
    Count the bytes at the start of the response to a range request that were received before.

    It is 0 if the response continues the body, `received` if it starts again from the beginning, and None if it is
    incomplete or belongs to another body.

    Args:
        first: Headers of the first response.

        status: Status of the response to the range request.

        headers: Its headers.

        received: Number of bytes received before.

    >>> head = (("content-length", "9"),)
    >>> count_repeated_bytes(head, 206, (("content-range", "bytes 3-8/9"),), 3)
    0
    >>> count_repeated_bytes(head, 200, head, 3)
    3
    """
    tag, size, new_tag = _get_strong_etag(first), _get_content_length(first), _get_strong_etag(headers)
    if _get_header(headers, "content-encoding") or (new_tag != tag and (new_tag or status == 200)):
        return None
    if status == 200:
        return received if not size or _get_content_length(headers) == size else None
    ranged = re.fullmatch("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", _get_header(headers, "content-range"))
    if status != 206 or ranged is None:
        return None
    begin, last, total = map(int, ranged.groups())
    return 0 if begin == received and last + 1 == total and str(total) == (size or str(total)) else None


def is_unrequested_part(request: HttpRequest, status: int) -> bool:
    """
    Whether a server returned a part of a body (206) to a request without a range.

    >>> is_unrequested_part(HttpRequest("GET", "https://host/x"), 206)
    True
    """
    return status == 206 and not _has_range(request)


def _has_range(request: HttpRequest) -> bool:
    return any(name.lower() == "range" for name, _ in request.headers)


def _get_strong_etag(headers: Headers) -> str:
    """Return the ETag unless it is weak: a weak one does not guarantee that the bytes are equal."""
    tag = _get_header(headers, "etag")
    return "" if tag.startswith("W/") else tag


def _get_content_length(headers: Headers) -> str:
    return _get_header(headers, "content-length")


def _get_header(headers: Headers, name: str) -> str:
    return next((value.strip() for each, value in headers if each == name), "")
