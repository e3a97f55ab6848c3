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

REQUEST = generate("m", "hi")
STREAM = REQUEST | streamed
ACTIONS = (REQUEST, REQUEST | text, STREAM | collected, STREAM | joined, STREAM | text | joined)


class FakeResponse:
    """A response in memory."""

    def __init__(self, status: int, headers: Headers, chunks: list[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.chunks = [*filter(None, chunks)]

    def read(self, deadline: float, phase: Any) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""

    def close(self) -> None:
        self.chunks.clear()


class AsyncFakeResponse(FakeResponse):
    """A response in memory whose methods are awaited."""

    async def read(self, deadline: float, phase: Any) -> bytes:  # type: ignore[override]  # awaited
        await checkpoint()
        return super().read(deadline, phase)

    async def aclose(self) -> None:
        self.close()

    abort = FakeResponse.close


class FakePool:
    """A connection pool that returns the same response to every request."""

    def __init__(self, *response: Any) -> None:
        self.response = response

    def send(self, request: object, *cancel_handle: object) -> FakeResponse:
        return FakeResponse(*self.response)


class AsyncFakePool(FakePool):
    """A connection pool whose methods are awaited."""

    async def send(self, request: object, *cancel_handle: object) -> AsyncFakeResponse:  # type: ignore[override]  # awaited
        return AsyncFakeResponse(*self.response)


HANDLER = HttpHandler(backend=Gemini("test-key"), retry=Retry(attempts=1), max_response_bytes=10_000)


def run_all(*response: Any) -> list[Any]:
    """Run all actions against a response, and read it as a stream."""
    results = [
        run_program(build_program(action, HANDLER), SyncExecutor(FakePool(*response), None, None).perform)
        for action in ACTIONS
    ]  # type: ignore[arg-type]  # of several types
    return [*results, *Items(build_program(STREAM, HANDLER), SyncExecutor(FakePool(*response), None, None))]


async def run_all_async(*response: Any) -> list[Any]:
    """Run all actions with the async executor."""
    results = [
        await arun_program(build_program(action, HANDLER), AsyncExecutor(AsyncFakePool(*response), None, None).perform)
        for action in ACTIONS
    ]  # type: ignore[arg-type]  # of several types; the pool has no aclose
    return [
        *results,
        *[
            item
            async for item in AsyncItems(
                build_program(STREAM, HANDLER), AsyncExecutor(AsyncFakePool(*response), None, None)
            )
        ],
    ]  # type: ignore[arg-type]  # the pool has no aclose


def are_results(results: list[Any]) -> bool:
    """Return whether all values are results with a repr, and all errors are of this library."""
    errors = [each.failure() for each in results if isinstance(each, Failure)]
    return all(isinstance(each, Success | Failure) and repr(each) for each in results) and all(
        isinstance(each, GenaiError) for each in errors
    )


FIELD_NAMES = [
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
FIELD_NAMES += [
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
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(FIELD_NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)

BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
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


def split_body(body: bytes, offsets: list[int]) -> list[bytes]:
    """Split a body into chunks."""
    ends = [0, *sorted(min(place, len(body)) for place in offsets), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(ends)]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([200, 204, 299, 302, 400, 429, 500, 503]) | st.integers(200, 999),
    HEADERS,
    BODIES,
    st.booleans(),
    st.lists(st.integers(0, 200), max_size=5),
)
def test_any_response(status: int, headers: Headers, body: bytes, is_compressed: bool, offsets: list[int]) -> None:
    """Any status, headers and body, in any chunks, compressed or not, gives results, and the same in sync and async."""
    if is_compressed:
        headers, body = (("content-encoding", "gzip"), *headers), gzip.compress(body)
    response = (status, headers, split_body(body, offsets))
    sync_results = run_all(*response)
    assert are_results(sync_results)
    assert repr(asyncio.run(run_all_async(*response))) == repr(sync_results)


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
def test_hard_responses(status: int, body: bytes) -> None:
    """Deeply nested JSON and huge numbers are Failures."""
    results = run_all(status, (), [body])
    assert are_results(results)
    assert not any(isinstance(each, Success) for each in results)


@given(JSON)
@settings(deadline=None)
def test_any_candidates(value: Any) -> None:
    """Any JSON in place of the parts of a response is a Failure, or a response whose properties can be read."""
    for body in (
        {"candidates": value},
        {"candidates": [{"content": value}]},
        {"candidates": [{"content": {"parts": [value]}}]},
        {"error": value},
    ):
        for result in run_all(200, (), [json.dumps(body).encode()]):
            value = result.unwrap() if isinstance(result, Success) else None
            if isinstance(value, GenerateContentResponse):
                assert repr(
                    (value.text, value.parts, value.function_calls, value.executable_code, value.code_execution_result)
                )
