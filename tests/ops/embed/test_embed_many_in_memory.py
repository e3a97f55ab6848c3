"""`embed_many` without sockets: any texts and failures, both backends offline, and 30,000 texts in flat memory."""

import tracemalloc
from collections.abc import Callable
from typing import Any, Literal

import anyio
import msgspec
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings, strategies as st

from genai_fn import CountMismatch, Failure, Gemini, Offline, Success, Vertex, embed_many
from genai_fn.engine.handler import HttpHandler
from genai_fn.engine.program import build_program
from genai_fn.errors import ClientError, ServerError
from genai_fn.interpreters.async_runner import AsyncItems
from genai_fn.interpreters.executors import async_executor, sync_executor
from genai_fn.interpreters.sync_runner import Items
from genai_fn.request import is_spawning
from genai_fn.schema import ContentEmbedding, EmbedContentResponse
from genai_fn.testing import Fake

# By fakes


def build_vectors(*numbers: float) -> EmbedContentResponse:
    """Build a response with short vectors."""
    return EmbedContentResponse(embeddings=tuple(ContentEmbedding(values=(each,)) for each in numbers))


REFUSAL = ClientError(400, "INVALID_ARGUMENT", "no")

PROBLEMS = {"refused": REFUSAL, "poison": ServerError(503), "few": CountMismatch(1, 0)}
"""Texts that fail their batch; of several in one batch, the first of these decides."""


def answer_by_content(request: Any) -> Any:
    """Answer a batch with the length of each text, unless one of them is a problem."""
    texts = [each.parts[0].text for each in request.operation.contents]
    problem = next((each for each in PROBLEMS if each in texts), None)
    if problem == "few":
        return build_vectors(*range(len(texts) - 1))
    return build_vectors(*map(len, texts)) if problem is None else PROBLEMS[problem]


def read_from_fake(kind: str, stream: Any) -> list[Any]:
    run = Fake({"embed": answer_by_content})
    if kind == "sync":
        return list(run.stream(stream))

    async def body() -> list[Any]:
        async with run.aio.stream(stream) as items:
            return [each async for each in items]

    return anyio.run(body, backend=kind)


@pytest.mark.parametrize("kind", ("sync", "asyncio", "trio"))
@given(
    texts=st.lists(st.text(min_size=1, max_size=5) | st.sampled_from(sorted(PROBLEMS)), max_size=30),
    batch_size=st.integers(1, 8),
    concurrency=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_one_result_for_each(kind: str, texts: list[str], batch_size: int, concurrency: int) -> None:
    """Whatever fails and wherever: each text has one result, in order, and exactly the refused ones are refused."""
    stream = embed_many("m", iter(texts), batch_size=batch_size, concurrency=concurrency)
    results = read_from_fake(kind, stream)
    assert len(results) == len(texts)
    for index, (text, result) in enumerate(zip(texts, results, strict=True)):
        if not isinstance(result, Failure):
            assert text not in PROBLEMS
            assert result == Success(ContentEmbedding(values=(len(text),)))
            continue
        failure = result.failure()
        assert (failure.index, failure.text) == (index, text)
        assert (failure.error == REFUSAL) == (text == "refused")
        near = texts[max(0, index - batch_size + 1) : index + batch_size]
        assert failure.error == REFUSAL or type(failure.error) in {
            type(PROBLEMS[each]) for each in PROBLEMS if each in near
        }


@pytest.mark.parametrize("output", ("tuples", "numpy"))
def test_offline(output: Literal["tuples", "numpy"]) -> None:
    """Without a network: batches by the model, an empty text alone fails, in each form of the vectors."""
    texts = [f"text {number}" for number in range(300)]
    texts[270] = ""
    for backend, model in ((Gemini("k"), "m"), (Vertex("p", "l"), "m"), (Vertex("p", "l"), "gemini-embedding-001")):
        stream = embed_many(model, texts, {"output_dimensionality": 4}, output=output)
        results = list(Offline(backend).stream(stream))
        assert [len(each.unwrap().values) for each in results if not isinstance(each, Failure)] == [4] * 299
        assert results[270].failure().text == ""


# By the real engine, over a transport in memory


class LengthTransport:
    """A transport without a network: it responds with the length of each text."""

    def __init__(self) -> None:
        self.count = 0

    def send(self, request: Any, *cancel_handle: object) -> "LengthResponse":
        self.count += 1
        batch = msgspec.json.decode(request.request.body or b"", type=_BatchEmbedRequest)
        values = [{"values": [len(each.content.parts[0].text)]} for each in batch.requests]
        return LengthResponse(msgspec.json.encode({"embeddings": values}))


class _Part(msgspec.Struct):
    text: str


class _Content(msgspec.Struct):
    parts: list[_Part]


class _EmbedRequest(msgspec.Struct):
    content: _Content


class _BatchEmbedRequest(msgspec.Struct):
    requests: list[_EmbedRequest]


class LengthResponse:
    """A response that is available at once."""

    status = 200
    headers = ()

    def __init__(self, body: bytes) -> None:
        self._unread = body

    def read(self, *limits: Any) -> bytes:
        chunk, self._unread = self._unread, b""
        return chunk

    def close(self) -> None:
        """Do nothing."""


class AsyncLengthTransport:
    """The async transport."""

    def __init__(self) -> None:
        self._transport = LengthTransport()

    async def send(self, request: Any) -> "AsyncLengthResponse":
        await checkpoint()
        return AsyncLengthResponse(self._transport.send(request))


class AsyncLengthResponse:
    """The async response."""

    status = 200
    headers = ()

    def __init__(self, response: LengthResponse) -> None:
        self._response = response

    async def read(self, *limits: Any) -> bytes:
        await checkpoint()
        return self._response.read()

    def abort(self) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""


HANDLER = HttpHandler(backend=Gemini("test-key"))


def read_in_sync(stream: Any, consume: Callable[[Any], object]) -> None:
    with Items(build_program(stream, HANDLER), sync_executor.SyncExecutor(LengthTransport(), None, None)) as items:
        for item in items:
            consume(item)


def read_in_async(stream: Any, consume: Callable[[Any], object]) -> None:
    async def body() -> None:
        transport: Any = AsyncLengthTransport()
        executor = async_executor.AsyncExecutor(transport, None, None)
        async with AsyncItems(build_program(stream, HANDLER), executor, starts_actions=is_spawning(stream)) as items:
            async for item in items:
                consume(item)

    anyio.run(body, backend="asyncio")


@given(count=st.integers(0, 60), batch_size=st.integers(1, 20), concurrency=st.integers(1, 5))
def test_one_for_each(count: int, batch_size: int, concurrency: int) -> None:
    """For any batch sizes, each text has its own vector, in order."""
    outcome: list[float] = []
    texts = ("x" * number for number in range(count))
    stream = embed_many("m", texts, batch_size=batch_size, concurrency=concurrency)
    read_in_sync(stream, lambda item: outcome.append(item.unwrap().values[0]))
    assert outcome == list(range(count))


@pytest.mark.parametrize("read", (read_in_sync, read_in_async))
def test_flat_memory(read: Callable[[Any, Callable[[Any], object]], None]) -> None:
    """30,000 texts need no more memory than a few thousand: only the running batches are in memory."""

    def measure_peak(count: int) -> tuple[int, int]:
        good_count = 0

        def consume(item: Any) -> None:
            nonlocal good_count
            good_count += item.unwrap().values == (5.0,)

        tracemalloc.start()
        try:
            read(embed_many("m", (f"{number:05}" for number in range(count)), concurrency=4), consume)
            return good_count, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    read(embed_many("m", ["12345"]), lambda _: None)  # load what is loaded only once
    small_count, small_peak = measure_peak(4_000)
    large_count, large_peak = measure_peak(30_000)
    assert (small_count, large_count) == (4_000, 30_000)
    assert large_peak < small_peak + 1_500_000  # all results together take about 6 MB
