"""Malformed and unexpected responses are Failures of the right type, and leave no socket open."""

import gzip
from functools import cache
from typing import Any

import msgspec
import pytest

from genai_fn import ConnectError, DecodeError, Disconnected, Failure, Retry, Success, collected, text
from genai_fn.errors import APIError, ClientError, GenaiError, ServerError
from tests.support.interpreter_kinds import (
    AwaitableInterpreter,
    InterpreterKind,
    SleepRecorder,
    make_gemini,
    wait_until,
)
from tests.support.loopback import (
    Answer,
    Close,
    Loopback,
    Raw,
    Reply,
    Reset,
    Send,
    build_json_reply,
    compress_reply,
    encode_chunk,
    encode_head,
)
from tests.support.loopback_replies import CHUNKED, HELLO, HELLO_STREAM, OK, STREAM, build_error, build_text_response

HELLO_TEXT = HELLO | text
COLLECTED_TEXTS = HELLO_STREAM | text | collected
GZIP = ("content-encoding", "gzip")
HTML = b"<!doctype html><html><body>Bad gateway</body></html>"
GZIPPED = gzip.compress(msgspec.json.encode(build_text_response("hi" * 99)))
DEEP_JSON = b"[" * 100_000 + b"]" * 100_000

BAD_RESPONSES: dict[str, tuple[Answer, type[GenaiError]]] = {
    "garbage": (Raw(b"\x00\xff\x16\x03garbage\r\n\r\n"), Disconnected),
    "another protocol": (Raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Disconnected),
    "status out of range": (Raw(b"HTTP/1.1 99999 Yes\r\n\r\n"), Disconnected),
    "nothing": (Close(), Disconnected),
    "one long line": (Raw(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000), Disconnected),
    "header bomb": (Raw(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000), Disconnected),
    "length is no number": (Raw(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"), Disconnected),
    "html": (Reply(200, (("content-type", "text/html"),), HTML), DecodeError),
    "html 502": (Reply(502, (("content-type", "text/html"),), HTML), ServerError),
    "html 404": (Reply(404, (("content-type", "text/html"),), HTML), ClientError),
    "empty 500": (Reply(500), ServerError),
    "redirect": (Reply(302, (("location", "http://127.0.0.1:1/"),)), APIError),
    "not gzip": (Reply(200, (GZIP,), b'{"candidates": []}'), DecodeError),
    "half of gzip": (Reply(200, (GZIP,), GZIPPED[: len(GZIPPED) // 2]), DecodeError),
    "head of gzip": (Reply(200, (GZIP,), GZIPPED[:10]), DecodeError),
    "gzip and more": (Reply(200, (GZIP,), GZIPPED + b"more"), DecodeError),
    "another encoding": (Reply(200, (("content-encoding", "br"),), b"\x8b\x02\x80"), DecodeError),
    "twice encoded": (Reply(200, (GZIP, GZIP), gzip.compress(GZIPPED)), DecodeError),
    "error in another encoding": (Reply(503, (("content-encoding", "br"),), b"\x8b\x02\x80"), ServerError),
    "error that is not gzip": (Reply(503, (GZIP,), b'{"error": {}}'), ServerError),
    "error in half of gzip": (Reply(404, (GZIP,), GZIPPED[: len(GZIPPED) // 2]), ClientError),
    "error in a 200": (build_json_reply(build_error(400)), ClientError),
    "error in a list": (build_json_reply([build_error(400)], 400), ClientError),
    "error in a list in a 200": (build_json_reply([build_error(400)]), ClientError),
    "deep": (Reply(200, (), DEEP_JSON), DecodeError),
    "deep 500": (Reply(500, (), DEEP_JSON), ServerError),
    "a number": (Reply(200, (), b"42"), DecodeError),
    "text": (Reply(200, (), b'"hi"'), DecodeError),
    "half": (Reply(200, (), b'{"candidates": [{"content": {'), DecodeError),
    "not UTF-8": (Reply(200, (), b'{"candidates": [{"content": {"parts": [{"text": "\xff\xfe"}]}}]}'), DecodeError),
    "wrong types": (build_json_reply({"candidates": 7}), DecodeError),
    "empty": (Reply(200), DecodeError),
}


@pytest.mark.parametrize("action", (HELLO_TEXT, COLLECTED_TEXTS), ids=("call", "stream"))
@pytest.mark.parametrize("name", BAD_RESPONSES)
def test_bad_response_is_a_failure(kind: InterpreterKind, sleeps: SleepRecorder, name: str, action: Any) -> None:
    """
    Any bad response is a Failure with an error of this library; its connection is closed, and the next call succeeds.
    """
    answer, error_type = BAD_RESPONSES[name]

    with Loopback(answer) as server, Loopback(OK) as good:

        async def body(run: AwaitableInterpreter) -> None:
            result = await run(action)
            assert isinstance(result, Failure)
            assert isinstance(result.failure(), error_type)
            assert all(type(each).__module__.startswith("genai_fn") for each in _list_causes(result.failure()))

        kind.run_body(make_gemini(server.url), body, max_connections=1)
        assert wait_until(lambda: server.open_connections == 0)
        assert isinstance(kind.run(make_gemini(good.url), HELLO_TEXT), Success)


@pytest.mark.parametrize("action", (HELLO_TEXT, COLLECTED_TEXTS), ids=("call", "stream"))
def test_unreadable_error_is_retried(kind: InterpreterKind, sleeps: SleepRecorder, action: Any) -> None:
    """An error whose body is malformed gzip, or too long, has the code of its status, and is retried accordingly."""
    limits: dict[str, Any] = {"max_response_bytes": len(BIG_BODY) - 1}
    for reply in (Reply(503, (GZIP,), b"no gzip"), Reply(503, (GZIP,), GZIPPED[:-9]), Reply(503, (), BIG_BODY)):
        with Loopback([reply, OK if action is HELLO_TEXT else STREAM]) as server:
            assert isinstance(kind.run(make_gemini(server.url), action, **limits), Success)
            assert len(server.requests) == 2
        with Loopback(reply) as server:
            result = kind.run(make_gemini(server.url), action, retry=Retry(attempts=1), **limits)
            assert result.failure().code == 503
            assert wait_until(lambda: server.open_connections == 0)


def _list_causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    return causes


CUT_RESPONSES: dict[str, Answer] = {
    "short": (
        Send(encode_head(200, (("content-length", "500"),)) + msgspec.json.encode(build_text_response("hi"))),
        Close(),
    ),
    "short and reset": (
        Send(encode_head(200, (("content-length", "500"),)) + msgspec.json.encode(build_text_response("hi"))),
        Reset(),
    ),
    "chunk cut": (
        Send(encode_head(200, (CHUNKED,)) + encode_chunk(msgspec.json.encode(build_text_response("hi")))[:-9]),
        Close(),
    ),
    "last chunk missing": (
        Send(encode_head(200, (CHUNKED,)) + encode_chunk(msgspec.json.encode(build_text_response("hi")))),
        Close(),
    ),
    "bad chunk": (Send(encode_head(200, (CHUNKED,)) + b"zz\r\nhello\r\n"), Close()),
}


@pytest.mark.parametrize("name", CUT_RESPONSES)
def test_cut_body(kind: InterpreterKind, name: str) -> None:
    """A truncated body is Disconnected, not a DecodeError, and the request is not sent again."""
    with Loopback(CUT_RESPONSES[name]) as server:
        assert isinstance(kind.run(make_gemini(server.url), HELLO_TEXT).failure(), Disconnected)
        assert len(server.requests) == 1
        assert wait_until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("encoding", ("gzip", "x-gzip", "GZIP"))
def test_gzip(kind: InterpreterKind, encoding: str) -> None:
    """Calls request gzip and decompress it; streams do not request it, but decompress it incrementally if sent."""
    two = gzip.compress(b'{"candidates": [{"content": ') + gzip.compress(b'{"parts": [{"text": "hi"}]}}]}')
    with Loopback(
        [Reply(200, (("content-encoding", encoding),), GZIPPED), Reply(200, (GZIP,), two), compress_reply(STREAM)]
    ) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert await run(HELLO_TEXT) == Success("hi" * 99)
            assert await run(HELLO_TEXT) == Success("hi")
            assert await run(COLLECTED_TEXTS) == Success(("a", "b"))

        kind.run_body(make_gemini(server.url), body)
        assert [each.headers["accept-encoding"] for each in server.requests] == ["gzip", "gzip", "identity"]


BIG_BODY = msgspec.json.encode(build_text_response("x" * 5000))


@pytest.mark.parametrize(
    "reply", (Reply(200, (), BIG_BODY), Reply(200, (GZIP,), gzip.compress(BIG_BODY))), ids=("plain", "gzip")
)
def test_body_too_big(kind: InterpreterKind, reply: Reply) -> None:
    """A decompressed body longer than `max_response_bytes` is a Failure; one of exactly that size is not."""
    with Loopback(reply) as server:
        assert isinstance(kind.run(make_gemini(server.url), HELLO_TEXT, max_response_bytes=len(BIG_BODY)), Success)
        error = kind.run(make_gemini(server.url), HELLO_TEXT, max_response_bytes=len(BIG_BODY) - 1).failure()
        assert isinstance(error, DecodeError)
        assert str(len(BIG_BODY) - 1) in str(error)
        assert wait_until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("finished", (True, False), ids=("whole", "endless"))
def test_event_too_big(kind: InterpreterKind, finished: bool) -> None:
    """An event longer than `max_response_bytes` ends its stream; earlier items are kept."""
    first = b"data: " + msgspec.json.encode(build_text_response("a")) + b"\n\n"
    reply = Reply(200, (), (first, b"data: " + BIG_BODY[:3000], *(() if finished else (b"x" * 9000,))))
    with Loopback(reply) as server:
        good, bad = kind.read_items(make_gemini(server.url), HELLO_STREAM | text, max_response_bytes=2000)
        assert good == Success("a")
        assert isinstance(bad.failure(), DecodeError)
        assert wait_until(lambda: server.open_connections == 0)


@cache
def compress_zeros(count: int) -> bytes:
    return gzip.compress(bytes(count))


def test_gzip_bomb(kind: InterpreterKind) -> None:
    """Decompression of a gzip bomb stops at `max_response_bytes`."""
    with Loopback(Reply(200, (GZIP,), compress_zeros(50_000_000))) as server:
        for action in (HELLO_TEXT, COLLECTED_TEXTS):
            error = kind.run(make_gemini(server.url), action, max_response_bytes=100_000).failure()
            assert isinstance(error, DecodeError)


def test_fields_of_an_error(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """An error has the code, status, message and details that were sent; the message of an HTML body is its text."""
    answer = build_json_reply(build_error(400, "INVALID_ARGUMENT", details=[{"a": 1}]), 400)
    with Loopback([answer, Reply(502, (), HTML)]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            first, second = (await run(HELLO_TEXT)).failure(), (await run(HELLO_TEXT)).failure()
            assert (first.code, first.status, first.message, first.details) == (
                400,
                "INVALID_ARGUMENT",
                "no",
                ({"a": 1},),
            )
            assert (second.code, second.message) == (502, HTML.decode())

        kind.run_body(make_gemini(server.url), body, retry=Retry(attempts=1))


def test_unknown_host(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """An unknown host is a ConnectError that contains its name, with `sent=False`."""
    error = kind.run(make_gemini("http://nobody.invalid"), HELLO_TEXT).failure()
    assert (type(error), error.sent, "nobody.invalid" in str(error)) == (ConnectError, False, True)
