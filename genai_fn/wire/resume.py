"""Bodies that broke off: how to ask for the rest of one, and whether what comes is the rest of the very same."""

import re

from msgspec.structs import replace

from genai_fn.http import Headers, HttpRequest

__all__ = ["build_range_request", "count_repeated_bytes"]


def build_range_request(request: HttpRequest, first: Headers, received: int) -> HttpRequest | None:
    """
    Ask for what is missing of a body, of which `first` was the head.

    None where the server has no ranges, or says nothing by which one body could be told from another.

    >>> head = (("accept-ranges", "bytes"), ("etag", '"a"'))
    >>> build_range_request(HttpRequest("GET", "https://host/x"), head, 3).headers
    (('range', 'bytes=3-'), ('if-range', '"a"'))
    """
    tag = _get_strong_etag(first)
    has_ranges = _get_header(first, "accept-ranges").lower() == "bytes" and not _get_header(first, "content-encoding")
    is_whole = not any(name.lower() == "range" for name, _ in request.headers)
    if request.method != "GET" or not has_ranges or not is_whole or not (tag or _get_content_length(first)):
        return None
    wanted = (("range", f"bytes={received}-"), *((("if-range", tag),) if tag else ()))
    return replace(request, headers=(*request.headers, *wanted))


def count_repeated_bytes(first: Headers, status: int, headers: Headers, received: int) -> int | None:
    """
    Say how many bytes of an answer to `rest_of` are here already.

    None of a rest; all that was received of a body that comes from its beginning again; and None if it is no rest to
    its very end, or of another body.

    >>> head = (("content-length", "9"),)
    >>> count_repeated_bytes(head, 206, (("content-range", "bytes 3-8/9"),), 3)
    0
    >>> count_repeated_bytes(head, 200, head, 3)
    3
    """
    tag, size, told = _get_strong_etag(first), _get_content_length(first), _get_strong_etag(headers)
    if _get_header(headers, "content-encoding") or (told != tag and (told or status == 200)):
        return None
    if status == 200:
        return received if not size or _get_content_length(headers) == size else None
    ranged = re.fullmatch("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", _get_header(headers, "content-range"))
    if status != 206 or ranged is None:
        return None
    begin, last, total = map(int, ranged.groups())
    return 0 if begin == received and last + 1 == total and str(total) == (size or str(total)) else None


def _get_strong_etag(headers: Headers) -> str:
    """Read an ETag, but for a weak one: it says that bodies mean the same, not that they are."""
    tag = _get_header(headers, "etag")
    return "" if tag.startswith("W/") else tag


def _get_content_length(headers: Headers) -> str:
    return _get_header(headers, "content-length")


def _get_header(headers: Headers, name: str) -> str:
    return next((value.strip() for each, value in headers if each == name), "")
