"""Streamed responses in all formats, split into chunks at any place, and with errors."""

from typing import Any

import msgspec
import pytest

from genai_fn import DecodeError, Disconnected, Failure, Success, calling, chats, collected, joined, streamed, text
from genai_fn.errors import APIError, ClientError, ServerError
from tests.support.interpreter_kinds import Faced, Naps, World, gemini, waited
from tests.support.loopback import Answer, Close, Loopback, Raw, Reply, Send, chunk, event, head, sse_reply
from tests.support.loopback_replies import CHUNKED, HELLO, PIECES, fault, said, texts

A, B = (msgspec.json.encode(said(text)) for text in "ab")
BROKEN = msgspec.json.encode(fault(400))
PRETTY = msgspec.json.format(A, indent=2)


def lines(data: bytes, mark: bytes = b"\n") -> bytes:
    """Write an event of many lines."""
    return b"".join(b"data: " + line + mark for line in data.split(b"\n")) + mark


FORMS: dict[str, bytes] = {
    "lf": b"data: " + A + b"\n\ndata: " + B + b"\n\n",
    "crlf": b"data: " + A + b"\r\n\r\ndata: " + B + b"\r\n\r\n",
    "cr": b"data: " + A + b"\r\rdata: " + B + b"\r\r",
    "mixed": b"data: " + A + b"\r\n\ndata: " + B + b"\n\r",
    "no space": b"data:" + A + b"\n\ndata:" + B + b"\n\n",
    "comments": b": hi\n\n:\n\ndata: " + A + b"\n: between\n\n:\n\ndata: " + B + b"\n\n: bye\n\n",
    "other fields": b"event: x\nid: 1\nretry: 5\ndata: " + A + b"\n\ndatum: 7\nnonsense\ndata: " + B + b"\n\n",
    "many lines": lines(PRETTY) + lines(B, b"\r\n"),
    "bom": b"\xef\xbb\xbfdata: " + A + b"\n\ndata: " + B + b"\n\n",
    "blank lines first": b"\n\r\n\n" * 9 + b"data: " + A + b"\n\ndata: " + B + b"\n\n",
    "empty events": b"data\n\ndata:\n\ndata: " + A + b"\n\ndata: \n\ndata: " + B + b"\n\n",
    "last line unended": b"data: " + A + b"\n\ndata: " + B,
    "array": b"[" + A + b",\n" + B + b"]",
    "pretty array": b"[" + PRETTY + b"\n,\r\n" + B + b"\n]\n",
    "one a line": A + b"\n" + B + b"\n",
    "bom and array": b"\xef\xbb\xbf [" + A + b"," + B + b"]",
}


@pytest.mark.parametrize("name", FORMS)
def test_form(world: World, name: str) -> None:
    """Every format of two items gives two items, in one chunk and in chunks of one byte."""
    body = FORMS[name]
    alone = tuple(body[n : n + 1] for n in range(len(body)))
    with Loopback([Reply(200, (), body), Reply(200, (), alone)]) as server:

        async def both(run: Faced) -> None:
            for _ in range(2):
                assert texts(await run.items(PIECES)) == ["a", "b"]

        world.within(gemini(server.url), both)


FAULTS: dict[str, tuple[bytes, list[Any]]] = {
    "event": (b"data: " + A + b"\n\ndata: " + BROKEN + b"\n\n", ["a", ClientError]),
    "pretty event": (b"data: " + A + b"\n\n" + lines(msgspec.json.format(BROKEN)), ["a", ClientError]),
    "bare": (BROKEN, [ClientError]),
    "bare, pretty": (b"\n" + msgspec.json.format(BROKEN) + b"\n", [ClientError]),
    "bare, in a list": (b"[" + BROKEN + b"]", [ClientError]),
    "in an array": (b"[" + A + b"," + BROKEN + b"]", ["a", ClientError]),
    "nothing": (b"", [DecodeError]),
    "comments alone": (b": nothing\n\n: to say\n\n", [DecodeError]),
    "blank alone": (b"\n" * 99, [DecodeError]),
    "empty events alone": (b"data\n\ndata:\n\n", [DecodeError]),
    "html": (b"<html>\n\n<p>no</p>\n</html>", [DecodeError]),
    "not json": (b"data: " + A + b"\n\ndata: [DONE]\n\n", ["a", DecodeError]),
    "cut in an event": (b"data: " + A + b"\n\ndata: " + B[:20], ["a", DecodeError]),
    "cut in an array": (b"[" + A + b"," + B[:20], ["a", DecodeError]),
    "cut between members": (b"[" + A + b",", ["a", DecodeError]),
    "an empty array": (b"[]", [DecodeError]),
    "bare, after an event": (b"data: " + A + b"\r\n\r\n" + msgspec.json.format(BROKEN) + b"\r\n", ["a", ClientError]),
    "bare, unended": (b"data: " + A + b"\n\n" + BROKEN, ["a", ClientError]),
    "bare and cut": (b"data: " + A + b"\n\n" + BROKEN[:-9], ["a", DecodeError]),
    "html, after an event": (b"data: " + A + b"\n\n<html>\n<p>no</p>\n</html>", ["a", DecodeError]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(world: World, name: str) -> None:
    """An error ends the stream after the valid items, and an empty stream is a Failure."""
    body, expected = FAULTS[name]
    alone = tuple(body[n : n + 1] for n in range(len(body)))
    with Loopback([Reply(200, (), body), Reply(200, (), alone)]) as server:

        async def both(run: Faced) -> None:
            for _ in range(2):
                assert texts(await run.items(PIECES)) == expected

        world.within(gemini(server.url), both)
        assert waited(lambda: server.open_connections == 0)


CUTS: dict[str, Answer] = {
    "between events": (Send(head(200, (CHUNKED,)) + chunk(event(said("a")))), Close()),
    "in an event": (Send(head(200, (CHUNKED,)) + chunk(event(said("a"))) + chunk(event(said("b"))[:12])), Close()),
    "in a chunk": (Send(head(200, (CHUNKED,)) + chunk(event(said("a"))) + b"99\r\ndata:"), Close()),
    "short": (Send(head(200, (("content-length", "9999"),)) + event(said("a"))), Close()),
}


@pytest.mark.parametrize("name", CUTS)
def test_cut(world: World, name: str) -> None:
    """A connection that ends before its body does is Disconnected, between events too."""
    with Loopback(CUTS[name]) as server:
        assert texts(world.items(gemini(server.url), PIECES)) == ["a", Disconnected]


def test_until_closed(world: World) -> None:
    """A body without a length that ends with its connection is complete."""
    with Loopback(Raw(head(200) + event(said("a")) + event(said("b")))) as server:
        assert texts(world.items(gemini(server.url), PIECES)) == ["a", "b"]


def test_what_follows_a_fault(world: World) -> None:
    """The first Failure is the last item, whatever the server sends afterwards."""
    with Loopback(sse_reply([said("a"), fault(500), said("b"), fault(501)])) as server:
        assert texts(world.items(gemini(server.url), PIECES)) == ["a", ServerError]


def test_a_refusal_is_read(world: World, naps: Naps) -> None:
    """A stream that is refused says why, as a call does."""
    with Loopback(Reply(403, (), (BROKEN[:9], BROKEN[9:]))) as server:
        (item,) = world.items(gemini(server.url), PIECES)
        assert isinstance(item.failure(), APIError)
        assert (item.failure().code, item.failure().message) == (403, "no")


def test_collected_fails_as_a_whole(world: World) -> None:
    """`collected` returns all items or the first failure."""
    with Loopback(sse_reply([said("a"), fault(400)])) as server:
        assert isinstance(world.run(gemini(server.url), PIECES | text | collected), Failure)


ABORTED = b"\r\n\r\n" + msgspec.json.format(msgspec.json.encode(fault(503))) + b"\r\n"
"""What Google's servers write when they abort a stream."""


@pytest.mark.parametrize("action", (PIECES | joined, PIECES | text | joined, PIECES | text | collected))
def test_aborted_is_no_success(world: World, action: Any) -> None:
    """Whatever is made of a stream that was aborted is the error that the server wrote."""
    with Loopback(Reply(200, (), b"data: " + A + ABORTED)) as server:
        assert isinstance(world.run(gemini(server.url), action).failure(), ServerError)


def test_aborted_turn(world: World) -> None:
    """A chat turn whose stream was aborted is a failure, and does not enter the curated history."""
    with Loopback(Reply(200, (), b"data: " + A + ABORTED)) as server:
        first, last = world.items(gemini(server.url), chats.stream(chats.start("test-model"), "hello"))
        assert (first.unwrap().answer.text, first.unwrap().chat.curated) == ("a", ())
        assert isinstance(last.failure(), ServerError)
        turn = chats.stream(chats.start("test-model"), "hello") | joined
        assert isinstance(world.run(gemini(server.url), turn).failure(), ServerError)


def test_aborted_call(world: World) -> None:
    """A function call in an aborted stream is not run, and no further request is sent."""
    called: list[str] = []

    def look(place: str) -> str:
        called.append(place)
        return "fine"

    part = {"functionCall": {"name": "look", "args": {"place": "here"}}}
    asks = msgspec.json.encode({"candidates": [{"content": {"parts": [part], "role": "model"}}]})
    with Loopback(Reply(200, (), b"data: " + asks + ABORTED)) as server:
        *_, last = world.items(gemini(server.url), HELLO | calling(look) | streamed)
        assert isinstance(last.failure(), ServerError)
        assert (called, len(server.requests)) == ([], 1)


def test_items_after_the_end(world: World) -> None:
    """A stream that has ended raises StopAsyncIteration on every further read."""
    with Loopback(sse_reply([said("a")])) as server:

        async def body(run: Faced) -> None:
            async with run.stream(PIECES | text) as items:
                assert await anext(items) == Success("a")
                for _ in range(3):
                    with pytest.raises(StopAsyncIteration):
                        await anext(items)

        world.within(gemini(server.url), body)
