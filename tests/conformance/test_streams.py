"""Streamed responses in all formats, split into chunks at any place, and with errors."""

from typing import Any

import msgspec
import pytest

from genai_fn import DecodeError, Disconnected, Failure, Success, calling, chats, collected, joined, streamed, text
from genai_fn.errors import APIError, ClientError, ServerError
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
    Send,
    build_sse_reply,
    encode_chunk,
    encode_event,
    encode_head,
)
from tests.support.loopback_replies import (
    CHUNKED,
    HELLO,
    HELLO_STREAM,
    build_error,
    build_text_response,
    encode_text_chunk,
    list_texts,
)

A, B = (msgspec.json.encode(build_text_response(text)) for text in "ab")
ERROR = msgspec.json.encode(build_error(400))
PRETTY = msgspec.json.format(A, indent=2)


def encode_lines(data: bytes, line_end: bytes = b"\n") -> bytes:
    """Encode an event with one `data` field for each line."""
    return b"".join(b"data: " + line + line_end for line in data.split(b"\n")) + line_end


FORMATS: dict[str, bytes] = {
    "lf": b"data: " + A + b"\n\ndata: " + B + b"\n\n",
    "crlf": b"data: " + A + b"\r\n\r\ndata: " + B + b"\r\n\r\n",
    "cr": b"data: " + A + b"\r\rdata: " + B + b"\r\r",
    "mixed": b"data: " + A + b"\r\n\ndata: " + B + b"\n\r",
    "no space": b"data:" + A + b"\n\ndata:" + B + b"\n\n",
    "comments": b": hi\n\n:\n\ndata: " + A + b"\n: between\n\n:\n\ndata: " + B + b"\n\n: bye\n\n",
    "other fields": b"event: x\nid: 1\nretry: 5\ndata: " + A + b"\n\ndatum: 7\nnonsense\ndata: " + B + b"\n\n",
    "many lines": encode_lines(PRETTY) + encode_lines(B, b"\r\n"),
    "bom": b"\xef\xbb\xbfdata: " + A + b"\n\ndata: " + B + b"\n\n",
    "blank lines first": b"\n\r\n\n" * 9 + b"data: " + A + b"\n\ndata: " + B + b"\n\n",
    "empty events": b"data\n\ndata:\n\ndata: " + A + b"\n\ndata: \n\ndata: " + B + b"\n\n",
    "last line without end": b"data: " + A + b"\n\ndata: " + B,
    "array": b"[" + A + b",\n" + B + b"]",
    "pretty array": b"[" + PRETTY + b"\n,\r\n" + B + b"\n]\n",
    "one per line": A + b"\n" + B + b"\n",
    "bom and array": b"\xef\xbb\xbf [" + A + b"," + B + b"]",
}


@pytest.mark.parametrize("name", FORMATS)
def test_format(kind: InterpreterKind, name: str) -> None:
    """Every format of two items gives two items, in one chunk and in chunks of one byte."""
    body = FORMATS[name]
    single_bytes = tuple(body[n : n + 1] for n in range(len(body)))
    with Loopback([Reply(200, (), body), Reply(200, (), single_bytes)]) as server:

        async def read_twice(run: AwaitableInterpreter) -> None:
            for _ in range(2):
                assert list_texts(await run.read_items(HELLO_STREAM)) == ["a", "b"]

        kind.run_body(make_gemini(server.url), read_twice)


ERRORS: dict[str, tuple[bytes, list[Any]]] = {
    "event": (b"data: " + A + b"\n\ndata: " + ERROR + b"\n\n", ["a", ClientError]),
    "pretty event": (b"data: " + A + b"\n\n" + encode_lines(msgspec.json.format(ERROR)), ["a", ClientError]),
    "bare": (ERROR, [ClientError]),
    "bare, pretty": (b"\n" + msgspec.json.format(ERROR) + b"\n", [ClientError]),
    "bare, in a list": (b"[" + ERROR + b"]", [ClientError]),
    "in an array": (b"[" + A + b"," + ERROR + b"]", ["a", ClientError]),
    "nothing": (b"", [DecodeError]),
    "comments alone": (b": nothing\n\n: here\n\n", [DecodeError]),
    "blank alone": (b"\n" * 99, [DecodeError]),
    "empty events alone": (b"data\n\ndata:\n\n", [DecodeError]),
    "html": (b"<html>\n\n<p>no</p>\n</html>", [DecodeError]),
    "not json": (b"data: " + A + b"\n\ndata: [DONE]\n\n", ["a", DecodeError]),
    "cut in an event": (b"data: " + A + b"\n\ndata: " + B[:20], ["a", DecodeError]),
    "cut in an array": (b"[" + A + b"," + B[:20], ["a", DecodeError]),
    "cut between members": (b"[" + A + b",", ["a", DecodeError]),
    "an empty array": (b"[]", [DecodeError]),
    "bare, after an event": (b"data: " + A + b"\r\n\r\n" + msgspec.json.format(ERROR) + b"\r\n", ["a", ClientError]),
    "bare, without end": (b"data: " + A + b"\n\n" + ERROR, ["a", ClientError]),
    "bare and cut": (b"data: " + A + b"\n\n" + ERROR[:-9], ["a", DecodeError]),
    "html, after an event": (b"data: " + A + b"\n\n<html>\n<p>no</p>\n</html>", ["a", DecodeError]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(kind: InterpreterKind, name: str) -> None:
    """An error ends the stream after the valid items, and an empty stream is a Failure."""
    body, expected = ERRORS[name]
    single_bytes = tuple(body[n : n + 1] for n in range(len(body)))
    with Loopback([Reply(200, (), body), Reply(200, (), single_bytes)]) as server:

        async def read_twice(run: AwaitableInterpreter) -> None:
            for _ in range(2):
                assert list_texts(await run.read_items(HELLO_STREAM)) == expected

        kind.run_body(make_gemini(server.url), read_twice)
        assert wait_until(lambda: server.open_connections == 0)


CUTS: dict[str, Answer] = {
    "between events": (
        Send(encode_head(200, (CHUNKED,)) + encode_text_chunk("a")),
        Close(),
    ),
    "in an event": (
        Send(
            encode_head(200, (CHUNKED,))
            + encode_text_chunk("a")
            + encode_chunk(encode_event(build_text_response("b"))[:12])
        ),
        Close(),
    ),
    "in a chunk": (
        Send(encode_head(200, (CHUNKED,)) + encode_text_chunk("a") + b"99\r\ndata:"),
        Close(),
    ),
    "short": (Send(encode_head(200, (("content-length", "9999"),)) + encode_event(build_text_response("a"))), Close()),
}


@pytest.mark.parametrize("name", CUTS)
def test_cut(kind: InterpreterKind, name: str) -> None:
    """A connection that closes before the end of the body is Disconnected, also between events."""
    with Loopback(CUTS[name]) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM)) == ["a", Disconnected]


def test_body_until_close(kind: InterpreterKind) -> None:
    """A body without a length that ends with its connection is complete."""
    with Loopback(
        Raw(encode_head(200) + encode_event(build_text_response("a")) + encode_event(build_text_response("b")))
    ) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM)) == ["a", "b"]


def test_items_after_an_error(kind: InterpreterKind) -> None:
    """The first Failure is the last item, whatever the server sends afterwards."""
    with Loopback(
        build_sse_reply([build_text_response("a"), build_error(500), build_text_response("b"), build_error(501)])
    ) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM)) == ["a", ServerError]


def test_error_body_is_read(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """The body of an error response to a stream is read, and its message is in the error."""
    with Loopback(Reply(403, (), (ERROR[:9], ERROR[9:]))) as server:
        (item,) = kind.read_items(make_gemini(server.url), HELLO_STREAM)
        assert isinstance(item.failure(), APIError)
        assert (item.failure().code, item.failure().message) == (403, "no")


def test_collected_returns_the_first_failure(kind: InterpreterKind) -> None:
    """`collected` returns all items or the first failure."""
    with Loopback(build_sse_reply([build_text_response("a"), build_error(400)])) as server:
        assert isinstance(kind.run(make_gemini(server.url), HELLO_STREAM | text | collected), Failure)


ABORT_ERROR = b"\r\n\r\n" + msgspec.json.format(msgspec.json.encode(build_error(503))) + b"\r\n"
"""The bytes that Google's servers send when they abort a stream."""


@pytest.mark.parametrize(
    "action", (HELLO_STREAM | joined, HELLO_STREAM | text | joined, HELLO_STREAM | text | collected)
)
def test_aborted_is_no_success(kind: InterpreterKind, action: Any) -> None:
    """The result of an aborted stream is the error that the server sent, for every modifier."""
    with Loopback(Reply(200, (), b"data: " + A + ABORT_ERROR)) as server:
        assert isinstance(kind.run(make_gemini(server.url), action).failure(), ServerError)


def test_aborted_turn(kind: InterpreterKind) -> None:
    """A chat turn whose stream was aborted is a failure, and does not enter the curated history."""
    with Loopback(Reply(200, (), b"data: " + A + ABORT_ERROR)) as server:
        first, last = kind.read_items(make_gemini(server.url), chats.stream(chats.start("test-model"), "hello"))
        assert (first.unwrap().answer.text, first.unwrap().chat.curated) == ("a", ())
        assert isinstance(last.failure(), ServerError)
        turn = chats.stream(chats.start("test-model"), "hello") | joined
        assert isinstance(kind.run(make_gemini(server.url), turn).failure(), ServerError)


def test_aborted_call(kind: InterpreterKind) -> None:
    """A function call in an aborted stream is not run, and no further request is sent."""
    calls: list[str] = []

    def look(place: str) -> str:
        calls.append(place)
        return "fine"

    part = {"functionCall": {"name": "look", "args": {"place": "here"}}}
    function_call = msgspec.json.encode({"candidates": [{"content": {"parts": [part], "role": "model"}}]})
    with Loopback(Reply(200, (), b"data: " + function_call + ABORT_ERROR)) as server:
        *_, last = kind.read_items(make_gemini(server.url), HELLO | calling(look) | streamed)
        assert isinstance(last.failure(), ServerError)
        assert (calls, len(server.requests)) == ([], 1)


def test_items_after_the_end(kind: InterpreterKind) -> None:
    """A stream that has ended raises StopAsyncIteration on every further read."""
    with Loopback(build_sse_reply([build_text_response("a")])) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(HELLO_STREAM | text) as items:
                assert await anext(items) == Success("a")
                for _ in range(3):
                    with pytest.raises(StopAsyncIteration):
                        await anext(items)

        kind.run_body(make_gemini(server.url), body)
