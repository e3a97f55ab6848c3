"""A stream that breaks off in any way ends with a Failure, however its bytes are split into chunks."""

import itertools
from math import inf
from typing import Any

import msgspec
import pytest
from returns.result import Failure

from genai_fn import Gemini, Retry, generate, streamed
from genai_fn.effects import CloseResource, GetRandom, GetTime, ReadChunk, SendRequest
from genai_fn.engine.handler import HttpHandler
from genai_fn.errors import APIError, ClientError, DecodeError, GenaiError, ServerError
from genai_fn.wire.sse import EventParser
from tests.support.scripted_effects import ResponseHead

ITEM = b'{"candidates": []}'
EVENT = b"data: " + ITEM + b"\r\n\r\n"
GOOGLES = b'{\r\n "error": {\r\n  "code": 503\r\n }\r\n}\r\n'
FAULT: dict[str, Any] = {
    "code": 503,
    "message": 'The model is {overloaded}. "Try" again: \n[later]\\',
    "status": "UNAVAILABLE",
    "details": [{"@type": "t", "metadata": {"a": "}"}}],
}
LATER = ServerError(503, FAULT["status"], FAULT["message"], tuple(FAULT["details"]))
LINE = msgspec.json.encode({"error": FAULT})
PRETTY = msgspec.json.format(LINE, indent=2).replace(b"\n", b"\r\n")
DENIED = ClientError(401, "", "Jwt is missing")
UPSTREAM = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"
HTML = b"<html>\n<head><title>502 Bad Gateway</title></head>\n\n<body>data: x</body>\n</html>"


def unread(text: bytes) -> DecodeError:
    return DecodeError("server-sent events", "", text.decode())


BROKEN: dict[str, tuple[bytes, list[GenaiError | None]]] = {
    "as Google writes it": (EVENT + GOOGLES, [None, ServerError(503)]),
    "pretty": (EVENT + EVENT + PRETTY + b"\r\n", [None, None, LATER]),
    "pretty, unended": (EVENT + PRETTY, [None, LATER]),
    "pretty, carriage returns": (EVENT + PRETTY.replace(b"\r\n", b"\r"), [None, LATER]),
    "on one line": (EVENT + LINE + b"\n", [None, LATER]),
    "on one line, unended": (EVENT + LINE, [None, LATER]),
    "indented": (EVENT + b"  " + LINE + b"\n", [None, LATER]),
    "in a list": (EVENT + b"[" + LINE + b"]\n", [None, LATER]),
    "in a pretty list": (EVENT + b"[" + PRETTY + b"\r\n]\r\n", [None, LATER]),
    "among other fields": (EVENT + b'{"id": 7, "error": {"code": 503}}', [None, ServerError(503)]),
    "flat": (EVENT + b'{"code": 401, "message": "Jwt is missing"}', [None, DENIED]),
    "a word alone": (EVENT + b'{"error": "overloaded"}', [None, ServerError(500, "", "overloaded")]),
    "of another shape": (EVENT + b'{"error": ["a"]}', [None, ServerError(500, "", '["a"]')]),
    "after an unended event": (b"data: " + ITEM + b"\n" + LINE, [None, LATER]),
    "after comments and fields": (EVENT + b": hi\nevent: x\nid: 1\nretry: 5\nx-y: z\n" + LINE, [None, LATER]),
    "before more": (EVENT + LINE + b"\n" + EVENT, [None, LATER]),
    "an event": (EVENT + b"data: " + LINE + b"\n\n", [None, LATER]),
    "an event, unended": (EVENT + b"data: " + LINE, [None, LATER]),
    "an event in a list": (EVENT + b"data: [" + LINE + b"]\n\n", [None, LATER]),
    "an event among other fields": (EVENT + b'data: {"error": {"code": 503}, "id": 7}\n\n', [None, ServerError(503)]),
    "a flat event": (EVENT + b'data: {"code": 401, "message": "Jwt is missing"}\n\n', [None, DENIED]),
    "first of all": (PRETTY, [LATER]),
    "first of all, in a list": (b"[" + LINE + b"]", [LATER]),
    "first of all, after a comment": (b": hi\n\n" + LINE, [LATER]),
    "first of all, an event": (b"data: " + LINE + b"\n\n", [LATER]),
    "first of all, flat": (b'{"code": 401, "message": "Jwt is missing"}', [DENIED]),
    "after an array": (b"[" + ITEM + b"]\n" + LINE, [None, LATER]),
    "after a line of JSON": (ITEM + b"\n" + LINE, [None, LATER]),
    "cut": (EVENT + LINE[:30], [None, unread(LINE[:30])]),
    "cut at once": (EVENT + b"{", [None, unread(b"{")]),
    "cut in a list": (EVENT + b'[{"error"', [None, unread(b'{"error"')]),
    "an empty list": (EVENT + b"[]", [None, unread(b"[]")]),
    "no error": (EVENT + b'{"detail": "no"}', [None, unread(b'{"detail": "no"}')]),
    "an item out of place": (EVENT + ITEM, [None, unread(ITEM)]),
    "an unknown field of JSON": (EVENT + b'error: {"code": 503}\n\n', [None, unread(b'error: {"code": 503}')]),
    "prose": (EVENT + UPSTREAM, [None, unread(UPSTREAM)]),
    "HTML": (EVENT + HTML, [None, unread(HTML)]),
    "HTML alone": (HTML, [unread(HTML)]),
    "long prose": (EVENT + b"no way " * 400, [None, unread((b"no way " * 400)[:2000].strip())]),
    "bytes": (EVENT + b"\x00\xff\x16", [None, DecodeError("server-sent events", "", "\x00\ufffd\x16")]),
    "prose after an array": (b"[" + ITEM + b"]\n" + UPSTREAM, [None, unread(UPSTREAM)]),
    "prose in an array": (b"[" + ITEM + b",\nno way\n]", [None, unread(b"no way\n]")]),
    "prose after a line of JSON": (ITEM + b"\n" + UPSTREAM, [None, unread(UPSTREAM)]),
}

WHOLE: dict[str, bytes] = {
    "comments": EVENT + b": bye\n\n:\n",
    "fields": EVENT + b"event: end\nid: {1}\nretry: 5\nevent\nid\n\n",
    "unknown fields": EVENT + b"x-y: z\nword\nfoo.bar:\n_z: 1 {\n\n",
    "blanks": EVENT + b" \n\t\n\r\n",
    "an unended field": EVENT + b"id: 1",
    "an array": b" [" + ITEM + b" ]\r\n",
    "lines of JSON": ITEM + b"\n",
}
"""What the standard ignores: one item each."""


def listen(pieces: list[bytes]) -> list[GenaiError | None]:
    """Read a stream that comes in these pieces: None for a good item, the error for a bad one."""
    http = HttpHandler(backend=Gemini("test-key"), retry=Retry(attempts=1))
    exchange, left = ResponseHead(), [*filter(None, pieces), b""]
    found: list[GenaiError | None] = []
    program = http.open_stream((generate("m", "hi") | streamed).source, inf)
    opened = _perform(program, exchange, left)
    if isinstance(opened, Failure):
        return [opened.failure()]
    while items := _perform(http.read_items(opened.unwrap()), exchange, left):
        found += [each.failure() if isinstance(each, Failure) else None for each in items]
    return found


def _perform(program: Any, exchange: ResponseHead, left: list[bytes]) -> Any:
    answer: Any = None
    while True:
        try:
            effect = program.send(answer)
        except StopIteration as end:
            return end.value
        match effect:
            case GetTime():
                answer = 0.0
            case SendRequest():
                answer = exchange
            case ReadChunk():
                answer = left.pop(0)
            case CloseResource():
                answer = None
            case GetRandom():
                answer = 0.0
            case _:
                raise AssertionError(effect)


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    """Valid items come first, then the error that the server sent or the text that cannot be decoded."""
    body, expected = BROKEN[name]
    for pieces in _cuts(body):
        found = listen(pieces)
        assert found == expected, pieces
        assert [type(each) for each in found] == [type(each) for each in expected]


@pytest.mark.parametrize("name", WHOLE)
def test_whole(name: str) -> None:
    """Comments, standard and unknown fields, and blank lines do not end a stream."""
    for pieces in _cuts(WHOLE[name]):
        assert listen(pieces) == [None], pieces


def _cuts(body: bytes) -> list[list[bytes]]:
    """Cut a body at every place, and at all places."""
    places = range(len(body)) if len(body) < 1000 else range(0, len(body), 97)
    return [*([body[:place], body[place:]] for place in places), [body[n : n + 1] for n in range(len(body))]]


def test_every_pair_of_cuts() -> None:
    """The text outside of events comes whole, last and once, in whichever three pieces."""
    body = b"data: 1\r\n\r\n" + GOOGLES + b"more"
    for first, second in itertools.combinations(range(len(body)), 2):
        events = EventParser()
        found = [each for piece in (body[:first], body[first:second], body[second:]) for each in events.feed(piece)]
        assert [*found, *events.finish()] == [b"1", GOOGLES.strip()]
        assert events.has_unframed_text


def test_defect() -> None:
    """The bare error that Google writes after the events is not ignored."""
    events = EventParser()
    found = events.feed(b'data: {"candidates": []}\r\n\r\n{\r\n "error": {\r\n  "code": 503\r\n }\r\n}\r\n')
    assert (len(found), events.has_unframed_text) == (2, True)


def test_held() -> None:
    """Text outside of events is counted while it waits for its end, if it is JSON, and is kept to a little if not."""
    for start, least, most in ((b'{"error": "', 50_000, 60_000), (b"<html>", 0, 0)):
        events = EventParser()
        events.feed(EVENT + start)
        for _ in range(50):
            events.feed(b"x" * 1000 + b"\n")
        assert least <= events.buffered_bytes <= most


def test_is_an_api_error() -> None:
    """The error of a broken stream is an `APIError`."""
    assert isinstance(listen([EVENT + GOOGLES])[-1], APIError)
