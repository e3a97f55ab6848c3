"""The WebSocket protocols without I/O: any bytes are events, and both libraries see the same in them."""

import random
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from genai_fn.http import HttpResponse
from genai_fn.interpreters.live.sockets import CloseStatus, HandshakeDone, PongReceived
from genai_fn.interpreters.live.websockets_protocol import WebsocketsProtocol
from genai_fn.interpreters.live.wsproto_protocol import WsprotoProtocol
from tests.support.live.websocket_bytes import encode_close, encode_frame, encode_text
from tests.support.live.websocket_peer import compute_accept_key

URL = "ws://example.com/ws"
PROTOCOLS = (WebsocketsProtocol, WsprotoProtocol)
FRAMES = (
    encode_text("grün".encode()),
    encode_frame(b"\xff\x00", 2),
    encode_frame(b"a" * 300, fin=False)
    + encode_frame(b"?", 9)
    + encode_frame(b"", 0, fin=False)
    + encode_frame(b"b", 0),
    encode_frame(b"?" * 125, 9),
    encode_frame(b"\x00\x00\x00\x01", 10),
    encode_frame(b"x" * 70_000),
)


def accept_handshake(protocol: Any) -> bytes:
    """Encode the response that accepts a protocol's handshake."""
    request = protocol.encode_handshake(())
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", request).group(1)
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + compute_accept_key(key.decode()).encode() + b"\r\n\r\n"
    )


def feed(protocol: Any, data: bytes, chance: random.Random) -> tuple[list[Any], bytes]:
    """Feed bytes in random pieces until the connection ends; return all events and replies."""
    events: list[Any] = []
    replies = b""
    while data and not any(isinstance(each, CloseStatus) for each in events):
        size = chance.choice((1, 2, 3, 100, 65_536))
        events.extend(protocol.receive_data(data[:size]))
        replies += protocol.take_replies()
        data = data[size:]
    return events, replies


@pytest.mark.parametrize("seed", range(20))
def test_same_events(seed: int) -> None:
    """However frames are cut into pieces, both libraries return the same messages, pongs and end."""
    order = random.Random(seed).choices(FRAMES, k=8)
    seen = []
    for build in PROTOCOLS:
        protocol = build(URL)
        events, _ = feed(
            protocol, accept_handshake(protocol) + b"".join(order) + encode_close(1011, b"busy"), random.Random(seed)
        )
        seen.append(events)
    assert seen[0] == seen[1]
    assert seen[0][0] == HandshakeDone(was_accepted=True)
    assert seen[0][-1] == CloseStatus(1011, "busy")


@pytest.mark.parametrize("build", PROTOCOLS)
@pytest.mark.parametrize("seed", range(40))
def test_any_frames(build: Callable[[str], Any], seed: int) -> None:
    """Corrupted frames are events of the known kinds; the last is the end, after which the connection is not open."""
    chance = random.Random(seed)
    protocol = build(URL)
    corrupted = bytearray(b"".join(chance.choices(FRAMES[:-1], k=6)) + encode_close(1000))
    for _ in range(chance.randrange(1, 20)):
        corrupted[chance.randrange(len(corrupted))] = chance.randrange(256)
    events, _ = feed(protocol, accept_handshake(protocol) + bytes(corrupted), chance)
    events.extend(protocol.receive_data(b""))
    assert all(isinstance(each, HandshakeDone | PongReceived | CloseStatus | bytes) for each in events)
    assert isinstance(events[-1], CloseStatus)


@pytest.mark.parametrize("build", PROTOCOLS)
@pytest.mark.parametrize("seed", range(40))
def test_any_response(build: Callable[[str], Any], seed: int) -> None:
    """A corrupted response to the handshake ends it, once, at the latest with the connection."""
    chance = random.Random(seed)
    protocol = build(URL)
    refusal = b"HTTP/1.1 401 No\r\nContent-Length: 4\r\nConnection: \xff\r\n\r\nno!!"
    corrupted = bytearray(chance.choice((accept_handshake(protocol), refusal)))
    for _ in range(chance.randrange(8)):
        corrupted[chance.randrange(len(corrupted))] = chance.randrange(256)
    events, _ = feed(protocol, bytes(corrupted), chance)
    events.extend(protocol.receive_data(b""))
    assert [HandshakeDone] == [type(each) for each in events if isinstance(each, HandshakeDone)]


@pytest.mark.parametrize("name", ["Connection", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"])
def test_header_that_is_not_ascii(name: str) -> None:
    """A response whose headers are not ASCII accepts nothing."""
    protocol = WsprotoProtocol(URL)
    response = accept_handshake(protocol).replace(b"\r\n\r\n", b"\r\n" + name.encode() + b": \xff\r\n\r\n")
    assert [HandshakeDone(was_accepted=False)] == list(protocol.receive_data(response))


def test_part_of_a_refusal() -> None:
    """A refusal that ends before its body does is the response with the part that arrived."""
    protocol = WsprotoProtocol(URL)
    protocol.encode_handshake(())
    assert [] == list(protocol.receive_data(b"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 9\r\n\r\nsl"))
    response = HttpResponse(429, (("retry-after", "1"), ("content-length", "9")), b"sl")
    assert [HandshakeDone(was_accepted=False, response=response)] == list(protocol.receive_data(b""))


def test_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a message above the limit, what came with it is no message; nothing is answered twice."""
    monkeypatch.setattr("genai_fn.interpreters.live.wsproto_protocol.MAX_MESSAGE_BYTES", 10)
    protocol = WsprotoProtocol(URL)
    list(protocol.receive_data(accept_handshake(protocol)))
    frames = encode_frame(b"x" * 11) + encode_frame(b"two") + encode_frame(b"?", 9) + encode_close(1000)
    assert [CloseStatus(1009, "over 10 bytes")] == list(protocol.receive_data(frames))
    assert protocol.take_replies().startswith(b"\x88")
    assert b"" == protocol.take_replies()
    assert not protocol.is_open


@pytest.mark.parametrize("build", PROTOCOLS)
def test_many_fragments(build: Callable[[str], Any]) -> None:
    """A message takes no more memory than its bytes, however many fragments it has: a peer may send empty ones."""
    protocol = build(URL)
    list(protocol.receive_data(accept_handshake(protocol) + encode_frame(b"a", fin=False)))
    fragments = encode_frame(b"", 0, fin=False) * 1000
    list(protocol.receive_data(fragments))
    tracemalloc.start()
    try:
        for _ in range(4):
            assert [] == list(protocol.receive_data(fragments))
        assert tracemalloc.get_traced_memory()[0] < len(fragments)
    finally:
        tracemalloc.stop()
    assert [b"ab"] == list(protocol.receive_data(encode_frame(b"b", 0)))


@pytest.mark.parametrize("build", PROTOCOLS)
def test_encoding_of_headers(build: Callable[[str], Any]) -> None:
    """The headers of the handshake are encoded as Latin-1, as those of HTTP requests are."""
    assert b"\r\nx-name: gr\xfcn\r\n" in build(URL).encode_handshake((("x-name", "grün"),))


def test_closing_from_this_side() -> None:
    """After our close frame, messages are still read, until the peer's close frame, which is not answered again."""
    for build in PROTOCOLS:
        protocol: Any = build(URL)
        list(protocol.receive_data(accept_handshake(protocol)))
        assert protocol.encode_close(1000).startswith(b"\x88")
        assert not protocol.is_open
        frames = encode_frame(b"last") + encode_frame(b"?", 9) + encode_close(1000)
        assert [b"last", CloseStatus(1000)] == list(protocol.receive_data(frames))
        assert b"\x88" not in protocol.take_replies()[:1]
