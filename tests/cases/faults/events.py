"""Damaged server-sent events."""

import gzip

from genai_fn.errors import ClientError, DecodeError, Disconnected, ServerError
from tests.cases.faults.outcomes import EVENT, JSON
from tests.support.faults.fault import ATTEMPTS, STREAM, SUCCESS, Fault, Outcome
from tests.support.loopback import Action, Close, Reset, Send, encode_chunk, encode_head

_HEAD = encode_head(200, (("content-type", "text/event-stream"), ("transfer-encoding", "chunked")))
_ERROR = b'{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}'
_END = encode_chunk(b"")
_READ = SUCCESS
_NO_EVENTS = Outcome(DecodeError, 1, "expected server-sent events")
_DAMAGED = Outcome(DecodeError)
_BUSY = Outcome(ServerError, 1, "503")
_CUT = Outcome(Disconnected, 1, "disconnected while reading from")
_CUT_FIRST = Outcome(Disconnected, ATTEMPTS, "disconnected while reading from")
_LARGE = Outcome(DecodeError, 1, "an event of at most 1000000 bytes")


def _events(name: str, outcome: Outcome, *chunks: bytes, end: tuple[Action, ...] = (Send(_END),)) -> Fault:
    return Fault(f"events: {name}", (Send(_HEAD + b"".join(map(encode_chunk, chunks))), *end), {STREAM: outcome})


EVENTS = (
    _events("none", _NO_EVENTS),
    _events("comments only", _NO_EVENTS, b": hi\n\n" * 100),
    _events("blank lines only", _NO_EVENTS, b"\n" * 1000),
    _events("fields only", _NO_EVENTS, b"event: a\nid: 1\nretry: 10\n\n"),
    _events("empty data", _NO_EVENTS, b"data:\n\ndata: \n\n"),
    _events("[DONE]", _DAMAGED, EVENT, b"data: [DONE]\n\n"),
    _events("no blank line at the end", _READ, EVENT[:-2]),
    _events("ends within an event", _DAMAGED, EVENT, EVENT[:-20]),
    _events(
        "ends within a character",
        _DAMAGED,
        EVENT,
        'data: {"candidates": [{"content": {"parts": [{"text": "ö'.encode()[:-1],
    ),
    _events("CR alone", _READ, EVENT.replace(b"\n", b"\r")),
    _events("CR and LF in two chunks", _READ, EVENT[:-2] + b"\r", b"\n\r", b"\n"),
    _events("one byte each", _READ, *(bytes((each,)) for each in EVENT)),
    _events("byte order mark", _READ, b"\xef\xbb\xbf" + EVENT),
    _events("byte order mark later", _NO_EVENTS, EVENT, b"\xef\xbb\xbf" + EVENT),
    _events(
        "data in many lines", _READ, b"data: " + JSON.replace(b",", b",\ndata: ").replace(b"[", b"[\ndata: ") + b"\n\n"
    ),
    _events("no blank after the colon", _READ, EVENT.replace(b"data: ", b"data:")),
    _events("unknown fields", _READ, b"foo: bar\nevent: x\n" + EVENT),
    _events("upper case", _NO_EVENTS, EVENT.replace(b"data", b"DATA")),
    _events("NULs", _NO_EVENTS, EVENT, b"\x00\x00" + EVENT),
    _events("not UTF-8", _DAMAGED, EVENT, b'data: {"candidates": [{"content": {"parts": [{"text": "\xff"}]}}]}\n\n'),
    _events("not JSON", _DAMAGED, EVENT, b"data: hi\n\n"),
    _events("half of JSON", _DAMAGED, EVENT, b'data: {"candidates": [\n\n'),
    _events("wrong types", _DAMAGED, EVENT, b'data: {"candidates": 7}\n\n'),
    _events("HTML", _NO_EVENTS, b"<!doctype html><p>hi</p>"),
    _events("HTML in the middle", _NO_EVENTS, EVENT, b"<!doctype html><p>hi</p>\n"),
    _events("JSON list", _READ, b"[" + JSON + b"\n,\n" + JSON + b"]"),
    _events("error first", Outcome(ServerError, ATTEMPTS), b"data: " + _ERROR + b"\n\n"),
    _events("error in the middle", _BUSY, EVENT, b"data: " + _ERROR + b"\n\n", EVENT),
    _events("bare error in the middle", _BUSY, EVENT, _ERROR),
    _events("bare error of many lines", _BUSY, EVENT, b'{\n "error": {\n  "code": 503,\n  "message": "busy"\n }\n}\n'),
    _events("bare error cut", _NO_EVENTS, EVENT, _ERROR[:-9]),
    _events("error named by its field", _BUSY, EVENT, b"event: error\ndata: " + _ERROR + b"\n\n"),
    _events(
        "error with the key",
        Outcome(ClientError),
        EVENT,
        b'data: {"error": {"code": 403, "message": "key test-key"}}\n\n',
    ),
    _events("event over the limit", _LARGE, EVENT, b"data: " + b"x" * 1_100_000),
    _events("line over the limit without data", _LARGE, EVENT, b"x" * 1_100_000),
    _events("10,000 events", _READ, EVENT * 10_000),
    _events("deep", _DAMAGED, EVENT, b"data: " + b"[" * 100_000 + b"]" * 100_000 + b"\n\n"),
    _events("last chunk missing", _CUT, EVENT, end=(Close(),)),
    _events("resets between events", _CUT, EVENT, end=(Reset(),)),
    _events("resets within an event", _CUT, EVENT, EVENT[:9], end=(Reset(),)),
    _events("closes before the first", _CUT_FIRST, end=(Close(),)),
    _events("resets before the first", _CUT_FIRST, end=(Reset(),)),
    _events("chunk damaged", _CUT, EVENT, end=(Send(b"zz\r\n"), Close())),
    _events("a second response", _READ, EVENT, end=(Send(_END + _HEAD + encode_chunk(EVENT) + _END),)),
    Fault(
        "events: gzip cut",
        (
            Send(
                encode_head(200, (("content-type", "text/event-stream"), ("content-encoding", "gzip")))
                + gzip.compress(EVENT * 100)[:-20]
            ),
            Close(),
        ),
        {STREAM: _DAMAGED},
    ),
    Fault(
        "events: gzip damaged",
        (
            Send(
                encode_head(200, (("content-type", "text/event-stream"), ("content-encoding", "gzip")))
                + gzip.compress(EVENT)[:20]
                + b"\xff" * 99
            ),
            Close(),
        ),
        {STREAM: _DAMAGED},
    ),
    Fault(
        "events: gzip bomb in one event",
        (
            Send(encode_head(200, (("content-encoding", "gzip"),)) + gzip.compress(b"data: " + b"[" * 20_000_000, 1)),
            Close(),
        ),
        {STREAM: _LARGE},
    ),
)
