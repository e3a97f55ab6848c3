"""Runs programs with responses in memory, without an event loop: answers each effect that they yield."""

from collections.abc import Iterator
from typing import Any

from genai_fn import Gemini, Retry, Timeouts, Vertex
from genai_fn.backend import Backend, Credential, Secret
from genai_fn.effects import (
    CallFunction,
    EffectFailed,
    Emit,
    GetFileSize,
    GetRandom,
    GetTime,
    GetToken,
    ReadChunk,
    ReadFileSlice,
    RunAll,
    SendRequest,
    Sleep,
)
from genai_fn.engine.handler import HttpHandler
from genai_fn.errors import Disconnected
from genai_fn.http import Headers
from tests.fuzz.inputs import read_headers

__all__ = ["BACKENDS", "KEY", "MemoryReply", "build_handler", "read_reply", "run_effects"]

KEY = "test-key-0123456789"
BACKENDS: dict[str, Backend] = {
    "gemini": Gemini(KEY, base_url="https://h.test"),
    "vertex": Vertex("p", "us-central1", base_url="https://h.test"),
    "express": Vertex(api_key=KEY, base_url="https://h.test"),
}
_MAX_EFFECTS = 20_000
"""More effects than any program needs for an input of the fuzzer; a program that yields more does not end."""


class MemoryReply:
    """A response in memory: its head, and the chunks of its body."""

    def __init__(self, status: int, headers: Headers, chunks: list[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.chunks = [each for each in chunks if each]


def read_reply(data: bytes) -> MemoryReply:
    """Read a response: a line with its status and the size of its chunks, header lines, an empty line, the body."""
    line, _, rest = data.partition(b"\n")
    numbers = [int(each) for each in line.split()[:2] if each.isdigit() and len(each) < 5]
    status, size = (*numbers, *(200, 0)[len(numbers) :])
    headers, body = read_headers(rest)
    chunks = [body[start : start + size] for start in range(0, len(body), size)] if size else [body]
    return MemoryReply(min(max(status, 200), 599), headers, chunks)


def build_handler(backend: Backend) -> HttpHandler:
    """Build a handler that retries once."""
    return HttpHandler(
        backend=backend,
        timeouts=Timeouts(),
        retry=Retry(attempts=2),
        max_response_bytes=100_000,
        has_listener=True,
    )


def run_effects(program: Any, replies: Iterator[MemoryReply]) -> tuple[Any, list[Any]]:
    """Run a program to its end; return its value, and what it emitted or notified."""
    now, answer, seen = 0.0, None, []
    for _ in range(_MAX_EFFECTS):
        try:
            effect = program.send(answer)
        except StopIteration as end:
            return end.value, seen
        match effect:
            case GetTime():
                answer = now
            case Sleep(seconds=seconds):
                assert seconds >= 0, seconds
                now, answer = now + min(seconds, 1e6), None
            case _:
                answer = _answer_effect(effect, replies, seen)
    raise AssertionError("the program does not end")


def _answer_effect(effect: Any, replies: Iterator[MemoryReply], seen: list[Any]) -> Any:
    match effect:
        case GetRandom():
            return 0.5
        case GetToken():
            return Credential("", Secret((("authorization", f"Bearer {KEY}"),)), "p")
        case SendRequest():
            return next(replies, None) or EffectFailed(Disconnected("reading", "no more replies"))
        case ReadChunk(response=response):
            return response.chunks.pop(0) if response.chunks else b""
        case RunAll(programs=programs):
            return tuple(run_effects(each, replies)[0] for each in programs)
        case CallFunction(function=function, args=args, kwargs=kwargs):
            return function(*args, **kwargs)
        case GetFileSize():
            return 10
        case ReadFileSlice(size=size):
            return b"x" * min(size, 10)
        case _:
            seen.append(effect.item if isinstance(effect, Emit) else getattr(effect, "event", None))
            return None
