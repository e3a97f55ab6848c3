"""Compressed bodies that become a thousand times as large: the deadline holds, and little is kept at a time."""

import gzip
from math import inf
from typing import Any

import pytest
from returns.result import Failure, Success

from genai_fn import Gemini, Retry, Timeouts, generate, models, streamed
from genai_fn.effects import CloseResource, GetRandom, GetTime, ReadChunk, SendRequest, Sleep
from genai_fn.engine.handler import HttpHandler
from genai_fn.errors import DecodeError, GenaiError, TimedOut
from tests.support.scripted_effects import ResponseHead

GZIP = ResponseHead(200, ("content-encoding", "gzip"))
TIMED_OUT = TimedOut("total", "decompressing a response", sent=True)
DEADLINE = 5.0


class Conversation:
    """Executes programs with one compressed chunk, and a clock that a pause advances by one second."""

    def __init__(self, body: bytes) -> None:
        self.unread_chunks = [gzip.compress(body, mtime=0), b""]
        self.now = 0.0
        self.pauses = 0
        self.is_closed = False

    def run(self, program: Any) -> Any:
        answer: Any = None
        while True:
            try:
                answer = self.perform(program.send(answer))
            except StopIteration as end:
                return end.value

    def perform(self, effect: Any) -> Any:
        match effect:
            case SendRequest():
                return GZIP
            case ReadChunk():
                return self.unread_chunks.pop(0)
            case Sleep(seconds=0):
                self.pauses += 1
                self.now += 1.0
            case CloseResource():
                self.is_closed = True
            case GetTime() | GetRandom():
                return self.now if isinstance(effect, GetTime) else 0.0
            case _:
                raise AssertionError(effect)
        return None


def build_handler() -> HttpHandler:
    return HttpHandler(backend=Gemini("test-key"), retry=Retry(attempts=1), timeouts=Timeouts(total=DEADLINE))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b": comment\n" * 1_000_000, TimedOut),
        (b"data:\n\n" * 1_000_000, TimedOut),
        (b'data: "' + b"a" * 10_000_000, TimedOut),
        (b"[" * 10_000_000, DecodeError),
    ],
    ids=["comments", "empty events", "an event without an end", "a document without an end"],
)
def test_stream_without_items(body: bytes, expected: type[GenaiError]) -> None:
    """A compressed stream without items ends at the deadline, after some slices, or with its first error."""
    conversation = Conversation(body)
    result = conversation.run(build_handler().open_stream((generate("m", "hi") | streamed).source, inf))
    assert type(result.failure()) is expected
    assert conversation.is_closed
    assert conversation.pauses <= DEADLINE


def test_stream_of_many_items() -> None:
    """Of a compressed chunk with a million items, few wait at a time, and the deadline of the stream ends it."""
    conversation, handler = Conversation(b"data:{}\n\n" * 1_000_000), build_handler()
    handle = conversation.run(handler.open_stream((generate("m", "hi") | streamed).source, DEADLINE)).unwrap()
    batches = []
    while items := conversation.run(handler.read_items(handle)):
        batches.append(items)
    assert all(len(each) < 5000 for each in batches)
    assert batches[-1] == (Failure(TIMED_OUT),)
    assert len(batches) == DEADLINE + 1


def test_stream_within_deadline() -> None:
    """All items of a compressed stream arrive, whichever slices they are in."""
    conversation, handler = Conversation(b'data: {"responseId": "a"}\n\n' * 3000), build_handler()
    handle = conversation.run(handler.open_stream((generate("m", "hi") | streamed).source, inf)).unwrap()
    count = 0
    while items := conversation.run(handler.read_items(handle)):
        assert all(isinstance(each, Success) for each in items)
        count += len(items)
    assert count == 3000
    assert conversation.is_closed


def test_whole_response() -> None:
    """Decompressing a whole response stops at the deadline, too."""
    conversation = Conversation(b" " * 20_000_000)
    assert conversation.run(build_handler().handle(models.get("m"), inf)) == Failure(TIMED_OUT)
    assert conversation.is_closed


def test_whole_response_in_slices() -> None:
    """A whole response of several slices is joined."""
    conversation = Conversation(b'{"name": "models/m", "description": "' + b"a" * 3_000_000 + b'"}')
    assert len(conversation.run(build_handler().handle(models.get("m"), inf)).unwrap().description or "") == 3_000_000
    assert conversation.pauses == 2
