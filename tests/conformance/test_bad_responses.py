"""Malformed and unexpected responses are Failures of the right type, and leave no socket open."""

import gzip
from typing import Any

import msgspec
import pytest

from genai_fn import ConnectError, DecodeError, Disconnected, Failure, Retry, Success, collected, text
from genai_fn.errors import APIError, ClientError, GenaiError, ServerError
from tests.support.interpreter_kinds import Faced, Naps, World, gemini, waited
from tests.support.loopback import Answer, Close, Loopback, Raw, Reply, Reset, Send, chunk, gzipped, head, json_reply
from tests.support.loopback_replies import CHUNKED, HELLO, OK, PIECES, STREAM, fault, said

WHOLE = HELLO | text
ALL = PIECES | text | collected
GZIP = ("content-encoding", "gzip")
HTML = b"<!doctype html><html><body>Bad gateway</body></html>"
PACKED = gzip.compress(msgspec.json.encode(said("hi" * 99)))
DEEP = b"[" * 100_000 + b"]" * 100_000

BOTH: dict[str, tuple[Answer, type[GenaiError]]] = {
    "garbage": (Raw(b"\x00\xff\x16\x03garbage\r\n\r\n"), Disconnected),
    "another protocol": (Raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Disconnected),
    "status beyond all": (Raw(b"HTTP/1.1 99999 Yes\r\n\r\n"), Disconnected),
    "nothing": (Close(), Disconnected),
    "one long line": (Raw(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000), Disconnected),
    "header bomb": (Raw(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000), Disconnected),
    "no length at all": (Raw(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"), Disconnected),
    "html": (Reply(200, (("content-type", "text/html"),), HTML), DecodeError),
    "html 502": (Reply(502, (("content-type", "text/html"),), HTML), ServerError),
    "html 404": (Reply(404, (("content-type", "text/html"),), HTML), ClientError),
    "empty 500": (Reply(500), ServerError),
    "redirect": (Reply(302, (("location", "http://127.0.0.1:1/"),)), APIError),
    "not gzip": (Reply(200, (GZIP,), b'{"candidates": []}'), DecodeError),
    "half of gzip": (Reply(200, (GZIP,), PACKED[: len(PACKED) // 2]), DecodeError),
    "head of gzip": (Reply(200, (GZIP,), PACKED[:10]), DecodeError),
    "gzip and more": (Reply(200, (GZIP,), PACKED + b"more"), DecodeError),
    "another encoding": (Reply(200, (("content-encoding", "br"),), b"\x8b\x02\x80"), DecodeError),
    "fault in a 200": (json_reply(fault(400)), ClientError),
    "fault in a list": (json_reply([fault(400)], 400), ClientError),
    "fault in a list in a 200": (json_reply([fault(400)]), ClientError),
    "deep": (Reply(200, (), DEEP), DecodeError),
    "deep 500": (Reply(500, (), DEEP), ServerError),
    "a number": (Reply(200, (), b"42"), DecodeError),
    "text": (Reply(200, (), b'"hi"'), DecodeError),
    "half": (Reply(200, (), b'{"candidates": [{"content": {'), DecodeError),
    "not UTF-8": (Reply(200, (), b'{"candidates": [{"content": {"parts": [{"text": "\xff\xfe"}]}}]}'), DecodeError),
    "wrong types": (json_reply({"candidates": {"a": 7}}), DecodeError),
    "empty": (Reply(200), DecodeError),
}


@pytest.mark.parametrize("action", (WHOLE, ALL), ids=("call", "stream"))
@pytest.mark.parametrize("name", BOTH)
def test_failure_of_its_kind(world: World, naps: Naps, name: str, action: Any) -> None:
    """
    Whatever the answer, the result is a Failure of our own kind, the connection is gone and one call later all is well.
    """
    answer, kind = BOTH[name]

    with Loopback(answer) as server, Loopback(OK) as good:

        async def body(run: Faced) -> None:
            result = await run(action)
            assert isinstance(result, Failure)
            assert isinstance(result.failure(), kind)
            assert all(type(each).__module__.startswith("genai_fn") for each in _causes(result.failure()))

        world.within(gemini(server.url), body, max_connections=1)
        assert waited(lambda: server.open_connections == 0)
        assert isinstance(world.run(gemini(good.url), WHOLE), Success)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = [error]
    while (further := found[-1].__cause__ or found[-1].__context__) is not None:
        found.append(further)
    return found


CUT: dict[str, Answer] = {
    "short": (Send(head(200, (("content-length", "500"),)) + msgspec.json.encode(said("hi"))), Close()),
    "short and reset": (Send(head(200, (("content-length", "500"),)) + msgspec.json.encode(said("hi"))), Reset()),
    "chunk cut": (Send(head(200, (CHUNKED,)) + chunk(msgspec.json.encode(said("hi")))[:-9]), Close()),
    "last chunk missing": (Send(head(200, (CHUNKED,)) + chunk(msgspec.json.encode(said("hi")))), Close()),
    "bad chunk": (Send(head(200, (CHUNKED,)) + b"zz\r\nhello\r\n"), Close()),
}


@pytest.mark.parametrize("name", CUT)
def test_cut(world: World, name: str) -> None:
    """A body that breaks off is Disconnected, not JSON that cannot be read; it is not asked for again."""
    with Loopback(CUT[name]) as server:
        assert isinstance(world.run(gemini(server.url), WHOLE).failure(), Disconnected)
        assert len(server.requests) == 1
        assert waited(lambda: server.open_connections == 0)


@pytest.mark.parametrize("encoding", ("gzip", "x-gzip", "GZIP"))
def test_gzip(world: World, encoding: str) -> None:
    """Calls request gzip and decompress it; streams do not request it, and decompress it incrementally if it comes."""
    two = gzip.compress(b'{"candidates": [{"content": ') + gzip.compress(b'{"parts": [{"text": "hi"}]}}]}')
    with Loopback(
        [Reply(200, (("content-encoding", encoding),), PACKED), Reply(200, (GZIP,), two), gzipped(STREAM)]
    ) as server:

        async def body(run: Faced) -> None:
            assert await run(WHOLE) == Success("hi" * 99)
            assert await run(WHOLE) == Success("hi")
            assert await run(ALL) == Success(("a", "b"))

        world.within(gemini(server.url), body)
        assert [each.headers["accept-encoding"] for each in server.requests] == ["gzip", "gzip", "identity"]


BIG = msgspec.json.encode(said("x" * 5000))


@pytest.mark.parametrize("reply", (Reply(200, (), BIG), Reply(200, (GZIP,), gzip.compress(BIG))), ids=("plain", "gzip"))
def test_too_big(world: World, reply: Reply) -> None:
    """A decompressed body longer than `max_response_bytes` is a Failure; one of exactly that size is not."""
    with Loopback(reply) as server:
        assert isinstance(world.run(gemini(server.url), WHOLE, max_response_bytes=len(BIG)), Success)
        error = world.run(gemini(server.url), WHOLE, max_response_bytes=len(BIG) - 1).failure()
        assert isinstance(error, DecodeError)
        assert str(len(BIG) - 1) in str(error)
        assert waited(lambda: server.open_connections == 0)


@pytest.mark.parametrize("finished", (True, False), ids=("whole", "endless"))
def test_event_too_big(world: World, finished: bool) -> None:
    """An event longer than `max_response_bytes` ends its stream; earlier items are kept."""
    first = b"data: " + msgspec.json.encode(said("a")) + b"\n\n"
    reply = Reply(200, (), (first, b"data: " + BIG[:3000], *(() if finished else (b"x" * 9000,))))
    with Loopback(reply) as server:
        good, bad = world.items(gemini(server.url), PIECES | text, max_response_bytes=2000)
        assert good == Success("a")
        assert isinstance(bad.failure(), DecodeError)
        assert waited(lambda: server.open_connections == 0)


def test_a_bomb_of_gzip(world: World) -> None:
    """Decompression of a gzip bomb stops at `max_response_bytes`."""
    with Loopback(Reply(200, (GZIP,), gzip.compress(bytes(50_000_000)))) as server:
        for action in (WHOLE, ALL):
            error = world.run(gemini(server.url), action, max_response_bytes=100_000).failure()
            assert isinstance(error, DecodeError)


def test_what_a_fault_says(world: World, naps: Naps) -> None:
    """Code, status, message and details are the server's; of HTML the text is the message."""
    known = json_reply(fault(400, "INVALID_ARGUMENT", details=[{"a": 1}]), 400)
    with Loopback([known, Reply(502, (), HTML)]) as server:

        async def body(run: Faced) -> None:
            first, second = (await run(WHOLE)).failure(), (await run(WHOLE)).failure()
            assert (first.code, first.status, first.message, first.details) == (
                400,
                "INVALID_ARGUMENT",
                "no",
                ({"a": 1},),
            )
            assert (second.code, second.message) == (502, HTML.decode())

        world.within(gemini(server.url), body, retry=Retry(attempts=1))


def test_nobody_there(world: World, naps: Naps) -> None:
    """A name that does not exist is a ConnectError that names it, and nothing was sent."""
    error = world.run(gemini("http://nobody.invalid"), WHOLE).failure()
    assert (type(error), error.sent, "nobody.invalid" in str(error)) == (ConnectError, False, True)
