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
GOOGLE_ERROR = b'{\r\n "error": {\r\n  "code": 503\r\n }\r\n}\r\n'
FAULT: dict[str, Any] = {
    "code": 503,
    "message": 'The model is {overloaded}. "Try" again: \n[later]\\',
    "status": "UNAVAILABLE",
    "details": [{"@type": "t", "metadata": {"a": "}"}}],
}
PARSED_ERROR = ServerError(503, FAULT["status"], FAULT["message"], tuple(FAULT["details"]))
ERROR_LINE = msgspec.json.encode({"error": FAULT})
PRETTY = msgspec.json.format(ERROR_LINE, indent=2).replace(b"\n", b"\r\n")
UNAUTHORIZED = ClientError(401, "", "Jwt is missing")
UPSTREAM = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"
HTML = b"<html>\n<head><title>502 Bad Gateway</title></head>\n\n<body>data: x</body>\n</html>"


def build_decode_error(text: bytes) -> DecodeError:
    return DecodeError("server-sent events", "", text.decode())


BROKEN_STREAMS: dict[str, tuple[bytes, list[GenaiError | None]]] = {
    "as Google writes it": (EVENT + GOOGLE_ERROR, [None, ServerError(503)]),
    "pretty": (EVENT + EVENT + PRETTY + b"\r\n", [None, None, PARSED_ERROR]),
    "pretty, unended": (EVENT + PRETTY, [None, PARSED_ERROR]),
    "pretty, carriage returns": (EVENT + PRETTY.replace(b"\r\n", b"\r"), [None, PARSED_ERROR]),
    "on one line": (EVENT + ERROR_LINE + b"\n", [None, PARSED_ERROR]),
    "on one line, unended": (EVENT + ERROR_LINE, [None, PARSED_ERROR]),
    "indented": (EVENT + b"  " + ERROR_LINE + b"\n", [None, PARSED_ERROR]),
    "in a list": (EVENT + b"[" + ERROR_LINE + b"]\n", [None, PARSED_ERROR]),
    "in a pretty list": (EVENT + b"[" + PRETTY + b"\r\n]\r\n", [None, PARSED_ERROR]),
    "among other fields": (EVENT + b'{"id": 7, "error": {"code": 503}}', [None, ServerError(503)]),
    "flat": (EVENT + b'{"code": 401, "message": "Jwt is missing"}', [None, UNAUTHORIZED]),
    "a word alone": (EVENT + b'{"error": "overloaded"}', [None, ServerError(500, "", "overloaded")]),
    "of another shape": (EVENT + b'{"error": ["a"]}', [None, ServerError(500, "", '["a"]')]),
    "after an unended event": (b"data: " + ITEM + b"\n" + ERROR_LINE, [None, PARSED_ERROR]),
    "after comments and fields": (
        EVENT + b": hi\nevent: x\nid: 1\nretry: 5\nx-y: z\n" + ERROR_LINE,
        [None, PARSED_ERROR],
    ),
    "before more": (EVENT + ERROR_LINE + b"\n" + EVENT, [None, PARSED_ERROR]),
    "an event": (EVENT + b"data: " + ERROR_LINE + b"\n\n", [None, PARSED_ERROR]),
    "an event, unended": (EVENT + b"data: " + ERROR_LINE, [None, PARSED_ERROR]),
    "an event in a list": (EVENT + b"data: [" + ERROR_LINE + b"]\n\n", [None, PARSED_ERROR]),
    "an event among other fields": (EVENT + b'data: {"error": {"code": 503}, "id": 7}\n\n', [None, ServerError(503)]),
    "a flat event": (EVENT + b'data: {"code": 401, "message": "Jwt is missing"}\n\n', [None, UNAUTHORIZED]),
    "first of all": (PRETTY, [PARSED_ERROR]),
    "first of all, in a list": (b"[" + ERROR_LINE + b"]", [PARSED_ERROR]),
    "first of all, after a comment": (b": hi\n\n" + ERROR_LINE, [PARSED_ERROR]),
    "first of all, an event": (b"data: " + ERROR_LINE + b"\n\n", [PARSED_ERROR]),
    "first of all, flat": (b'{"code": 401, "message": "Jwt is missing"}', [UNAUTHORIZED]),
    "after an array": (b"[" + ITEM + b"]\n" + ERROR_LINE, [None, PARSED_ERROR]),
    "after a line of JSON": (ITEM + b"\n" + ERROR_LINE, [None, PARSED_ERROR]),
    "cut": (EVENT + ERROR_LINE[:30], [None, build_decode_error(ERROR_LINE[:30])]),
    "cut at once": (EVENT + b"{", [None, build_decode_error(b"{")]),
    "cut in a list": (EVENT + b'[{"error"', [None, build_decode_error(b'{"error"')]),
    "an empty list": (EVENT + b"[]", [None, build_decode_error(b"[]")]),
    "no error": (EVENT + b'{"detail": "no"}', [None, build_decode_error(b'{"detail": "no"}')]),
    "an item out of place": (EVENT + ITEM, [None, build_decode_error(ITEM)]),
    "an unknown field of JSON": (
        EVENT + b'error: {"code": 503}\n\n',
        [None, build_decode_error(b'error: {"code": 503}')],
    ),
    "prose": (EVENT + UPSTREAM, [None, build_decode_error(UPSTREAM)]),
    "HTML": (EVENT + HTML, [None, build_decode_error(HTML)]),
    "HTML alone": (HTML, [build_decode_error(HTML)]),
    "long prose": (EVENT + b"no way " * 400, [None, build_decode_error((b"no way " * 400)[:2000].strip())]),
    "bytes": (EVENT + b"\x00\xff\x16", [None, DecodeError("server-sent events", "", "\x00\ufffd\x16")]),
    "prose after an array": (b"[" + ITEM + b"]\n" + UPSTREAM, [None, build_decode_error(UPSTREAM)]),
    "prose in an array": (b"[" + ITEM + b",\nno way\n]", [None, build_decode_error(b"no way\n]")]),
    "prose after a line of JSON": (ITEM + b"\n" + UPSTREAM, [None, build_decode_error(UPSTREAM)]),
}

COMPLETE_STREAMS: dict[str, bytes] = {
    "comments": EVENT + b": bye\n\n:\n",
    "fields": EVENT + b"event: end\nid: {1}\nretry: 5\nevent\nid\n\n",
    "unknown fields": EVENT + b"x-y: z\nword\nfoo.bar:\n_z: 1 {\n\n",
    "blanks": EVENT + b" \n\t\n\r\n",
    "an unended field": EVENT + b"id: 1",
    "an array": b" [" + ITEM + b" ]\r\n",
    "lines of JSON": ITEM + b"\n",
}
"""Bodies with text that the standard ignores; each has one item."""


def read_stream(chunks: list[bytes]) -> list[GenaiError | None]:
    """Read a stream that arrives in these chunks; return None for a value and the error for a failure."""
    http = HttpHandler(backend=Gemini("test-key"), retry=Retry(attempts=1))
    head, unread_chunks = ResponseHead(), [*filter(None, chunks), b""]
    found: list[GenaiError | None] = []
    program = http.open_stream((generate("m", "hi") | streamed).source, inf)
    handle = run_program(program, head, unread_chunks)
    if isinstance(handle, Failure):
        return [handle.failure()]
    while items := run_program(http.read_items(handle.unwrap()), head, unread_chunks):
        found += [each.failure() if isinstance(each, Failure) else None for each in items]
    return found


def run_program(program: Any, head: ResponseHead, unread_chunks: list[bytes]) -> Any:
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
                answer = head
            case ReadChunk():
                answer = unread_chunks.pop(0)
            case CloseResource():
                answer = None
            case GetRandom():
                answer = 0.0
            case _:
                raise AssertionError(effect)


@pytest.mark.parametrize("name", BROKEN_STREAMS)
def test_broken_streams(name: str) -> None:
    """Valid items come first, then the error that the server sent or the text that cannot be decoded."""
    body, expected = BROKEN_STREAMS[name]
    for chunks in split_everywhere(body):
        found = read_stream(chunks)
        assert found == expected, chunks
        assert [type(each) for each in found] == [type(each) for each in expected]


@pytest.mark.parametrize("name", COMPLETE_STREAMS)
def test_complete_streams(name: str) -> None:
    """Comments, standard and unknown fields, and blank lines do not end a stream."""
    for chunks in split_everywhere(COMPLETE_STREAMS[name]):
        assert read_stream(chunks) == [None], chunks


def split_everywhere(body: bytes) -> list[list[bytes]]:
    """Split a body in two at every position, and into single bytes."""
    positions = range(len(body)) if len(body) < 1000 else range(0, len(body), 97)
    return [
        *([body[:position], body[position:]] for position in positions),
        [body[n : n + 1] for n in range(len(body))],
    ]


def test_every_pair_of_cuts() -> None:
    """The text outside of events is returned once, complete and last, for any split into three chunks."""
    body = b"data: 1\r\n\r\n" + GOOGLE_ERROR + b"more"
    for first, second in itertools.combinations(range(len(body)), 2):
        events = EventParser()
        found = [each for chunk in (body[:first], body[first:second], body[second:]) for each in events.feed(chunk)]
        assert [*found, *events.finish()] == [b"1", GOOGLE_ERROR.strip()]
        assert events.has_unframed_text


def test_bare_error_after_events() -> None:
    """The bare error that Google writes after the events is not ignored."""
    events = EventParser()
    found = events.feed(b'data: {"candidates": []}\r\n\r\n{\r\n "error": {\r\n  "code": 503\r\n }\r\n}\r\n')
    assert (len(found), events.has_unframed_text) == (2, True)


def test_buffered_bytes() -> None:
    """Incomplete JSON outside of events counts as buffered; other text is dropped beyond a small limit."""
    for start, lower_bound, upper_bound in ((b'{"error": "', 50_000, 60_000), (b"<html>", 0, 0)):
        events = EventParser()
        events.feed(EVENT + start)
        for _ in range(50):
            events.feed(b"x" * 1000 + b"\n")
        assert lower_bound <= events.buffered_bytes <= upper_bound


def test_is_an_api_error() -> None:
    """The error of a broken stream is an `APIError`."""
    assert isinstance(read_stream([EVENT + GOOGLE_ERROR])[-1], APIError)
