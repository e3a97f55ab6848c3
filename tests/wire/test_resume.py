"""Resuming downloads: which bodies are resumed, and which responses continue them."""

import pytest

from genai_fn.http import Headers, HttpRequest
from genai_fn.wire.resume import build_range_request, count_repeated_bytes

GET = HttpRequest("GET", "https://h.test/x", (("x-mine", "1"),))
RANGES = ("accept-ranges", "bytes")
TAG, WEAK, SIZE = ("etag", '"a"'), ("etag", 'W/"a"'), ("content-length", "9")


def build_range_headers(text: str) -> tuple[str, str]:
    """Build the headers of a partial response."""
    return "content-range", f"bytes {text}"


@pytest.mark.parametrize(
    ("request_", "first", "expected"),
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
def test_range_request(request_: HttpRequest, first: Headers, expected: Headers | None) -> None:
    """A range request is built if the server supports ranges, and an ETag or a length identifies the body."""
    request = build_range_request(request_, first, 3)
    assert (request and request.headers) == (None if expected is None else (*GET.headers, *expected))


@pytest.mark.parametrize(
    ("first", "status", "headers", "expected"),
    [
        ((TAG,), 206, (build_range_headers("3-8/9"), TAG), 0),
        ((TAG, SIZE), 206, (build_range_headers("3-8/9"),), 0),
        ((SIZE,), 206, (build_range_headers("3-8/9"),), 0),
        ((SIZE,), 206, (build_range_headers("3-9/10"),), None),
        ((TAG,), 206, (build_range_headers("3-8/9"), ("etag", '"b"')), None),
        ((TAG,), 206, (build_range_headers("4-8/9"), TAG), None),
        ((TAG,), 206, (build_range_headers("3-7/9"), TAG), None),
        ((TAG,), 206, (build_range_headers("3-8/*"), TAG), None),
        ((TAG,), 206, (TAG,), None),
        ((TAG,), 206, (build_range_headers("3-8/9"), TAG, ("content-encoding", "gzip")), None),
        ((TAG,), 200, (TAG,), 3),
        ((TAG, SIZE), 200, (TAG, SIZE), 3),
        ((TAG, SIZE), 200, (SIZE,), None),
        ((TAG, SIZE), 200, (TAG, ("content-length", "8")), None),
        ((SIZE,), 200, (SIZE,), 3),
        ((SIZE,), 200, (SIZE, TAG), None),
        ((SIZE,), 200, (), None),
        ((TAG,), 416, (TAG, build_range_headers("*/9")), None),
    ],
    ids=str,
)
def test_repeated_bytes(first: Headers, status: int, headers: Headers, expected: int | None) -> None:
    """Only a response that continues the same body to its end is accepted."""
    assert count_repeated_bytes(first, status, headers, 3) == expected
