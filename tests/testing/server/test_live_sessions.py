"""The emulator's Live sessions over WebSocket: addresses, authentication, interruption and injected faults."""

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
_DIRECT: dict[str, Any] = (
    {"proxy": None} if "proxy" in signature(connect).parameters else {}
)  # websockets 14 has no such parameter
SETUP = {"setup": {"model": "models/m", "generationConfig": {"responseModalities": ["TEXT"]}}}


@pytest.fixture(scope="module")
def _served_emulator() -> Iterator[tuple[Emulator, str]]:
    emulator = Emulator(EmulatorState(api_keys=("test-key",)))
    with serve_emulator(emulator) as url:
        yield emulator, url.replace("http:", "ws:")


@pytest.fixture
def emulator(_served_emulator: tuple[Emulator, str]) -> Emulator:
    _served_emulator[0].reset()
    return _served_emulator[0]


@pytest.fixture
def url(_served_emulator: tuple[Emulator, str], emulator: Emulator) -> str:
    return _served_emulator[1]


def open_session(address: str, key: str | None = "test-key", **headers: str) -> "closing[ClientConnection]":
    key_header = {"x-goog-api-key": key} if key else {}
    return closing(connect(address, additional_headers={**key_header, **headers}, open_timeout=60, **_DIRECT))


def send_and_receive(session: ClientConnection, frame: Any) -> Any:
    """Send a frame and return the next message."""
    session.send(json.dumps(frame))
    return json.loads(session.recv(timeout=60))


@pytest.mark.parametrize("path", [f"{SERVICE}Content", VERTEX, f"behind/a/gateway/{VERTEX}", "a/gateway", f"/{VERTEX}"])
def test_paths(url: str, emulator: Emulator, path: str) -> None:
    """A session can be opened at the path of either backend, and at any path that a gateway may use."""
    with open_session(f"{url}/{path}") as session:
        assert send_and_receive(session, SETUP) == {"setupComplete": {"sessionId": "session1"}}
        first = send_and_receive(session, {"realtimeInput": {"text": "Why?"}})
        assert first["serverContent"]["modelTurn"]["parts"][0]["text"].startswith("I am")
    assert emulator.requests == (("GET", f"/{path}"),)


def test_binary(url: str) -> None:
    """The client may send text or binary frames; the server sends binary ones, as the API does."""
    with open_session(f"{url}/{SERVICE}Content") as session:
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
    """An unknown path or a wrong key is refused at the handshake, with an error in the format of the API."""
    with pytest.raises(InvalidStatus) as raised:
        with open_session(f"{url}/{path}", key):
            raise AssertionError("never")
    answer = raised.value.response
    assert (answer.status_code, json.loads(answer.body or b"")["error"]["code"]) == (status, status)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("", {"authorization": "Token auth_tokens/none"}),
        ("", {"authorization": "Token"}),
        ("?access_token=none", {}),
    ],
)
def test_no_token(url: str, query: str, headers: dict[str, str]) -> None:
    """The constrained path requires a valid token; a key is not accepted."""
    address = f"{url}/{SERVICE}ContentConstrained{query}"
    with open_session(address, None, **headers) as session, pytest.raises(ConnectionClosed) as closed:
        send_and_receive(session, SETUP)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "Token not found.")


def test_closed(url: str) -> None:
    """An invalid message closes the session, with the reason."""
    with open_session(f"{url}/{SERVICE}Content") as session:
        send_and_receive(session, SETUP)
        with pytest.raises(ConnectionClosed) as closed:
            send_and_receive(session, {"moods": 1})
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "moods" in closed.value.rcvd.reason) == (1007, True)


def test_music(url: str) -> None:
    """Music sessions have their own path."""
    with open_session(f"{url}/{SERVICE}Music?key=test-key", None) as session:
        assert send_and_receive(session, {"setup": {"model": "models/lyria-realtime-exp"}}) == {"setupComplete": {}}
        session.send(json.dumps({"clientContent": {"weightedPrompts": [{"text": "piano", "weight": 1}]}}))
        assert "audioChunks" in send_and_receive(session, {"playbackControl": "PLAY"})["serverContent"]


def test_internal_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception inside the emulator closes the session, and the reason names it."""

    def fail(*args: object, **options: object) -> Any:
        raise RuntimeError("oh")

    monkeypatch.setattr("genai_fn.emulator.live.sessions.open_session", fail)
    with open_session(f"{url}/{SERVICE}Content") as session, pytest.raises(ConnectionClosed) as closed:
        send_and_receive(session, SETUP)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "RuntimeError('oh')" in closed.value.rcvd.reason) == (1011, True)


def test_interrupted() -> None:
    """An answer is sent message by message, and a frame received meanwhile interrupts it."""
    messages = exchange_at_once(
        Emulator(), SETUP, {"realtimeInput": {"text": "One?"}}, {"realtimeInput": {"text": "Two?"}}
    )
    contents = [each["serverContent"] for each in messages[1:]]
    kinds = ["".join(each) for each in contents]
    assert kinds[:4] == ["modelTurn", "interrupted", "turnComplete", "modelTurn"]
    texts = "".join(part["text"] for each in contents[3:-2] for part in each["modelTurn"]["parts"])
    assert texts.endswith("You asked: “Two?” Before that came 2 turns.")


def test_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that ignores GoAway is disconnected when the time is over."""
    monkeypatch.setattr("genai_fn.emulator.live.turns._GOODBYE_SECONDS", 0)
    *_, warning, close = exchange_at_once(Emulator(pause=0), SETUP, {"realtimeInput": {"text": "Goodbye"}})
    assert warning == {"goAway": {"timeLeft": "0s"}}
    assert (close["code"], "GoAway" in close["reason"]) == (1008, True)


def exchange_at_once(emulator: Emulator, *frames: Any) -> list[Any]:
    """Send each frame as soon as the application receives; return the messages up to the last turn or the close."""
    incoming: list[Any] = [{"type": "websocket.connect"}]
    incoming += [{"type": "websocket.receive", "text": json.dumps(each)} for each in frames]
    outgoing: list[Any] = []

    async def receive() -> Any:
        if not incoming:
            await anyio.sleep_forever()
        return incoming.pop(0)

    async def send(message: Any) -> None:
        if message["type"] != "websocket.accept":
            outgoing.append(json.loads(message["bytes"]) if "bytes" in message else message)
        if sum("turnComplete" in each.get("serverContent", ()) for each in outgoing) == len(frames) - 1 > 1:
            incoming.append({"type": "websocket.disconnect"})

    async def serve() -> None:
        with anyio.fail_after(60):
            await emulator(scope, receive, send)

    scope = {"type": "websocket", "path": f"/{VERTEX}", "query_string": b"", "headers": [], "scheme": "ws"}
    anyio.run(serve)
    return outgoing


def test_flow_control() -> None:
    """While many bytes are unsent, the emulator reads no frame, so that a client that sends too fast has to wait."""
    prompts = {"clientContent": {"weightedPrompts": [{"text": "x" * 100_000, "weight": 1}]}}
    frames = [{"setup": {"model": "models/m"}}, prompts, *[{"playbackControl": "PLAY"}] * 40]
    incoming: list[Any] = [{"type": "websocket.receive", "text": json.dumps(each)} for each in frames]
    incoming = [{"type": "websocket.connect"}, *incoming, {"type": "websocket.disconnect"}]
    sent_sizes: list[int] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent_sizes.append(len(message.get("bytes", b"")))

    scope = {"type": "websocket", "path": f"/{SERVICE}Music", "query_string": b"", "headers": [], "scheme": "ws"}
    anyio.run(Emulator(pause=0), scope, receive, send)
    unsent_size = (3 * 40 - sum(each > 100_000 for each in sent_sizes)) * max(sent_sizes)
    assert unsent_size < 2_000_000


class TestInjectedFaults:
    def test_status(self, url: str, emulator: Emulator) -> None:
        """A handshake can be refused, also after a delay."""
        emulator.fail(status=503, delay=0.01, path="/ws/")
        with pytest.raises(InvalidStatus, match="503"):
            with open_session(f"{url}/{SERVICE}Content"):
                raise AssertionError("never")
        with open_session(f"{url}/{SERVICE}Content") as session:
            assert "setupComplete" in send_and_receive(session, SETUP)

    def test_cut(self, url: str) -> None:
        """`cut` drops the connection after a number of bytes, without a close frame."""
        with open_session(f"{url}/{SERVICE}Content", **{"x-emulate": "cut=60; delay=0.01"}) as session:
            assert "setupComplete" in send_and_receive(session, SETUP)
            with pytest.raises(ConnectionClosed) as closed:
                send_and_receive(session, {"realtimeInput": {"text": "Why?"}})
        assert closed.value.rcvd is None

    def test_malformed(self, url: str) -> None:
        """`malformed` truncates the first message."""
        with open_session(f"{url}/{SERVICE}Content", **{"x-emulate": "malformed"}) as session:
            session.send(json.dumps(SETUP))
            first = session.recv(timeout=60)
            assert isinstance(first, bytes)
            with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
                json.loads(first)

    def test_invalid_header(self, url: str) -> None:
        """An invalid header is refused at the handshake."""
        with pytest.raises(InvalidStatus, match="400"):
            with open_session(f"{url}/{SERVICE}Content", **{"x-emulate": "mood=bad"}):
                raise AssertionError("never")


def test_token_in_the_query() -> None:
    """A token may be passed in the query, as browsers do."""
    connection = match_connection(
        HttpRequest("GET", f"ws://h/{SERVICE}ContentConstrained?access_token=auth_tokens%2Fa")
    )
    assert connection == EmulatedConnection(token="auth_tokens/a")
