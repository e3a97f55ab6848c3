"""
The frames that google-genai 1.51.0 sends in a live session, and the messages that it parses: its own ``connect`` runs
with a WebSocket that answers from memory.

A *use* is an async function of a session. It never really waits, so that it runs without an event loop::

    capture_session(oracle.GEMINI, {"model": "m"}, lambda session: session.send_client_content(turns={…}))
"""

import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias
from unittest.mock import patch

import httpx
from google.genai import Client, live, live_music
from msgspec import json as ours

from genai_fn.backend import Backend, Gemini, Vertex, build_bearer_credential, build_own_credential
from genai_fn.live_protocol.handshake import EncodedHandshake, build_live_credential, encode_handshake
from genai_fn.request import Live
from genai_fn.wire import sign_request
from tests.support.google_genai import oracle

Use: TypeAlias = Callable[[Any], Coroutine[Any, Any, Any]]

BACKENDS: Mapping[str, tuple[oracle.Backend, Backend]] = {
    "gemini": (oracle.GEMINI, Gemini("test-key")),
    "vertex": (oracle.VERTEX, Vertex("p", "us-central1")),
    "express": ({"vertexai": True, "api_key": "test-key"}, Vertex(api_key="test-key")),
    "gateway": (
        {"vertexai": True, "base_url": "https://gate.test/way"},
        Vertex(base_url="https://gate.test/way"),
    ),
}


@dataclass(frozen=True)
class CapturedSession:
    """A session: its URL, its headers (names in lower case), and the JSON of each frame."""

    url: str
    headers: Mapping[str, str]
    frames: tuple[Any, ...]
    value: Any = None

    @property
    def setup(self) -> Any:
        return self.frames[0]


def capture_session(
    backend: oracle.Backend,
    arguments: Mapping[str, Any],
    use: Use | None = None,
    *,
    music: bool = False,
    messages: Iterable[Any] = (),
) -> CapturedSession | oracle.RefusedCall:
    """Run a session of google-genai 1.51.0, which receives `said` after the setup; return what it sends."""
    socket = _Socket({"setupComplete": {}}, *messages)
    module = live_music if music else live
    with oracle._hide_environment(), patch.object(module, "connect" if music else "ws_connect", socket.connect):
        try:
            aio = _create_client(_freeze(backend)).aio.live
            value = _run_without_waiting(_use_session(aio.music if music else aio, arguments, use))
        except Exception as error:
            return oracle.RefusedCall(str(error), type(error))
    return CapturedSession(socket.url, socket.headers, tuple(socket.frames), value)


def encode_session(live: Live[Any], backend: Backend, token: str = "test-token") -> CapturedSession:
    """Build our handshake with a credential."""
    handshake = encode_handshake(live, backend).unwrap()
    credential = build_live_credential(
        backend, build_own_credential(backend) or build_bearer_credential(backend, token)
    )
    http = sign_request(handshake.http, credential)
    headers = {name.lower(): value for name, value in http.headers}
    assert len(headers) == len(http.headers)
    return CapturedSession(http.url, headers, (ours.decode(handshake.setup),))


def build_handshake(live: Live[Any], backend: Backend) -> EncodedHandshake:
    """Build our handshake."""
    return encode_handshake(live, backend).unwrap()


class _Socket:
    """A fake connection, and a fake of the function that opens it."""

    def __init__(self, *messages: Any) -> None:
        self.messages = [each if isinstance(each, bytes | str) else json.dumps(each).encode() for each in messages]
        self.url = ""
        self.headers: Mapping[str, str] = {}
        self.frames: list[Any] = []

    @asynccontextmanager
    async def connect(self, url: str, *, additional_headers: Mapping[str, str], **_: Any) -> AsyncGenerator["_Socket"]:
        self.url, self.headers = url, {name.lower(): value for name, value in additional_headers.items()}
        yield self

    async def send(self, frame: str) -> None:
        self.frames.append(json.loads(frame))

    async def recv(self, *, decode: bool | None = None) -> bytes | str:
        assert decode is False
        return self.messages.pop(0)


async def _use_session(api: Any, arguments: Mapping[str, Any], use: Use | None) -> Any:
    async with api.connect(**arguments) as session:
        return await use(session) if use else None


def _run_without_waiting(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        coroutine.close()
    raise AssertionError("the session waits for something")


@cache
def _create_client(backend: tuple[tuple[str, Any], ...]) -> Client:
    return oracle._create_client(dict(backend), httpx.MockTransport(lambda request: httpx.Response(500)))


def _freeze(backend: oracle.Backend) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, tuple(value) if name == "headers" else value) for name, value in backend.items()))
