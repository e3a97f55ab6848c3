"""After the handshake, any bytes of a peer are messages or end the session with a reason."""

import random
import threading
from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from genai_fn import AsyncHttp, Gemini, LiveClosed, Retry, live
from genai_fn.errors import DecodeError, Disconnected, GenaiError
from genai_fn.interpreters.live import sockets, trio_socket, websockets_protocol, wsproto_protocol
from tests.support.live.sessions import CONNECT_TEXT, read_texts
from tests.support.live.websocket_bytes import (
    TEXT_MESSAGE,
    TURN_COMPLETE,
    RawConnection,
    RawPeer,
    encode_close,
    encode_frame,
    encode_text,
)

LIMITED_MODULES = (websockets_protocol, wsproto_protocol, trio_socket)
"""The modules that limit the size of messages."""


def make_http(peer: RawPeer, **settings: Any) -> AsyncHttp:
    return AsyncHttp(Gemini("test-key", base_url=peer.url), proxy="", **settings)


def run_session(run: Any, script: Any, **settings: Any) -> tuple[list[str], GenaiError | None]:
    """Run a session; return its texts, and the error that ends it."""
    with RawPeer(script) as peer:

        async def body() -> Any:
            async with make_http(peer, **settings) as run, run.live(CONNECT_TEXT) as session:
                items = [item async for item in session]
                texts = [item.unwrap().text for item in items if isinstance(item, Success) and item.unwrap().text]
                last = items[-1] if items else None
                return texts, last.failure() if isinstance(last, Failure) else None

        return run(body)  # type: ignore[no-any-return]  # what body returns


def test_fragments(run: Any) -> None:
    """A message in fragments, split within a character and with pings in between, is joined, and pings are answered."""
    frame = TEXT_MESSAGE % "grün".encode()
    split = frame.index("ü".encode()) + 1
    pongs: list[Any] = []

    def script(connection: RawConnection) -> None:
        connection.accept_setup(
            encode_frame(frame[:9], fin=False) + encode_frame(b"one", 9) + encode_frame(frame[9:split], 0, fin=False)
        )
        connection.send(
            encode_frame(b"two", 9)
            + encode_frame(b"", 0, fin=False)
            + encode_frame(frame[split:], 0)
            + encode_frame(TURN_COMPLETE)
        )
        pongs.extend(connection.read_frame() for _ in range(2))
        connection.send(encode_close(1000))
        connection.read_until_closed()

    assert (["grün"], None) == run_session(run, script)
    assert [(10, b"one"), (10, b"two")] == pongs


def test_all_in_one_segment(run: Any) -> None:
    """Messages and a close frame in the same segment as the handshake are read."""

    def send_at_once(connection: RawConnection) -> None:
        connection.accept_handshake(
            encode_frame(b'{"setupComplete": {}}') + encode_text(b"one") + encode_text(b"two") + encode_close(1000)
        )
        connection.read_until_closed()

    def close_at_once(connection: RawConnection) -> None:
        connection.accept_handshake(encode_close(1008, b"not you"))

    assert (["one", "two"], None) == run_session(run, send_at_once)
    assert ([], LiveClosed(1008, "not you")) == run_session(run, close_at_once)


def test_disconnect_after_handshake(run: Any) -> None:
    """A peer that accepts and disconnects is retried as often as `Retry` says."""
    with RawPeer(RawConnection.accept_handshake) as peer:

        async def body() -> None:
            async with (
                make_http(peer, retry=Retry(attempts=3, initial_delay=0.01)) as run,
                run.live(CONNECT_TEXT) as session,
            ):
                [last] = [item async for item in session]
                assert isinstance(last.failure(), Disconnected)

        run(body)
        assert 3 == len(peer.connections)


INVALID_FRAMES = {
    "reserved bits": encode_frame(b"{}", bits=0x40),
    "a masked frame": b"\x81\x82\x01\x02\x03\x04\x7a\x7f",
    "an unknown opcode": encode_frame(b"{}", 3),
    "an unknown control opcode": encode_frame(b"", 11),
    "a control frame in fragments": encode_frame(b"?", 9, fin=False),
    "a control frame too long": b"\x89\x7e\x00\x7e" + b"?" * 126,
    "a continuation of nothing": encode_frame(b"{}", 0),
    "a message within a message": encode_frame(b"{", fin=False) + encode_frame(b"{}"),
    "a length with its first bit set": b"\x81\x7f\xff" + bytes(7),
    "a goodbye of one byte": encode_frame(b"\x03", 8),
    "a code that none may send": encode_close(1006),
    "a code of nobody": encode_close(999),
}


@pytest.mark.parametrize("name", INVALID_FRAMES)
def test_broken_frames(run: Any, name: str) -> None:
    """A violation of the WebSocket protocol closes the session with 1002, after the messages before it."""

    def script(connection: RawConnection) -> None:
        connection.accept_setup(encode_text(b"one") + INVALID_FRAMES[name] + encode_text(b"two"))
        connection.read_until_closed()

    texts, last = run_session(run, script)
    assert isinstance(last, LiveClosed)
    assert ["one"] == texts
    assert last.code == 1002 or (name.startswith("a length") and last.code == 1009)
    assert type(last.code) is int


def test_invalid_utf8(run: Any) -> None:
    """A message that is not UTF-8 ends the session; a close reason that is not UTF-8 does so with its own code."""

    def message(connection: RawConnection) -> None:
        connection.accept_setup(encode_text(b"\xff"))
        connection.read_until_closed()

    def reason(connection: RawConnection) -> None:
        connection.accept_setup(encode_close(1000, b"\xff"))
        connection.read_until_closed()

    _, last = run_session(run, message)
    assert isinstance(last, DecodeError | LiveClosed)
    _, last = run_session(run, reason)
    assert isinstance(last, LiveClosed)
    assert 1007 == last.code


GOODBYES = {
    "no code": (encode_close(None), LiveClosed(1005, "")),
    "normal": (encode_close(1000), None),
    "away": (encode_close(1001, b"bye"), None),
    "a long reason": (encode_close(1011, b"x" * 123), LiveClosed(1011, "x" * 123)),
    "a library's": (encode_close(3000, b"lib"), LiveClosed(3000, "lib")),
    "within a message": (encode_frame(b'{"a', fin=False) + encode_close(1011, b"oh"), LiveClosed(1011, "oh")),
    "and more after it": (
        encode_close(1011, b"oh") + encode_text(b"late") + encode_frame(b"?", 9),
        LiveClosed(1011, "oh"),
    ),
}


@pytest.mark.parametrize("name", GOODBYES)
def test_close_frames(run: Any, name: str) -> None:
    """A close frame ends the session, even in the middle of a message, and is answered."""
    sent, expected = GOODBYES[name]
    codes: list[Any] = []

    def script(connection: RawConnection) -> None:
        connection.accept_setup(encode_text(b"one") + sent)
        codes.append(connection.read_until_closed())

    texts, last = run_session(run, script)
    assert (["one"], expected) == (texts, last)
    assert not isinstance(last, LiveClosed) or type(last.code) is int
    assert codes != [None] or name == "within a message"


@pytest.mark.parametrize("parts", ["one frame", "many fragments", "a lie"])
def test_too_large(run: Any, monkeypatch: pytest.MonkeyPatch, parts: str) -> None:
    """A message above the size limit closes with 1009, and is not buffered first."""
    for module in LIMITED_MODULES:
        monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 1 << 20)
    sent = {
        "one frame": encode_frame(b"x" * (1 << 20) + b"x"),
        "many fragments": encode_frame(b"x" * 600_000, fin=False) + encode_frame(b"x" * 600_000, 0, fin=False),
        "a lie": encode_frame(b"x" * 2_000_000, size=1 << 60),
    }[parts]

    def script(connection: RawConnection) -> None:
        connection.accept_setup(encode_text(b"one") + sent)
        connection.read_until_closed()

    texts, last = run_session(run, script)
    assert isinstance(last, LiveClosed)
    assert (["one"], 1009) == (texts, last.code)


def test_just_large_enough(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of exactly the limit is read."""
    assert 64 * 1024 * 1024 == sockets.MAX_MESSAGE_BYTES
    for module in LIMITED_MODULES:
        monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 1 << 20)

    def script(connection: RawConnection) -> None:
        connection.accept_setup(encode_text(b"x" * ((1 << 20) - len(TEXT_MESSAGE) + 2)) + encode_close(1000))
        connection.read_until_closed()

    texts, last = run_session(run, script)
    assert ([(1 << 20) - len(TEXT_MESSAGE) + 2], None) == (list(map(len, texts)), last)


@pytest.mark.parametrize("sends_pings", [False, True])
def test_reads_while_writing(run: Any, sends_pings: bool) -> None:
    """Messages are read while a large frame is being written: otherwise two writers would deadlock."""
    client_has_read = threading.Event()

    def script(connection: RawConnection) -> None:
        connection.accept_setup()
        connection.read_frame()
        for number in range(4):
            connection.send((encode_frame(b"?", 9) if sends_pings else b"") + encode_text(b"%d" % number))
        assert client_has_read.wait(60)
        size = 0
        while size < 8_000_000:
            opcode, payload = connection.read_frame()
            size += len(payload) if opcode == 1 else 0
        connection.send(encode_frame(TURN_COMPLETE))
        connection.read_until_closed()

    with RawPeer(script, buffer_size=1 << 16) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(live.realtime_input(text="go"), live.realtime_input(text="x" * 8_000_000))
                items = aiter(session)
                assert list("0123") == [(await anext(items)).unwrap().text for _ in range(4)]
                client_has_read.set()
                assert [] == await read_texts(session.turn())

        run(body)


def test_closed_while_writing(run: Any) -> None:
    """A close frame that arrives while a large frame is being written ends the session."""

    def script(connection: RawConnection) -> None:
        connection.accept_setup()
        connection.read_frame()
        connection.send(encode_close(1011, b"busy"))

    with RawPeer(script, buffer_size=1 << 16) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(live.realtime_input(text="go"), live.realtime_input(text="x" * 8_000_000))
                assert [Failure(LiveClosed(1011, "busy"))] == [item async for item in session]

        run(body)


def test_any_bytes(run: Any) -> None:
    """Randomly corrupted frames and noise end a session within a minute."""
    chance = random.Random(7)

    def send_noise() -> bytes:
        good = (
            encode_text(b"one")
            + encode_frame(b"?", 9)
            + encode_frame(b"{", fin=False)
            + encode_frame(b"}", 0)
            + encode_frame(b"!", 10)
            + encode_close(1000)
        )
        corrupted = bytearray(good)
        for _ in range(chance.randrange(4)):
            corrupted[chance.randrange(len(corrupted))] = chance.randrange(256)
        return bytes(corrupted) if chance.random() < 0.8 else chance.randbytes(chance.randrange(200))

    def script(connection: RawConnection) -> None:
        connection.accept_setup(send_noise())

    with RawPeer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run:
                for _ in range(60):
                    with anyio.fail_after(60):
                        async with run.live(CONNECT_TEXT) as session:
                            items = [item async for item in session]
                            assert all(isinstance(item, Success) for item in items[:-1])

        run(body)
