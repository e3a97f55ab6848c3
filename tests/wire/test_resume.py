"""Ranges: of which bodies the rest is asked for, and what is taken for it."""

import pytest

from genai_fn.http import Headers, HttpRequest
from genai_fn.wire.resume import build_range_request, count_repeated_bytes

GET = HttpRequest("GET", "https://h.test/x", (("x-mine", "1"),))
RANGES = ("accept-ranges", "bytes")
TAG, WEAK, SIZE = ("etag", '"a"'), ("etag", 'W/"a"'), ("content-length", "9")


def ranged(text: str) -> tuple[str, str]:
    """Say which part this is."""
    return "content-range", f"bytes {text}"


@pytest.mark.parametrize(
    ("request_", "first", "wanted"),
    [
        (GET, (RANGES, TAG), (("range", "bytes=3-"), ("if-range", '"a"'))),
        (GET, (RANGES, TAG, SIZE), (("range", "bytes=3-"), ("if-range", '"a"'))),
        (GET, (RANGES, SIZE), (("range", "bytes=3-"),)),
        (GET, (RANGES, WEAK, SIZE), (("range", "bytes=3-"),)),
        (GET, (RANGES, WEAK), None),
        (GET, (RANGES,), None),
        (GET, (TAG, SIZE), None),
        (GET, (("accept-ranges", "none"), TAG), None),
        (GET, (RANGES, TAG, ("content-encoding", "gzip")), None),
        (HttpRequest("POST", GET.url), (RANGES, TAG), None),
        (HttpRequest("GET", GET.url, (("Range", "bytes=5-"),)), (RANGES, TAG), None),
    ],
    ids=str,
)
def test_rest_of(request_: HttpRequest, first: Headers, wanted: Headers | None) -> None:
    """The rest is asked for where the server has ranges, what came is a whole, and something names it."""
    asked = build_range_request(request_, first, 3)
    assert (asked and asked.headers) == (None if wanted is None else (*GET.headers, *wanted))


@pytest.mark.parametrize(
    ("first", "status", "headers", "here"),
    [
        ((TAG,), 206, (ranged("3-8/9"), TAG), 0),
        ((TAG, SIZE), 206, (ranged("3-8/9"),), 0),
        ((SIZE,), 206, (ranged("3-8/9"),), 0),
        ((SIZE,), 206, (ranged("3-9/10"),), None),
        ((TAG,), 206, (ranged("3-8/9"), ("etag", '"b"')), None),
        ((TAG,), 206, (ranged("4-8/9"), TAG), None),
        ((TAG,), 206, (ranged("3-7/9"), TAG), None),
        ((TAG,), 206, (ranged("3-8/*"), TAG), None),
        ((TAG,), 206, (TAG,), None),
        ((TAG,), 206, (ranged("3-8/9"), TAG, ("content-encoding", "gzip")), None),
        ((TAG,), 200, (TAG,), 3),
        ((TAG, SIZE), 200, (TAG, SIZE), 3),
        ((TAG, SIZE), 200, (SIZE,), None),
        ((TAG, SIZE), 200, (TAG, ("content-length", "8")), None),
        ((SIZE,), 200, (SIZE,), 3),
        ((SIZE,), 200, (SIZE, TAG), None),
        ((SIZE,), 200, (), None),
        ((TAG,), 416, (TAG, ranged("*/9")), None),
    ],
    ids=str,
)
def test_already_here(first: Headers, status: int, headers: Headers, here: int | None) -> None:
    """What is not surely the rest of the same body, to its very end, is not taken for it."""
    assert count_repeated_bytes(first, status, headers, 3) == here
