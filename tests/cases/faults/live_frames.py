"""WebSocket servers that misbehave within a session."""

from genai_fn.errors import DecodeError, Disconnected, LiveClosed, TimedOut
from tests.support.faults.fault import SESSION, SUCCESS, LiveFault, LiveStep, Outcome
from tests.support.live.websocket_bytes import TEXT_MESSAGE, encode_close, encode_frame, encode_text
from tests.support.loopback import Hang, Reset

_ONE = encode_text(b"one")
_VIOLATION = Outcome(LiveClosed, 1, "1002")
_LOST = Outcome(Disconnected)
_TOO_LONG = Outcome((LiveClosed, Disconnected))
"""On trio, a frame is refused for its length once that many bytes have arrived, which here never happens."""


def _frame(name: str, outcome: Outcome, *steps: LiveStep, texts: tuple[str, ...] = ("one",)) -> LiveFault:
    """A server that sends a text, and then this."""
    return LiveFault(f"frames: {name}", SESSION, (_ONE, *steps), outcome, texts)


def _closing(name: str, outcome: Outcome, *steps: LiveStep) -> LiveFault:
    return LiveFault(f"closing: {name}", SESSION, (_ONE, *steps), outcome, ("one",))


def _message(name: str, outcome: Outcome, message: bytes) -> LiveFault:
    """A server that sends a text, this message, another text, and closes."""
    texts = ("one", "two") if outcome is SUCCESS else ("one",)
    steps = (_ONE, encode_frame(message), encode_text(b"two"), encode_close(1000))
    return LiveFault(f"messages: {name}", SESSION, steps, outcome, texts)


LIVE_FRAMES = (
    _frame("closes", _LOST),
    _frame("resets", _LOST, Reset()),
    _frame("ends within a frame's head", _LOST, b"\x81\x7e\x00"),
    _frame("ends within a frame", _LOST, encode_text(b"two")[:-5]),
    _frame("resets within a frame", _LOST, encode_text(b"two")[:-5], Reset()),
    _frame("ends within a fragmented message", _LOST, encode_frame(b'{"a', fin=False)),
    _frame("reserved bit 1", _VIOLATION, encode_frame(b"{}", bits=0x40)),
    _frame("reserved bit 2", _VIOLATION, encode_frame(b"{}", bits=0x20)),
    _frame("reserved bit 3", _VIOLATION, encode_frame(b"{}", bits=0x10)),
    _frame("masked", _VIOLATION, b"\x81\x82\x01\x02\x03\x04\x7a\x7f"),
    _frame("unknown opcode", _VIOLATION, encode_frame(b"{}", 3)),
    _frame("unknown control opcode", _VIOLATION, encode_frame(b"", 11)),
    _frame("ping in fragments", _VIOLATION, encode_frame(b"?", 9, fin=False)),
    _frame("ping too long", _VIOLATION, b"\x89\x7e\x00\x7e" + b"?" * 126),
    _frame("continuation of nothing", _VIOLATION, encode_frame(b"{}", 0)),
    _frame("message within a message", _VIOLATION, encode_frame(b"{", fin=False) + encode_frame(b"{}")),
    _frame("length of 2^63", Outcome(LiveClosed), b"\x81\x7f\xff" + bytes(7)),
    _frame("length of 2^60", _TOO_LONG, encode_frame(b"x" * 1000, size=1 << 60)),
    _frame("length of 65 MiB", _TOO_LONG, encode_frame(b"x" * 1000, size=65 << 20)),
    _frame("HTTP in place of a frame", _VIOLATION, b"HTTP/1.1 500 Oh\r\n\r\n" + b"x" * 100),
    _frame("TLS in place of a frame", Outcome(LiveClosed), b"\x15\x03\x03\x00\x02\x02\x28"),
    _frame("pings and pongs", SUCCESS, (encode_frame(b"?", 9) + encode_frame(b"!", 10)) * 100, encode_close(1000)),
    _frame(
        "a text in 1-byte fragments",
        SUCCESS,
        *(encode_frame(bytes((each,)), 0 if n else 1, fin=False) for n, each in enumerate(TEXT_MESSAGE % b"two")),
        encode_frame(b"", 0),
        encode_close(1000),
        texts=("one", "two"),
    ),
    _frame(
        "10,000 empty fragments",
        SUCCESS,
        encode_frame(b"", fin=False) + encode_frame(b"", 0, fin=False) * 10_000 + encode_frame(b"", 0),
        encode_close(1000),
    ),
    _closing("no code", Outcome(LiveClosed, 1, "1005"), encode_close(None)),
    _closing("normal", SUCCESS, encode_close(1000)),
    _closing("going away", SUCCESS, encode_close(1001, b"bye")),
    _closing("policy", Outcome(LiveClosed, 1, "1008: no"), encode_close(1008, b"no")),
    _closing("internal error", Outcome(LiveClosed, 1, "1011: oh"), encode_close(1011, b"oh")),
    _closing("a library's code", Outcome(LiveClosed, 1, "3000"), encode_close(3000)),
    _closing("an application's code", Outcome(LiveClosed, 1, "4999"), encode_close(4999)),
    _closing("reason of 123 bytes", Outcome(LiveClosed, 1, "1011: xxx"), encode_close(1011, b"x" * 123)),
    _closing("reason with the key", Outcome(LiveClosed, 1, "***"), encode_close(1008, b"key test-key")),
    _closing("one byte", _VIOLATION, encode_frame(b"\x03", 8)),
    _closing("code 999", _VIOLATION, encode_close(999)),
    _closing("code 1006", _VIOLATION, encode_close(1006)),
    _closing("code 5000", _VIOLATION, encode_close(5000)),
    _closing("reason not UTF-8", Outcome(LiveClosed, 1, "1007"), encode_close(1000, b"\xff")),
    _closing(
        "within a message",
        Outcome(LiveClosed, 1, "1011: oh"),
        encode_frame(b'{"a', fin=False) + encode_close(1011, b"oh"),
    ),
    _closing("twice", Outcome(LiveClosed, 1, "1011: oh"), encode_close(1011, b"oh") + encode_close(1008, b"no")),
    _closing("texts after it", Outcome(LiveClosed, 1, "1011: oh"), encode_close(1011, b"oh") + encode_text(b"late")),
    _message("not UTF-8", Outcome((DecodeError, LiveClosed)), b'{"text": "\xff"}'),
    _message("not JSON", Outcome(DecodeError), b"hi"),
    _message("empty", SUCCESS, b""),
    _message("half of JSON", Outcome(DecodeError), b'{"serverContent": {'),
    _message("null", Outcome(DecodeError), b"null"),
    _message("list", Outcome(DecodeError), b"[]"),
    _message("wrong types", Outcome(DecodeError), b'{"serverContent": 7}'),
    _message("deep", Outcome(DecodeError), b"[" * 100_000 + b"]" * 100_000),
    _message("byte order mark", SUCCESS, b"\xef\xbb\xbf{}"),
    _message("of an unknown kind", SUCCESS, b'{"news": {"a": 1}}'),
    _message("empty object", SUCCESS, b"{}"),
    _message("setup again", SUCCESS, b'{"setupComplete": {}}'),
    _message("call without a name", SUCCESS, b'{"toolCall": {"functionCalls": [{"id": "1"}]}}'),
    LiveFault(
        "Live silence: in the session",
        SESSION,
        (_ONE, Hang()),
        Outcome(TimedOut, 1, "waiting for a pong"),
        ("one",),
        lasts=True,
    ),
    LiveFault(
        "Live silence: within a frame",
        SESSION,
        (_ONE, b"\x81\x7e", Hang()),
        Outcome(TimedOut, 1, "waiting for a pong"),
        ("one",),
        lasts=True,
    ),
)
