"""Cached contents on both backends: create, list, update, expire, delete, use."""

from typing import Any

import pytest

from tests.support.emulator_requests import GEMINI, HI, PROJECT, VERTEX, JsonClient, get_calls, get_text

COLLECTIONS = [
    pytest.param(GEMINI, "cachedContents", "models/m", id="gemini"),
    pytest.param(VERTEX, f"{PROJECT}/cachedContents", f"{PROJECT}/publishers/google/models/m", id="vertex"),
]
every_collection = pytest.mark.parametrize(("base", "collection", "model"), COLLECTIONS)
MISSING_ERRORS = {GEMINI: (403, "PERMISSION_DENIED"), VERTEX: (404, "NOT_FOUND")}
BOOK = [{"role": "user", "parts": [{"text": "a long book"}]}]


def create_cache(api: JsonClient, collection: str, model: str, **fields: Any) -> Any:
    return api.request_json("POST", collection, {"model": model, "contents": BOOK, **fields})


@every_collection
def test_created(base: str, collection: str, model: str) -> None:
    """A response contains the metadata of a cache without its contents; the default lifetime is one hour."""
    api = JsonClient(base)
    cache = create_cache(api, collection, model, displayName="Book")
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
    assert api.request_json("GET", cache["name"]) == cache


@every_collection
def test_listed(base: str, collection: str, model: str) -> None:
    """Caches are listed in pages, for each project."""
    api = JsonClient(base)
    names = [create_cache(api, collection, model)["name"] for _ in range(3)]
    create_cache(api, "projects/q/locations/us-central1/cachedContents", model)
    first = api.request_json("GET", f"{collection}?pageSize=2")
    second = api.request_json("GET", f"{collection}?pageSize=2&pageToken={first['nextPageToken']}")
    assert [each["name"] for each in (*first["cachedContents"], *second["cachedContents"])] == names


@every_collection
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
def test_updated(base: str, collection: str, model: str, expiry: Any, expires: str) -> None:
    """An update changes only the expiry; a ``ttl`` counts from now."""
    api = JsonClient(base)
    cache = create_cache(api, collection, model)
    api.advance_clock(10)
    updated_cache = api.request_json("PATCH", cache["name"], expiry)
    assert updated_cache["expireTime"] == expires
    assert {**updated_cache, "expireTime": "", "updateTime": ""} == {**cache, "expireTime": "", "updateTime": ""}


@every_collection
def test_deleted(base: str, collection: str, model: str) -> None:
    """A deleted cache is missing, with the error of the backend."""
    api = JsonClient(base)
    name = create_cache(api, collection, model)["name"]
    assert api.request_json("DELETE", name) == {}
    assert [api.request_fault(verb, name)[:2] for verb in ("GET", "PATCH", "DELETE")] == [MISSING_ERRORS[base]] * 3
    assert api.request_json("GET", collection) == {}


@every_collection
def test_expires(base: str, collection: str, model: str) -> None:
    """An expired cache is missing, too."""
    api = JsonClient(base)
    name = create_cache(api, collection, model, ttl="60s")["name"]
    api.advance_clock(59)
    assert api.request_json("GET", name)["name"] == name
    api.advance_clock(1)
    assert api.request_fault("GET", name)[:2] == MISSING_ERRORS[base]
    assert api.request_json("GET", collection) == {}


@every_collection
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
    """An invalid cache is rejected, and the message names the reason."""
    code, status, message = JsonClient(base).request_fault("POST", collection, body)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert names in message


class TestUsed:
    @every_collection
    def test_used(self, base: str, collection: str, model: str) -> None:
        """Cached contents come before the request's, and their tokens are counted separately."""
        api = JsonClient(base)
        system = {"parts": [{"text": "Be brief."}]}
        name = create_cache(api, collection, model, systemInstruction=system)["name"]
        response = api.request_json("POST", f"{model}:generateContent", {"contents": [HI], "cachedContent": name})
        assert "My instructions are: “Be brief.” You asked: “hi” Before that came 1 turn." in get_text(response)
        usage = response["usageMetadata"]
        assert (usage["promptTokenCount"], usage["cachedContentTokenCount"]) == (7, 6)

    @every_collection
    def test_functions(self, base: str, collection: str, model: str) -> None:
        """The tools of a cache apply to the request."""
        api = JsonClient(base)
        tools = [{"functionDeclarations": [{"name": "clock"}]}]
        config = {"functionCallingConfig": {"mode": "ANY"}}
        name = create_cache(api, collection, model, tools=tools, toolConfig=config)["name"]
        response = api.request_json("POST", f"{model}:generateContent", {"contents": [HI], "cachedContent": name})
        assert get_calls(response) == [("clock", {})]

    @every_collection
    @pytest.mark.parametrize("expected", ["generateContent", "streamGenerateContent?alt=sse"])
    def test_unknown(self, base: str, collection: str, model: str, expected: str) -> None:
        """An unknown cache is an error."""
        body = {"contents": [HI], "cachedContent": f"{collection}/9"}
        assert JsonClient(base).request_fault("POST", f"{model}:{expected}", body)[:2] == MISSING_ERRORS[base]

    @every_collection
    def test_other_model(self, base: str, collection: str, model: str) -> None:
        """A cache can only be used with its own model."""
        api = JsonClient(base)
        body = {"contents": [HI], "cachedContent": create_cache(api, collection, model)["name"]}
        code, _, message = api.request_fault("POST", f"{model}2:generateContent", body)
        assert code == 400
        assert "must be the same" in message

    @every_collection
    @pytest.mark.parametrize(
        "fields", [{"tools": [{"googleSearch": {}}]}, {"toolConfig": {}}, {"systemInstruction": {"parts": []}}]
    )
    def test_both(self, base: str, collection: str, model: str, fields: Any) -> None:
        """A request with a cache must not contain a system instruction, tools or a tool config."""
        api = JsonClient(base)
        body = {"contents": [HI], "cachedContent": create_cache(api, collection, model)["name"], **fields}
        assert "can not be used" in api.request_fault("POST", f"{model}:generateContent", body)[2]

    def test_counted(self) -> None:
        """``countTokens`` of a whole request includes its cache."""
        api = JsonClient()
        name = create_cache(api, "cachedContents", "models/m")["name"]
        request = {"model": "models/m", "contents": [HI], "cachedContent": name}
        token_count = api.request_json("POST", "models/m:countTokens", {"generateContentRequest": request})
        details = [{"modality": "TEXT", "tokenCount": 4}]
        expected = {"totalTokens": 4, "cachedContentTokenCount": 3, "promptTokensDetails": details}
        assert token_count == expected
