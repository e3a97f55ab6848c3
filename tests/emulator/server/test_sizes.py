"""What the emulator keeps is bounded: resources, uploads, handles and conversations."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.emulator.live import history, sessions
from genai_fn.emulator.live.connections import EmulatedConnection
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.sizes import measure_size
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.schema import Content, Part

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = "https://h.test"


def send(
    state: EmulatorState, method: str, path: str, body: Any = None, **headers: str
) -> tuple[EmulatorState, HttpResponse]:
    """Handle a request; underscores in the names of headers are hyphens."""
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return handle_request(state, HttpRequest(method, path if "://" in path else ROOT + path, pairs, data), NOW)


def start_upload(state: EmulatorState) -> tuple[EmulatorState, str]:
    """Start an upload; return its URL."""
    state, response = send(
        state,
        "POST",
        "/upload/v1beta/files",
        x_goog_upload_protocol="resumable",
        x_goog_upload_command="start",
        x_goog_upload_header_content_type="text/plain",
    )
    return state, response.get_header("x-goog-upload-url") or ""


@pytest.mark.parametrize(
    ("value", "least"),
    [
        (b"x" * 1000, 1000),
        ("x" * 1000, 1000),
        ({"a" * 500: ("b" * 500, ["c" * 500])}, 1500),
        (Content(parts=(Part(text="x" * 1000),)), 1000),
        (HttpResponse(200, (), b"x" * 1000), 1000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sizes(value: Any, least: int) -> None:
    """The size of a value is that of all texts and bytes in it, and a little for each object."""
    assert least <= measure_size(value) <= least + 4000


def test_resources() -> None:
    """A state above its limits refuses new resources, changes nothing, and accepts them after a deletion."""
    state = EmulatorState(max_resources=2)
    for _ in range(2):
        state, response = send(state, "POST", "/v1beta/fileSearchStores", {})
        assert response.status == 200
    same, response = send(state, "POST", "/v1beta/fileSearchStores", {})
    assert (response.status, same) == (400, state)
    assert b"FAILED_PRECONDITION" in response.body
    name = next(iter(state.resources))
    state, response = send(state, "DELETE", f"/v1beta/{name}")
    assert response.status == 200
    assert send(state, "POST", "/v1beta/fileSearchStores", {})[1].status == 200


def test_uploads() -> None:
    """The chunks of unfinished uploads count; cancelling an upload frees them."""
    state, url = start_upload(EmulatorState(max_kept_bytes=10_000))
    for offset in (0, 4000):
        state, response = send(
            state, "POST", url, b"x" * 4000, x_goog_upload_command="upload", x_goog_upload_offset=str(offset)
        )
        assert response.status == 200
    full, response = send(state, "POST", url, b"x" * 4000, x_goog_upload_command="upload", x_goog_upload_offset="8000")
    assert (response.status, full) == (400, state)
    cancelled, _ = send(state, "POST", url, b"", x_goog_upload_command="cancel")
    assert 0 <= cancelled.kept_bytes < state.kept_bytes - 8000


def test_upload_sessions() -> None:
    """Of a thousand and more upload sessions, the oldest are forgotten."""
    state, first = start_upload(EmulatorState())
    for _ in range(1000):
        state, last = start_upload(state)
    assert len(state.resources) == 1000
    statuses = [send(state, "POST", url, b"", x_goog_upload_command="query")[1].status for url in (first, last)]
    assert statuses == [404, 200]


def test_newest() -> None:
    """Only the oldest resources of one collection are removed, and their size is subtracted."""
    state = EmulatorState()
    for name in ("a/1", "b/1", "a/2", "a/3"):
        state = state.with_resource(name, "x" * 100)
    newest = state.with_newest("a", 2)
    assert list(newest.resources) == ["b/1", "a/2", "a/3"]
    assert newest.kept_bytes == state.kept_bytes * 3 // 4
    assert newest.with_newest("a", 2) == newest


def test_replaced() -> None:
    """Replacing a resource counts the difference, and a smaller one always fits."""
    state = EmulatorState(max_kept_bytes=200).with_resource("a/1", "x" * 100)
    assert state.with_resource("a/1", "x" * 50).kept_bytes == state.kept_bytes - 50
    full = EmulatorState(max_kept_bytes=0, kept_bytes=500, resources={"a/1": "x" * 100})
    assert full.with_resource("a/1", "x").kept_bytes == 401
    with pytest.raises(EmulatedFault):
        state.with_resource("a/2", "x" * 100)


def test_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session whose new handle has no room is closed with the reason."""
    state = EmulatorState(max_resources=0)
    connection = EmulatedConnection()
    setup = {"setup": {"model": "models/m", "sessionResumption": {}}}
    with pytest.raises(EmulatedClose, match="keeps at most 0 resources") as closed:
        for frame in (setup, {"realtimeInput": {"text": "hi"}}):
            state, connection, _ = connection.receive_frame(state, json.dumps(frame).encode(), NOW)
    assert closed.value.code == 1008


def test_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session whose turns become too long is closed with the reason."""
    monkeypatch.setattr(history, "_MAX_KEPT_BYTES", 5000)
    state, opened, _ = sessions.open_session(EmulatorState(), b'{"setup": {"model": "models/m"}}', NOW)
    frame = json.dumps({"realtimeInput": {"text": "x" * 1000}}).encode()
    with pytest.raises(EmulatedClose, match="of a session") as closed:
        for _ in range(10):
            state, opened, _ = sessions.receive_frame(state, opened, frame)
    assert closed.value.code == 1007


PROMPT: Any = {"clientContent": {"turns": [{"parts": [{"text": "clock"}], "role": "user"}], "turnComplete": True}}
UNFINISHED: Any = {
    "toolResponse": {"functionResponses": [{"id": "function-call-1", "name": "f", "willContinue": True}]}
}
FINISHED: Any = {"toolResponse": {"functionResponses": [{"id": "function-call-1", "name": "f"}]}}
IMAGE: Any = {"realtimeInput": {"video": {"mimeType": "image/png", "data": ""}}}


def call_function(*frames: Any) -> history.LiveHistory:
    """Return the state of a session with a pending function call, after more frames."""
    setup = {"model": "models/m", "tools": [{"functionDeclarations": [{"name": "clock"}]}]}
    state, opened, _ = sessions.open_session(EmulatorState(), json.dumps({"setup": setup}), NOW)
    for frame in (PROMPT, *frames):
        state, opened, _ = sessions.receive_frame(state, opened, json.dumps(frame))
    return opened


@pytest.mark.parametrize("frame", [UNFINISHED, IMAGE], ids=("response", "image"))
def test_before_a_turn(frame: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Function responses and images count towards the limit of a session before they are part of a turn."""
    assert call_function(frame).kept_bytes > call_function().kept_bytes
    monkeypatch.setattr(history, "_MAX_KEPT_BYTES", call_function().kept_bytes)
    with pytest.raises(EmulatedClose, match="of a session"):
        call_function(frame)


def test_function_responses() -> None:
    """Function responses count once: the size of a session is that of its turns."""
    session = call_function(UNFINISHED, FINISHED)
    assert len(session.turns) == 4
    assert abs(session.kept_bytes - measure_size(session.turns)) < 500
