"""``caches``: responses compared with google-genai 1.51.0, on both backends."""

from collections.abc import Mapping
from typing import Any

import pytest

from genai_fn import schema
from genai_fn.ops import caches
from tests.support.google_genai.agreement import BACKENDS, check_same_response, decode_ours

CACHE = {
    "name": "cachedContents/1",
    "displayName": "A book",
    "model": "models/m",
    "createTime": "2025-01-02T03:04:05.678901234Z",
    "updateTime": "2025-01-02T03:04:05Z",
    "expireTime": "2025-01-02T04:04:05+01:00",
    "usageMetadata": {
        "totalTokenCount": "32768",
        "textCount": 0,
        "imageCount": 1,
        "videoDurationSeconds": 2,
        "audioDurationSeconds": 3,
    },
}
REPLIES: Mapping[str, Any] = {
    "empty": {},
    "whole": CACHE,
    "no-usage": {"name": "cachedContents/1", "usageMetadata": {}},
    "nulls": {"name": None, "usageMetadata": None, "createTime": None},
    "unknown": {"name": "cachedContents/1", "new": {"x": [1]}},
}
PAGES_READ: Mapping[str, Any] = {
    "empty": {},
    "none": {"cachedContents": []},
    "one": {"cachedContents": [CACHE]},
    "more": {"cachedContents": [CACHE, {"name": "cachedContents/2"}, {}], "nextPageToken": "t"},
    "token-alone": {"nextPageToken": "t"},
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_cache_read(reply: Any, backend: str) -> None:
    """A cache decodes as with google-genai, for every operation."""
    check_same_response(lambda: caches.get("1"), lambda client: client.caches.get(name="1"), backend, reply)
    check_same_response(lambda: caches.update("1"), lambda client: client.caches.update(name="1"), backend, reply)
    check_same_response(lambda: caches.create("m"), lambda client: client.caches.create(model="m"), backend, reply)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reply", PAGES_READ.values(), ids=PAGES_READ)
def test_page_read(reply: Any, backend: str) -> None:
    """A page decodes as with google-genai."""
    check_same_response(caches.list, lambda client: client.caches._list(), backend, reply)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reply", [b"", b"{}", b" {}\n"])
def test_delete_read(reply: bytes, backend: str) -> None:
    """An empty response is a successful deletion."""
    assert decode_ours(caches.delete("1"), backend, reply) == schema.DeleteCachedContentResponse()


def test_page_shows_more() -> None:
    """A page is iterable, and its repr shows whether there are more."""
    page = decode_ours(caches.list(), "gemini", PAGES_READ["more"])
    assert [each.name for each in page] == ["cachedContents/1", "cachedContents/2", None]
    assert repr(page).startswith("<ListCachedContentsResponse of 3, more to come: ")
