"""Caches on both backends: made, found, moved, dropped, expired, and used."""

from typing import Any

import pytest

from tests.support.emulator_requests import GEMINI, HI, PROJECT, VERTEX, Api

PLACES = [
    pytest.param(GEMINI, "cachedContents", "models/m", id="gemini"),
    pytest.param(VERTEX, f"{PROJECT}/cachedContents", f"{PROJECT}/publishers/google/models/m", id="vertex"),
]
places = pytest.mark.parametrize(("base", "collection", "model"), PLACES)
GONE = {GEMINI: (403, "PERMISSION_DENIED"), VERTEX: (404, "NOT_FOUND")}
BOOK = [{"role": "user", "parts": [{"text": "a long book"}]}]


def made(api: Api, collection: str, model: str, **more: Any) -> Any:
    return api.told("POST", collection, {"model": model, "contents": BOOK, **more})


@places
def test_made(base: str, collection: str, model: str) -> None:
    """A cache tells all but what is in it, and lasts for an hour unless told otherwise."""
    api = Api(base)
    cache = made(api, collection, model, displayName="Book")
    assert cache == {
        "name": cache["name"],
        "displayName": "Book",
        "model": model,
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-01-01T00:00:00Z",
        "expireTime": "2026-01-01T01:00:00Z",
        "usageMetadata": {"totalTokenCount": 3},
    }
    assert cache["name"].startswith(f"{collection}/")
    assert api.told("GET", cache["name"]) == cache


@places
def test_listed(base: str, collection: str, model: str) -> None:
    """Caches are listed a page at a time, those of one project without those of another."""
    api = Api(base)
    names = [made(api, collection, model)["name"] for _ in range(3)]
    made(api, "projects/q/locations/us-central1/cachedContents", model)
    first = api.told("GET", f"{collection}?pageSize=2")
    second = api.told("GET", f"{collection}?pageSize=2&pageToken={first['nextPageToken']}")
    assert [each["name"] for each in (*first["cachedContents"], *second["cachedContents"])] == names


@places
@pytest.mark.parametrize(
    ("expiry", "expires"),
    [
        ({"ttl": "90s"}, "2026-01-01T00:01:40Z"),
        ({"ttl": "0.5s"}, "2026-01-01T00:00:10.500000Z"),
        ({"expireTime": "2026-02-01T00:00:00Z"}, "2026-02-01T00:00:00Z"),
        ({}, "2026-01-01T01:00:00Z"),
        (None, "2026-01-01T01:00:00Z"),
    ],
)
def test_moved(base: str, collection: str, model: str, expiry: Any, expires: str) -> None:
    """The expiry is moved, counted from now, and nothing else."""
    api = Api(base)
    cache = made(api, collection, model)
    api.wait(10)
    moved = api.told("PATCH", cache["name"], expiry)
    assert moved["expireTime"] == expires
    assert {**moved, "expireTime": "", "updateTime": ""} == {**cache, "expireTime": "", "updateTime": ""}


@places
def test_dropped(base: str, collection: str, model: str) -> None:
    """A cache that was dropped is gone, in the words of the backend."""
    api = Api(base)
    name = made(api, collection, model)["name"]
    assert api.told("DELETE", name) == {}
    assert [api.fault(verb, name)[:2] for verb in ("GET", "PATCH", "DELETE")] == [GONE[base]] * 3
    assert api.told("GET", collection) == {}


@places
def test_expires(base: str, collection: str, model: str) -> None:
    """So is one that has expired."""
    api = Api(base)
    name = made(api, collection, model, ttl="60s")["name"]
    api.wait(59)
    assert api.told("GET", name)["name"] == name
    api.wait(1)
    assert api.fault("GET", name)[:2] == GONE[base]
    assert api.told("GET", collection) == {}


@places
@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"contents": BOOK}, "model is required"),
        ({"model": "m"}, "must contain contents"),
        ({"model": "m", "contents": BOOK, "ttl": "1s", "expireTime": "2027-01-01T00:00:00Z"}, "already set"),
        ({"model": "m", "contents": BOOK, "ttl": "5m"}, "Illegal duration format"),
        ({"model": "m", "contents": BOOK, "ttl": "-5s"}, "Illegal duration format"),
        ({"model": "m", "contents": BOOK, "ttl": "9" * 400 + "s"}, "Illegal duration format"),
        ({"model": "m", "contents": BOOK, "ttl": "0s"}, "in the future"),
        ({"model": "m", "contents": BOOK, "expireTime": "2025-01-01T00:00:00Z"}, "in the future"),
        ({"model": "m", "contents": BOOK, "expireTime": "2027-01-01T00:00:00"}, "Timestamp"),
        ({"model": "m", "contents": BOOK, "expireTime": "soon"}, "Invalid value at 'cached_content.expire_time'"),
        ({"model": "m", "contents": BOOK, "mood": 1}, "Unknown name \"mood\" at 'cached_content'"),
    ],
)
def test_refused(base: str, collection: str, model: str, body: Any, names: str) -> None:
    """What makes no cache is refused, and named."""
    code, status, message = Api(base).fault("POST", collection, body)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert names in message


class TestUsed:
    @places
    def test_used(self, base: str, collection: str, model: str) -> None:
        """What is cached comes before what is said, and is counted by itself."""
        api = Api(base)
        system = {"parts": [{"text": "Be brief."}]}
        name = made(api, collection, model, systemInstruction=system)["name"]
        said = api.told("POST", f"{model}:generateContent", {"contents": [HI], "cachedContent": name})
        text = said["candidates"][0]["content"]["parts"][0]["text"]
        assert "My instructions are: “Be brief.” You asked: “hi” Before that came 1 turn." in text
        assert (said["usageMetadata"]["promptTokenCount"], said["usageMetadata"]["cachedContentTokenCount"]) == (7, 6)

    @places
    def test_functions(self, base: str, collection: str, model: str) -> None:
        """Its tools are the request's."""
        api = Api(base)
        tools = [{"functionDeclarations": [{"name": "clock"}]}]
        config = {"functionCallingConfig": {"mode": "ANY"}}
        name = made(api, collection, model, tools=tools, toolConfig=config)["name"]
        said = api.told("POST", f"{model}:generateContent", {"contents": [HI], "cachedContent": name})
        assert said["candidates"][0]["content"]["parts"] == [{"functionCall": {"name": "clock", "args": {}}}]

    @places
    @pytest.mark.parametrize("word", ["generateContent", "streamGenerateContent?alt=sse"])
    def test_unknown(self, base: str, collection: str, model: str, word: str) -> None:
        """A cache that is not there is a fault, not an answer without it."""
        body = {"contents": [HI], "cachedContent": f"{collection}/9"}
        assert Api(base).fault("POST", f"{model}:{word}", body)[:2] == GONE[base]

    @places
    def test_other_model(self, base: str, collection: str, model: str) -> None:
        """A cache serves the model that it was made for."""
        api = Api(base)
        body = {"contents": [HI], "cachedContent": made(api, collection, model)["name"]}
        code, _, message = api.fault("POST", f"{model}2:generateContent", body)
        assert code == 400
        assert "must be the same" in message

    @places
    @pytest.mark.parametrize(
        "beside", [{"tools": [{"googleSearch": {}}]}, {"toolConfig": {}}, {"systemInstruction": {"parts": []}}]
    )
    def test_both(self, base: str, collection: str, model: str, beside: Any) -> None:
        """What belongs into the cache cannot be said beside it."""
        api = Api(base)
        body = {"contents": [HI], "cachedContent": made(api, collection, model)["name"], **beside}
        assert "can not be used" in api.fault("POST", f"{model}:generateContent", body)[2]

    def test_counted(self) -> None:
        """The tokens of a whole request are counted with its cache."""
        api = Api()
        name = made(api, "cachedContents", "models/m")["name"]
        request = {"model": "models/m", "contents": [HI], "cachedContent": name}
        counted = api.told("POST", "models/m:countTokens", {"generateContentRequest": request})
        assert counted == {"totalTokens": 4, "cachedContentTokenCount": 3}
