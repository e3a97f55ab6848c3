"""Peers that repeat the credential in a response, a message or a close frame: no error and no event contains it."""

import pickle
from typing import Any

import pytest
from returns.result import Failure

from genai_fn import AsyncHttp, Gemini, Retry, Vertex, with_config
from genai_fn.errors import APIError, DecodeError, GenaiError, LiveClosed
from genai_fn.events import Event
from tests.support.live.sessions import CONNECT_TEXT
from tests.support.live.websocket_peer import Peer, PeerConnection

KEY = "test-key-that-is-echoed"
TOKEN = "auth_tokens/" + KEY
SUSPENDED_MESSAGE = f"Consumer 'api_key:{KEY}' has been suspended."


async def close_before_setup(connection: PeerConnection) -> None:
    await connection.receive()
    await connection.close(1008, SUSPENDED_MESSAGE)


async def close_after_setup(connection: PeerConnection) -> None:
    await connection.accept_setup()
    await connection.close(1011, SUSPENDED_MESSAGE)


async def send_error(connection: PeerConnection) -> None:
    await connection.accept_setup()
    await connection.send(error={"code": 403, "message": SUSPENDED_MESSAGE, "details": [{"containerInfo": KEY}]})
    await connection.receive_until_closed()


async def send_junk(connection: PeerConnection) -> None:
    await connection.accept_setup()
    await connection._websocket.send_message(f"<p>{KEY}</p>")
    await connection.receive_until_closed()


MCP_TOOL = {"mcp_servers": [{"name": "a", "streamable_http_transport": {"headers": {"x-a": KEY}}}]}

ENDS: dict[str, tuple[Any, type[GenaiError]]] = {
    "refused": ({"refuse": (403, SUSPENDED_MESSAGE.encode())}, APIError),
    "busy": ({"refuse": (503, SUSPENDED_MESSAGE.encode())}, APIError),
    "goodbye": (close_before_setup, LiveClosed),
    "goodbye later": (close_after_setup, LiveClosed),
    "a fault": (send_error, APIError),
    "junk": (send_junk, DecodeError),
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("kind", ("key", "ephemeral", "headers", "tool"))
def test_ends_without_the_key(run: Any, name: str, kind: str) -> None:
    """However a session ends, the credential is masked in the failure and in all events."""
    script, expected = ENDS[name]
    events: list[Event] = []
    with Peer(send_junk, **script) if isinstance(script, dict) else Peer(script) as peer:
        backends = {
            "key": Gemini(KEY, base_url=peer.url),
            "ephemeral": Gemini(TOKEN, base_url=peer.url),
            "headers": Vertex(base_url=peer.url, headers={"authorization": f"Bearer {KEY}"}),
            "tool": Gemini("test-other", base_url=peer.url),
        }
        session_with_key = CONNECT_TEXT | with_config({"tools": [MCP_TOOL]}) if kind == "tool" else CONNECT_TEXT

        async def body() -> GenaiError:
            retry = Retry(attempts=2, initial_delay=0.001, max_delay=0.001)
            interpreter = AsyncHttp(backends[kind], proxy="", on_event=events.append, retry=retry)
            async with interpreter, interpreter.live(session_with_key) as session:
                *_, last = [item async for item in session]
            assert isinstance(last, Failure)
            return last.failure()

        error = run(body)
    assert isinstance(error, expected)
    assert "***" in repr(vars(error))
    for value in (error, *events):
        assert KEY not in f"{value!r} {value} {pickle.dumps(value)!r}"
