"""WebSocket servers that misbehave in the handshake, or when the session is set up."""

from genai_fn.errors import (
    APIError,
    ClientError,
    DecodeError,
    Disconnected,
    LiveClosed,
    RateLimited,
    ServerError,
    TimedOut,
)
from tests.support.faults.fault import ATTEMPTS, HANDSHAKE, SETUP, LiveFault, LiveStep, Outcome
from tests.support.live.websocket_bytes import encode_close, encode_frame
from tests.support.loopback import Hang, Reset

_LOST = Outcome(Disconnected, ATTEMPTS)
_UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
_ACCEPT = b"Sec-WebSocket-Accept: {accept}\r\n"


def _handshake(name: str, outcome: Outcome, *steps: LiveStep) -> LiveFault:
    return LiveFault(f"handshake: {name}", HANDSHAKE, steps, outcome)


def _setup(name: str, outcome: Outcome, *steps: LiveStep) -> LiveFault:
    return LiveFault(f"setup: {name}", SETUP, steps, outcome)


def _refuse(status: bytes, body: bytes = b"", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), headers, body)


LIVE_HANDSHAKES = (
    _handshake("resets", _LOST, Reset()),
    _handshake("closes", _LOST),
    _handshake("half a status line", _LOST, b"HTTP/1.1 101 Swi"),
    _handshake("half a head, then resets", _LOST, _UPGRADE, Reset()),
    _handshake("garbage", _LOST, b"\x00\x01garbage\r\n\r\n"),
    _handshake("SSH", _LOST, b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    _handshake("a frame", _LOST, encode_frame(b"{}")),
    _handshake("head of 2 MB", _LOST, _UPGRADE + b"x-one: " + b"x" * 2_000_000),
    _handshake("no upgrade", _LOST, b"HTTP/1.1 101 Yes\r\n\r\n"),
    _handshake("no key", _LOST, _UPGRADE + b"\r\n"),
    _handshake("another key", _LOST, _UPGRADE + b"Sec-WebSocket-Accept: bm9uZQ==\r\n\r\n"),
    _handshake("an upgrade to another protocol", _LOST, _UPGRADE.replace(b"websocket", b"h2c") + _ACCEPT + b"\r\n"),
    _handshake("an extension", _LOST, _UPGRADE + _ACCEPT + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
    _handshake("a subprotocol", _LOST, _UPGRADE + _ACCEPT + b"Sec-WebSocket-Protocol: chat\r\n\r\n"),
    _handshake("200", Outcome(APIError), _refuse(b"200 OK", b"<html>")),
    _handshake("redirect", Outcome(APIError), _refuse(b"302 Found", headers=b"location: ws://127.0.0.1:1/\r\n")),
    _handshake("401", Outcome(ClientError), _refuse(b"401 No", b'{"error": {"code": 401, "message": "who?"}}')),
    _handshake("403 with the key", Outcome(ClientError), _refuse(b"403 No", b'{"error": {"message": "test-key"}}')),
    _handshake("404 without length", Outcome(ClientError), b"HTTP/1.1 404 No\r\n\r\nnothing"),
    _handshake("426", Outcome(ClientError), _refuse(b"426 Upgrade Required", headers=b"upgrade: h2c\r\n")),
    _handshake("429", Outcome(RateLimited, ATTEMPTS), _refuse(b"429 Slow", headers=b"retry-after-ms: 1\r\n")),
    _handshake("429 for a day", Outcome(RateLimited), _refuse(b"429 Slow", headers=b"retry-after: 86400\r\n")),
    _handshake("500 in HTML", Outcome(ServerError, ATTEMPTS), _refuse(b"500 Oh", b"<html>oh</html>")),
    _handshake("503", Outcome(ServerError, ATTEMPTS), _refuse(b"503 Busy")),
    _handshake(
        "503 cut",
        Outcome((ServerError, Disconnected), ATTEMPTS),
        b"HTTP/1.1 503 Busy\r\ncontent-length: 99\r\n\r\nhalf",
    ),
    _setup("closes", _LOST),
    _setup("resets", _LOST, Reset()),
    _setup("half a frame", _LOST, b"\x81\x7e"),
    _setup("refuses with a reason", Outcome(LiveClosed, 1, "not you"), encode_close(1008, b"not you")),
    _setup("refuses the key", Outcome(LiveClosed, 1, "***"), encode_close(1007, b"API key test-key not valid")),
    _setup("is busy", Outcome(LiveClosed, 1, "1013"), encode_close(1013, b"try again later")),
    _setup("no JSON", Outcome(DecodeError), encode_frame(b"hi")),
    _setup("an empty message", Outcome(Disconnected), encode_frame(b"")),
    _setup("a list", Outcome(DecodeError), encode_frame(b"[]")),
    _setup("wrong types", Outcome(DecodeError), encode_frame(b'{"setupComplete": 7}')),
    LiveFault("Live silence: on accept", HANDSHAKE, (Hang(),), Outcome(TimedOut), lasts=True),
    LiveFault("Live silence: in the handshake", HANDSHAKE, (_UPGRADE, Hang()), Outcome(TimedOut), lasts=True),
    LiveFault("Live silence: in the setup", SETUP, (Hang(),), Outcome(TimedOut), lasts=True),
    LiveFault("Live silence: in a frame of the setup", SETUP, (b"\x81\x7e", Hang()), Outcome(TimedOut), lasts=True),
)
