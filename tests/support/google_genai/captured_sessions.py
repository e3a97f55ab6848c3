"""
The frames that google-genai 1.51.0 sends in a live session, and the messages that it parses: its own ``connect`` runs
with a WebSocket that answers from memory.

A *use* is an async function of a session. It never really waits, so that it runs without an event loop::

    captured(oracle.GEMINI, {"model": "m"}, lambda session: session.send_client_content(turns={…}))
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

PLACES: Mapping[str, tuple[oracle.Backend, Backend]] = {
    "gemini": (oracle.GEMINI, Gemini("test-key")),
    "vertex": (oracle.VERTEX, Vertex("p", "us-central1")),
    "express": ({"vertexai": True, "api_key": "test-key"}, Vertex(api_key="test-key")),
    "gateway": (
        {"vertexai": True, "base_url": "https://gate.test/way"},
        Vertex(base_url="https://gate.test/way"),
    ),
}


@dataclass(frozen=True)
class Said:
    """A session: its URL, its headers (names in lower case), and the JSON of each frame."""

    url: str
    headers: Mapping[str, str]
    frames: tuple[Any, ...]
    value: Any = None

    @property
    def setup(self) -> Any:
        return self.frames[0]


def captured(
    backend: oracle.Backend,
    given: Mapping[str, Any],
    use: Use | None = None,
    *,
    music: bool = False,
    said: Iterable[Any] = (),
) -> Said | oracle.Refused:
    """Run a session of google-genai 1.51.0, which receives `said` after the setup; return what it sends."""
    socket = _Socket({"setupComplete": {}}, *said)
    module = live_music if music else live
    with oracle._neutral(), patch.object(module, "connect" if music else "ws_connect", socket.connect):
        try:
            aio = _client(_frozen(backend)).aio.live
            value = _at_once(_used(aio.music if music else aio, given, use))
        except Exception as error:
            return oracle.Refused(str(error), type(error))
    return Said(socket.url, socket.headers, tuple(socket.frames), value)


def opens(live: Live[Any], at: Backend, token: str = "test-token") -> Said:
    """Build our handshake with a credential."""
    opened = encode_handshake(live, at).unwrap()
    credential = build_live_credential(at, build_own_credential(at) or build_bearer_credential(at, token))
    http = sign_request(opened.http, credential)
    headers = {name.lower(): value for name, value in http.headers}
    assert len(headers) == len(http.headers)
    return Said(http.url, headers, (ours.decode(opened.setup),))


def opened(live: Live[Any], at: Backend) -> EncodedHandshake:
    """Build our handshake."""
    return encode_handshake(live, at).unwrap()


class _Socket:
    """A fake connection, and a fake of the function that opens it."""

    def __init__(self, *said: Any) -> None:
        self.said = [each if isinstance(each, bytes | str) else json.dumps(each).encode() for each in said]
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
        return self.said.pop(0)


async def _used(place: Any, given: Mapping[str, Any], use: Use | None) -> Any:
    async with place.connect(**given) as session:
        return await use(session) if use else None


def _at_once(running: Coroutine[Any, Any, Any]) -> Any:
    try:
        running.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        running.close()
    raise AssertionError("the session waits for something")


@cache
def _client(backend: tuple[tuple[str, Any], ...]) -> Client:
    return oracle._client(dict(backend), httpx.MockTransport(lambda request: httpx.Response(500)))


def _frozen(backend: oracle.Backend) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, tuple(value) if name == "headers" else value) for name, value in backend.items()))
