"""The emulator's live sessions over WebSocket: who may hold one, where, and what goes wrong on request."""

import json
from collections.abc import Iterator
from contextlib import closing
from inspect import signature
from typing import Any

import anyio
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from genai_fn.emulator.live.connections import EmulatedConnection, match_connection
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpRequest
from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.serving import serve_emulator

SERVICE = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerate"
VERTEX = "ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
_DIRECT: dict[str, Any] = {"proxy": None} if "proxy" in signature(connect).parameters else {}  # 14 knows no proxies
SETUP = {"setup": {"model": "models/m", "generationConfig": {"responseModalities": ["TEXT"]}}}


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[Emulator, str]]:
    emulator = Emulator(EmulatorState(api_keys=("test-key",)))
    with serve_emulator(emulator) as url:
        yield emulator, url.replace("http:", "ws:")


@pytest.fixture
def emulator(_served: tuple[Emulator, str]) -> Emulator:
    _served[0].reset()
    return _served[0]


@pytest.fixture
def url(_served: tuple[Emulator, str], emulator: Emulator) -> str:
    return _served[1]


def opened(address: str, key: str | None = "test-key", **headers: str) -> "closing[ClientConnection]":
    keyed = {"x-goog-api-key": key} if key else {}
    return closing(connect(address, additional_headers={**keyed, **headers}, open_timeout=60, **_DIRECT))


def told(session: ClientConnection, frame: Any) -> Any:
    """Say something, and hear one message."""
    session.send(json.dumps(frame))
    return json.loads(session.recv(timeout=60))


@pytest.mark.parametrize("path", [f"{SERVICE}Content", VERTEX, f"behind/a/gateway/{VERTEX}", "a/gateway", f"/{VERTEX}"])
def test_paths(url: str, emulator: Emulator, path: str) -> None:
    """A session is held at the address of either backend, and at any behind a gateway that says nothing of it."""
    with opened(f"{url}/{path}") as session:
        assert told(session, SETUP) == {"setupComplete": {"sessionId": "session1"}}
        first = told(session, {"realtimeInput": {"text": "Why?"}})
        assert first["serverContent"]["modelTurn"]["parts"][0]["text"].startswith("I am")
    assert emulator.requests == (("GET", f"/{path}"),)


def test_binary(url: str) -> None:
    """Frames may be text or binary; those of the server are binary, as the API's are."""
    with opened(f"{url}/{SERVICE}Content") as session:
        session.send(json.dumps(SETUP).encode())
        assert isinstance(session.recv(timeout=60), bytes)


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateMoods", "test-key", 404),
        ("ws/elsewhere", "test-key", 404),
        (f"{SERVICE}Content", "another", 400),
        (f"{SERVICE}Content", None, 403),
        (f"{SERVICE}Music?key=another", None, 400),
    ],
)
def test_refused(url: str, path: str, key: str | None, status: int) -> None:
    """What is no session, or not for everyone, is refused before it begins, in the API's form."""
    with pytest.raises(InvalidStatus) as refused:
        with opened(f"{url}/{path}", key):
            raise AssertionError("never")
    answer = refused.value.response
    assert (answer.status_code, json.loads(answer.body or b"")["error"]["code"]) == (status, status)


@pytest.mark.parametrize(
    ("query", "headers"), [("", {}), ("", {"authorization": "Token auth_tokens/none"}), ("?access_token=none", {})]
)
def test_no_token(url: str, query: str, headers: dict[str, str]) -> None:
    """Who comes to where tokens are asked for needs one that is good, and no key."""
    address = f"{url}/{SERVICE}ContentConstrained{query}"
    with opened(address, None, **headers) as session, pytest.raises(ConnectionClosed) as closed:
        told(session, SETUP)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "Token not found.")


def test_closed(url: str) -> None:
    """What does not fit ends the session, with the reason."""
    with opened(f"{url}/{SERVICE}Content") as session:
        told(session, SETUP)
        with pytest.raises(ConnectionClosed) as closed:
            told(session, {"moods": 1})
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "moods" in closed.value.rcvd.reason) == (1007, True)


def test_music(url: str) -> None:
    """Music has an address of its own."""
    with opened(f"{url}/{SERVICE}Music?key=test-key", None) as session:
        assert told(session, {"setup": {"model": "models/lyria-realtime-exp"}}) == {"setupComplete": {}}
        session.send(json.dumps({"clientContent": {"weightedPrompts": [{"text": "piano", "weight": 1}]}}))
        assert "audioChunks" in told(session, {"playbackControl": "PLAY"})["serverContent"]


def test_mistakes_of_its_own(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the emulator itself fail, it says how."""

    def broken(*args: object, **more: object) -> Any:
        raise RuntimeError("oh")

    monkeypatch.setattr("genai_fn.emulator.live.sessions.open_session", broken)
    with opened(f"{url}/{SERVICE}Content") as session, pytest.raises(ConnectionClosed) as closed:
        told(session, SETUP)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "RuntimeError('oh')" in closed.value.rcvd.reason) == (1011, True)


def test_interrupted() -> None:
    """An answer comes message by message, and a frame that comes in between interrupts it."""
    said = told_at_once(Emulator(), SETUP, {"realtimeInput": {"text": "One?"}}, {"realtimeInput": {"text": "Two?"}})
    contents = [each["serverContent"] for each in said[1:]]
    kinds = ["".join(each) for each in contents]
    assert kinds[:4] == ["modelTurn", "interrupted", "turnComplete", "modelTurn"]
    words = "".join(part["text"] for each in contents[3:-2] for part in each["modelTurn"]["parts"])
    assert words.endswith("You asked: “Two?” Before that came 2 turns.")


def test_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is told to go away, and does not, is sent away when the time is over."""
    monkeypatch.setattr("genai_fn.emulator.live.turns._GOODBYE_SECONDS", 0)
    *_, warning, end = told_at_once(Emulator(pause=0), SETUP, {"realtimeInput": {"text": "Goodbye"}})
    assert warning == {"goAway": {"timeLeft": "0s"}}
    assert (end["code"], "GoAway" in end["reason"]) == (1008, True)


def told_at_once(emulator: Emulator, *frames: Any) -> list[Any]:
    """Say each frame as soon as anyone listens, and hear all until the last turn, or the connection, is over."""
    waiting: list[Any] = [{"type": "websocket.connect"}]
    waiting += [{"type": "websocket.receive", "text": json.dumps(each)} for each in frames]
    said: list[Any] = []

    async def receive() -> Any:
        if not waiting:
            await anyio.sleep_forever()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        if message["type"] != "websocket.accept":
            said.append(json.loads(message["bytes"]) if "bytes" in message else message)
        if sum("turnComplete" in each.get("serverContent", ()) for each in said) == len(frames) - 1 > 1:
            waiting.append({"type": "websocket.disconnect"})

    async def bounded() -> None:
        with anyio.fail_after(60):
            await emulator(scope, receive, send)

    scope = {"type": "websocket", "path": f"/{VERTEX}", "query_string": b"", "headers": [], "scheme": "ws"}
    anyio.run(bounded)
    return said


class TestTroubles:
    def test_status(self, url: str, emulator: Emulator) -> None:
        """A session can be refused, late if need be."""
        emulator.fail(status=503, delay=0.01, path="/ws/")
        with pytest.raises(InvalidStatus, match="503"):
            with opened(f"{url}/{SERVICE}Content"):
                raise AssertionError("never")
        with opened(f"{url}/{SERVICE}Content") as session:
            assert "setupComplete" in told(session, SETUP)

    def test_cut(self, url: str) -> None:
        """It can be cut, after so many bytes of messages, without a word of farewell."""
        with opened(f"{url}/{SERVICE}Content", **{"x-emulate": "cut=60; delay=0.01"}) as session:
            assert "setupComplete" in told(session, SETUP)
            with pytest.raises(ConnectionClosed) as closed:
                told(session, {"realtimeInput": {"text": "Why?"}})
        assert closed.value.rcvd is None

    def test_malformed(self, url: str) -> None:
        """Its first message can be broken."""
        with opened(f"{url}/{SERVICE}Content", **{"x-emulate": "malformed"}) as session:
            session.send(json.dumps(SETUP))
            first = session.recv(timeout=60)
            assert isinstance(first, bytes)
            with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
                json.loads(first)

    def test_nonsense(self, url: str) -> None:
        """A header that makes no sense is refused."""
        with pytest.raises(InvalidStatus, match="400"):
            with opened(f"{url}/{SERVICE}Content", **{"x-emulate": "mood=bad"}):
                raise AssertionError("never")


def test_token_in_the_query() -> None:
    """A token may come in the address, as browsers send it."""
    found = match_connection(HttpRequest("GET", f"ws://h/{SERVICE}ContentConstrained?access_token=auth_tokens%2Fa"))
    assert found == EmulatedConnection(token="auth_tokens/a")
