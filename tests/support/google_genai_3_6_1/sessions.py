"""What google-genai 3.6.1 sends in a live session: its own ``connect`` runs with a WebSocket in memory."""

import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from exchange import BACKENDS, hide_environment, open_client
from fields import list_models
from google.genai import live, types

__all__ = ["list_sessions", "send_in_session"]

_PCM = {"data": b"\x00\xff\xfe", "mime_type": "audio/pcm;rate=16000"}
_JPEG = {"data": b"\xff\xd8", "mime_type": "image/jpeg"}
_TURN = {"role": "user", "parts": [{"text": "hi"}]}
_ANSWER = {"id": "1", "name": "f", "response": {"result": {"a_b": [1, None]}}}

_MESSAGES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "live.client_content": (
        {},
        {"turn_complete": False},
        {"turns": _TURN},
        {"turns": [_TURN, {"role": "model", "parts": [{"text": "ho"}]}], "turn_complete": False},
        {"turns": {"parts": [{"inline_data": _JPEG}, {"text": "what?"}]}},
        {"turns": {"parts": [{"inline_data": {**_JPEG, "display_name": "x"}}]}},
        {"turns": {"parts": [{"file_data": {"file_uri": "gs://b/x.png", "mime_type": "image/png"}}]}},
        {"turns": {"role": "model", "parts": [{"function_call": {"id": "1", "name": "f", "args": {"a_b": 1}}}]}},
        {"turns": {"parts": [{"function_response": _ANSWER}]}},
        {
            "turns": {
                "role": "model",
                "parts": [{"tool_call": {"id": "1", "tool_type": "URL_CONTEXT", "args": {"a_b": 1}}}],
            }
        },
        {"turns": {"role": "model", "parts": [{"tool_response": {"id": "1", "response": {"a_b": 1}}}]}},
        {"turns": {"role": "model", "parts": [{"text": "x", "thought": True, "thought_signature": b"\xfb\xff"}]}},
        {"turns": {"parts": [{"executable_code": {"id": "1", "code": "1", "language": "PYTHON"}}]}},
        {"turns": {"parts": [{"inline_data": _JPEG, "video_metadata": {"fps": 1.5}}]}},
        {"turns": []},
        {"turns": [{}]},
        {"turns": 3},
    ),
    "live.realtime_input": (
        {"audio": _PCM},
        {"audio": {"mime_type": "audio/pcm"}},
        {"audio": {**_PCM, "display_name": "x"}},
        {"audio": _JPEG},
        {"video": _JPEG},
        {"video": _PCM},
        {"media": _PCM},
        {"media": _JPEG},
        {"text": "hi"},
        {"text": ""},
        {"activity_start": {}},
        {"activity_end": {}},
        {"audio_stream_end": True},
        {"audio_stream_end": False},
        {},
        {"text": "x", "audio": _PCM},
    ),
    "live.tool_response": (
        {"function_responses": _ANSWER},
        {"function_responses": [_ANSWER, {"id": "2", "name": "g", "response": {}}]},
        {"function_responses": [{**_ANSWER, "scheduling": "WHEN_IDLE", "will_continue": True}]},
        {"function_responses": [{**_ANSWER, "parts": [{"inline_data": _JPEG}]}]},
        {"function_responses": {"name": "f", "response": {}}},
        {"function_responses": {"id": "1"}},
        {"function_responses": []},
    ),
    "live.context_update": (
        {},
        {"system_instruction": "a"},
        {"system_instruction": {"parts": [{"text": "a"}]}},
        {"tools": []},
        {"tools": [{"google_search": {}}]},
        {"tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]},
        {"system_instruction": "a", "tools": [{"code_execution": {}}]},
    ),
}

_METHODS: Mapping[str, str] = {
    "live.client_content": "send_client_content",
    "live.realtime_input": "send_realtime_input",
    "live.tool_response": "send_tool_response",
    "live.context_update": "send_context_update",
}

_CONFIGS: tuple[dict[str, Any], ...] = (
    {"response_modalities": ["TEXT"]},
    {"speech_config": "Kore"},
    {"system_instruction": "a"},
    {"tools": [{"google_search": {}}, {"function_declarations": [{"name": "f"}]}]},
    {"tools": [{"function_declarations": [{"name": "f"}], "google_search": {}}]},
    {"generation_config": {"temperature": 0.5}, "temperature": 1.0},
    {"session_resumption": {"handle": "h", "transparent": True}},
)


def list_sessions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield operations of a session with arguments."""
    for model in ("m", "models/m", "publishers/google/models/m", "projects/q/locations/l/publishers/google/models/m"):
        yield "live.connect", {"model": model}
    for config in (*_CONFIGS, *list_models(types.LiveConnectConfig, frozenset({types.Content}))):
        yield "live.connect", {"model": "m", "config": config}
    for operation, messages in _MESSAGES.items():
        yield from ((operation, message) for message in messages)


def send_in_session(backend: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the address and the setup of a session, or the frame that follows it, or the error that it raises."""
    socket = _Socket()
    client = open_client(BACKENDS[backend], None)
    connects = operation == "live.connect"
    with hide_environment(), patch.object(live, "ws_connect", socket.connect):
        try:
            use = None if connects else lambda session: getattr(session, _METHODS[operation])(**given)
            _run_at_once(_use_session(client, given if connects else {"model": "m"}, use))
        except Exception as error:  # whatever it is, it is what the caller would get
            return {"error": type(error).__name__, "message": str(error)}
    url = socket.url.replace("com//ws", "com/ws")
    return {
        "method": "CONNECT" if connects else "SEND",
        "url": url,
        "headers": socket.headers,
        "body": socket.frames[-1],
    }


class _Socket:
    """A connection in memory, and the function that opens it."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: dict[str, str] = {}
        self.frames: list[Any] = []

    @asynccontextmanager
    async def connect(self, url: str, *, additional_headers: Mapping[str, str], **_: Any) -> AsyncGenerator["_Socket"]:
        headers = {name.lower(): value for name, value in additional_headers.items()}
        ignored = ("user-agent", "x-goog-api-client", "content-type")
        self.headers = {name: value for name, value in headers.items() if name not in ignored}
        self.url = url
        yield self

    async def send(self, frame: str) -> None:
        self.frames.append(json.loads(frame))

    async def recv(self, *, decode: bool | None = None) -> bytes:
        del decode
        return b'{"setupComplete": {}}'


async def _use_session(
    client: Any, given: dict[str, Any], use: Callable[[Any], Coroutine[Any, Any, Any]] | None
) -> None:
    async with client.aio.live.connect(**given) as session:
        if use:
            await use(session)


def _run_at_once(running: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that never waits."""
    try:
        running.send(None)
    except StopIteration:
        return
    finally:
        running.close()
    raise AssertionError("the session waits for something")
