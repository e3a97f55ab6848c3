"""Bodies that broke off: how to ask for the rest of one, and whether what comes is the rest of the very same."""

import re

from msgspec.structs import replace

from genai_fn.http import Headers, HttpRequest

__all__ = ["already_here", "rest_of"]


def rest_of(request: HttpRequest, first: Headers, received: int) -> HttpRequest | None:
    """
    Ask for what is missing of a body, of which `first` was the head.

    None where the server has no ranges, or says nothing by which one body could be told from another.

    >>> head = (("accept-ranges", "bytes"), ("etag", '"a"'))
    >>> rest_of(HttpRequest("GET", "https://host/x"), head, 3).headers
    (('range', 'bytes=3-'), ('if-range', '"a"'))
    """
    tag = _tag(first)
    has_ranges = _value(first, "accept-ranges").lower() == "bytes" and not _value(first, "content-encoding")
    is_whole = not any(name.lower() == "range" for name, _ in request.headers)
    if request.method != "GET" or not has_ranges or not is_whole or not (tag or _size(first)):
        return None
    wanted = (("range", f"bytes={received}-"), *((("if-range", tag),) if tag else ()))
    return replace(request, headers=(*request.headers, *wanted))


def already_here(first: Headers, status: int, headers: Headers, received: int) -> int | None:
    """
    Say how many bytes of an answer to `rest_of` are here already.

    None of a rest; all that was received of a body that comes from its beginning again; and None if it is no rest to
    its very end, or of another body.

    >>> head = (("content-length", "9"),)
    >>> already_here(head, 206, (("content-range", "bytes 3-8/9"),), 3), already_here(head, 200, head, 3)
    (0, 3)
    """
    tag, size, told = _tag(first), _size(first), _tag(headers)
    if _value(headers, "content-encoding") or (told != tag and (told or status == 200)):
        return None
    if status == 200:
        return received if not size or _size(headers) == size else None
    ranged = re.fullmatch("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", _value(headers, "content-range"))
    if status != 206 or ranged is None:
        return None
    begin, last, total = map(int, ranged.groups())
    return 0 if begin == received and last + 1 == total and str(total) == (size or str(total)) else None


def _tag(headers: Headers) -> str:
    """Read an ETag, but for a weak one: it says that bodies mean the same, not that they are."""
    tag = _value(headers, "etag")
    return "" if tag.startswith("W/") else tag


def _size(headers: Headers) -> str:
    return _value(headers, "content-length")


def _value(headers: Headers, name: str) -> str:
    return next((value.strip() for each, value in headers if each == name), "")
