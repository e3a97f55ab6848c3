"""No response raises an exception in a call or a stream, whatever its bytes, in sync and async."""

import asyncio
import gzip
import itertools
import json
from typing import Any

import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings, strategies as st
from returns.result import Failure, Success

from genai_fn import Gemini, Retry, collected, generate, joined, streamed, text
from genai_fn.engine.handler import HttpHandler
from genai_fn.engine.program import build_program
from genai_fn.engine.stepper import arun_program, run_program
from genai_fn.errors import GenaiError
from genai_fn.http import Headers
from genai_fn.interpreters.async_runner import AsyncItems
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.sync_runner import Items
from genai_fn.schema import GenerateContentResponse

ASKED = generate("m", "hi")
PIECES = ASKED | streamed
ACTIONS = (ASKED, ASKED | text, PIECES | collected, PIECES | joined, PIECES | text | joined)


class Opened:
    """An answer in memory."""

    def __init__(self, status: int, headers: Headers, pieces: list[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.pieces = [*filter(None, pieces)]

    def read(self, deadline: float, phase: Any) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        self.pieces.clear()


class AsyncOpened(Opened):
    """The same, to be awaited."""

    async def read(self, deadline: float, phase: Any) -> bytes:  # type: ignore[override]  # awaited
        await checkpoint()
        return super().read(deadline, phase)

    async def aclose(self) -> None:
        self.close()

    abort = Opened.close


class Lanes:
    """Connections on which every request gets the same answer."""

    def __init__(self, *answer: Any) -> None:
        self.answer = answer

    def send(self, request: object, **limits: Any) -> Opened:
        return Opened(*self.answer)


class AsyncLanes(Lanes):
    """The same, to be awaited."""

    async def send(self, request: object, **limits: Any) -> AsyncOpened:  # type: ignore[override]  # awaited
        return AsyncOpened(*self.answer)


HANDLER = HttpHandler(backend=Gemini("test-key"), retry=Retry(attempts=1), max_response_bytes=10_000)


def results(*answer: Any) -> list[Any]:
    """Run all actions against an answer, and read it as a stream."""
    ran = [
        run_program(build_program(action, HANDLER), SyncExecutor(Lanes(*answer), None, None).perform)
        for action in ACTIONS
    ]  # type: ignore[arg-type]  # of several types
    return [*ran, *Items(build_program(PIECES, HANDLER), SyncExecutor(Lanes(*answer), None, None))]


async def async_results(*answer: Any) -> list[Any]:
    """Do the same in tasks."""
    ran = [
        await arun_program(build_program(action, HANDLER), AsyncExecutor(AsyncLanes(*answer), None, None).perform)
        for action in ACTIONS
    ]  # type: ignore[arg-type]  # of several types, on lanes that never close
    return [
        *ran,
        *[
            item
            async for item in AsyncItems(build_program(PIECES, HANDLER), AsyncExecutor(AsyncLanes(*answer), None, None))
        ],
    ]  # type: ignore[arg-type]  # they never close


def are_ours(them: list[Any]) -> bool:
    """Tell whether they are all results, with nobody else's errors among them, and can be shown."""
    errors = [each.failure() for each in them if isinstance(each, Failure)]
    return all(isinstance(each, Success | Failure) and repr(each) for each in them) and all(
        isinstance(each, GenaiError) for each in errors
    )


WORDS = [
    "candidates",
    "content",
    "parts",
    "text",
    "error",
    "code",
    "message",
    "status",
    "details",
    "usageMetadata",
    "index",
    "retryDelay",
    "@type",
]
WORDS += [
    "inlineData",
    "data",
    "functionCall",
    "args",
    "finishReason",
    "thoughtSignature",
    "createTime",
    "promptFeedback",
    "safetyRatings",
]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)

BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda written: written.encode("utf-8", "surrogatepass")),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.lists(JSON, max_size=3).map(
        lambda values: b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
    ),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["content-encoding", "retry-after", "retry-after-ms", "date", "content-type", "x"]),
        st.text(max_size=20) | st.sampled_from(["gzip", "1", "Sun, 06 Nov 1994 08:49:37 GMT"]),
    ),
    max_size=3,
).map(tuple)


def split(body: bytes, places: list[int]) -> list[bytes]:
    """Cut a body into pieces."""
    marks = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(marks)]


@settings(deadline=None)
@given(
    st.sampled_from([200, 204, 299, 302, 400, 429, 500, 503]) | st.integers(200, 999),
    HEADERS,
    BODIES,
    st.booleans(),
    st.lists(st.integers(0, 200), max_size=5),
)
def test_any_answer(status: int, headers: Headers, body: bytes, packed: bool, places: list[int]) -> None:
    """Any status, headers and body, in any chunks, compressed or not, gives results, and the same in sync and async."""
    if packed:
        headers, body = (("content-encoding", "gzip"), *headers), gzip.compress(body)
    answer = (status, headers, split(body, places))
    sync = results(*answer)
    assert are_ours(sync)
    assert repr(asyncio.run(async_results(*answer))) == repr(sync)


DEEP = ("[" * 50_000, '{"a":' * 50_000, '{"candidates":' * 50_000, '{"error":{"details":' + "[" * 50_000)


@pytest.mark.parametrize("status", (200, 503))
@pytest.mark.parametrize(
    "body",
    [
        *(text.encode() for text in DEEP),
        b'data: {"error": {"code": 1e999}}\n\n',
        b'{"error": {"code": 99999999999999999999}}',
    ],
    ids=range(6),
)
def test_hard_answers(status: int, body: bytes) -> None:
    """Deeply nested JSON and huge numbers are Failures."""
    them = results(status, (), [body])
    assert are_ours(them)
    assert not any(isinstance(each, Success) for each in them)


@given(JSON)
@settings(deadline=None)
def test_any_candidates(value: Any) -> None:
    """Any JSON in place of the parts of a response is a Failure, or a response whose properties can be read."""
    for tree in (
        {"candidates": value},
        {"candidates": [{"content": value}]},
        {"candidates": [{"content": {"parts": [value]}}]},
        {"error": value},
    ):
        for result in results(200, (), [json.dumps(tree).encode()]):
            value = result.unwrap() if isinstance(result, Success) else None
            if isinstance(value, GenerateContentResponse):
                assert repr(
                    (value.text, value.parts, value.function_calls, value.executable_code, value.code_execution_result)
                )
