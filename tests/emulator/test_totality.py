"""The emulator responds to every request, and an error leaves the state unchanged."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.emulator.routes import ROUTES
from genai_fn.http import FileSlice, HttpRequest, HttpResponse
from tests.support.emulator_requests import HI, NOW

_SEGMENTS = st.sampled_from(["m", "1", "projects", "p", "files", "operations", "é", "a b", "", ".."])
_FIELD_NAMES = [
    *("contents", "parts", "text", "model", "instances", "content", "requests", "batch", "inputConfig", "request"),
    *("generateContentRequest", "cachedContent", "ttl", "expireTime", "file", "name", "uses", "prompt", "displayName"),
    *("tuningTask", "baseModel", "inlineData", "data", "parameters", "sampleCount", "metadata", "config", "tools"),
]
_KEYS = st.sampled_from(_FIELD_NAMES) | st.text(max_size=3)
_LEAVES = st.sampled_from([None, True, "", "hi", "300s", "2027-01-01T00:00:00Z", HI, [HI]]) | st.integers() | st.text()
_TREES = st.recursive(
    _LEAVES,
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(_FIELD_NAMES) | st.text(max_size=3), each)
    ),
    max_leaves=8,
)
_BODIES = _TREES.map(msgspec.json.encode) | st.binary() | st.tuples(st.binary()) | st.just(FileSlice("nowhere", 0, 1))
_QUERIES = st.sampled_from(["", "?alt=sse", "?alt=media", "?pageSize=1", "?upload_id=upload1", "?force=true", "?=&&"])
_COMMANDS = st.sampled_from(["start", "upload", "upload, finalize", "query", "cancel", "", "é"])


@st.composite
def _paths(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a path from the table of routes, with arbitrary segments for its parameters."""
    verb, pattern, _ = draw(st.sampled_from(ROUTES))
    root = draw(st.sampled_from(["https://h.test/v1beta", "http://h.test:80/a/v1beta1", "http://[::1]", ""]))
    segments = pattern.replace("{", "").replace("}", "").rpartition("=")[2].split("/")
    path = "/".join(segment.replace("*", draw(_SEGMENTS)) if "*" in segment else segment for segment in segments)
    return verb, f"{root}/{path}{draw(_QUERIES)}"


_ADDRESSES = _paths() | st.tuples(st.sampled_from(["GET", "POST", "PATCH", "é"]), st.text())


@st.composite
def _requests(draw: st.DrawFn) -> HttpRequest:
    verb, url = draw(_ADDRESSES)
    headers = (
        ("X-Goog-Upload-Protocol", "resumable"),
        ("X-Goog-Upload-Command", draw(_COMMANDS)),
        ("X-Goog-Upload-Offset", draw(st.sampled_from(["0", "1", "x"]))),
        ("x-goog-api-key", draw(st.text(max_size=3))),
    )
    return HttpRequest(verb, url, draw(st.sampled_from([(), headers])), draw(_BODIES))


_STATES = st.sampled_from([EmulatorState(), EmulatorState(api_keys=("a",))])
_TIMES = st.sampled_from([NOW, datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])


@settings(max_examples=100, deadline=None)
@given(_STATES, st.lists(_requests(), min_size=1, max_size=4), _TIMES)
def test_total(state: EmulatorState, requests: list[HttpRequest], now: datetime) -> None:
    """Any sequence of requests gets responses; an error leaves the state unchanged."""
    for request in requests:
        next_state, response = handle_request(state, request, now)
        assert isinstance(response, HttpResponse)
        if response.status != 200:
            error_body: Any = msgspec.json.decode(response.body)
            error_body = error_body[0] if isinstance(error_body, list) else error_body
            assert error_body["error"]["code"] == response.status
            assert next_state == state
        state = next_state
