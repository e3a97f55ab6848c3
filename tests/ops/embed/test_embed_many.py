"""Vectors for any number of texts: as conversations, over sockets in every world, and a hundred thousand in memory."""

import pickle
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import httpcore
import msgspec
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from genai_fn import (
    AsyncOnly,
    Closed,
    CountMismatch,
    Failure,
    Gemini,
    InvalidRequest,
    Success,
    Vertex,
    collected,
    embed,
    embed_many,
)
from genai_fn.effects import Ask
from genai_fn.engine.handler import HttpHandler
from genai_fn.engine.program import build_program
from genai_fn.errors import ClientError, RateLimited, ServerError, Unsupported
from genai_fn.http import HttpRequest
from genai_fn.interpreters.async_runner import AsyncItems
from genai_fn.interpreters.executors import async_executor, sync_executor
from genai_fn.interpreters.sync_runner import Items
from genai_fn.ops.embed.many import embed_batch
from genai_fn.request import is_spawning, start_generator
from genai_fn.schema import Content, ContentEmbedding, EmbedContentConfig, EmbedContentResponse, Part
from tests.support.credentials import FakeCredentials
from tests.support.interpreter_kinds import Faced, World, gemini
from tests.support.loopback import Answer, Hang, Loopback, Received, json_reply
from tests.support.scripted_effects import perform

PLAIN = EmbedContentConfig()


def vectors(*numbers: float) -> EmbedContentResponse:
    """Write an answer of short vectors."""
    return EmbedContentResponse(embeddings=tuple(ContentEmbedding(values=(each,)) for each in numbers))


def vector(number: float) -> Any:
    return Success(ContentEmbedding(values=(number,)))


# Conversations


def batch(texts: str, *answers: Any) -> Any:
    """Hear how the embedding of a batch goes: each letter is a text; answers are to what is asked, in order."""
    script = [(Ask(embed("m", list(asked))), answer) for asked, answer in answers]
    return perform(start_generator(embed_batch("m", tuple(texts), PLAIN)), script).unwrap()


REFUSED = Failure[Any](ClientError(400, "INVALID_ARGUMENT", "no"))


def test_batch() -> None:
    """A batch is one request."""
    assert batch("ab", ("ab", Success(vectors(1, 2)))) == (vector(1), vector(2))


def test_refused_batch() -> None:
    """What is refused is halved until the bad text fails alone."""
    assert batch("a", ("a", REFUSED)) == (REFUSED,)
    told = batch(
        "abcde",
        ("abcde", REFUSED),
        ("ab", Success(vectors(1, 2))),
        ("cde", REFUSED),
        ("c", Success(vectors(3))),
        ("de", REFUSED),
        ("d", REFUSED),
        ("e", Success(vectors(5))),
    )
    assert told == (vector(1), vector(2), vector(3), REFUSED, vector(5))


@pytest.mark.parametrize(
    "error",
    (
        ServerError(503),
        RateLimited(429),
        ClientError(403),
        ClientError(404, "NOT_FOUND"),
        ClientError(400, "FAILED_PRECONDITION"),
        ClientError(400, "INVALID_ARGUMENT", "", ({"reason": "API_KEY_INVALID"},)),
        CountMismatch(2, 1),
        Closed(),
    ),
)
def test_failed_batch(error: Any) -> None:
    """What is no text's fault is not tried in pieces, and is the result of each."""
    assert batch("ab", ("ab", Failure(error))) == (Failure(error), Failure(error))


@pytest.mark.parametrize("error", (ClientError(400), ClientError(413), Unsupported("Vertex AI", ("contents[1]",))))
def test_what_may_be_of_one(error: Any) -> None:
    """Too large, not on this backend, or simply bad: the other text may be none of it."""
    told = batch("ab", ("ab", Failure(error)), ("a", Success(vectors(1))), ("b", Failure(error)))
    assert told == (vector(1), Failure(error))


def test_misfit_in_a_batch() -> None:
    """A value that is no text fails alone, too, with nothing sent for it."""
    script: list[tuple[Any, Any]] = [(Ask(embed("m", ["a"])), Success(vectors(1)))]
    first, second = perform(start_generator(embed_batch("m", ("a", 5), PLAIN)), script).unwrap()
    assert first == vector(1)
    assert isinstance(second.failure(), InvalidRequest)
    assert second.failure().value == 5


# Shape


@pytest.mark.parametrize("name", ("batch_size", "concurrency"))
@pytest.mark.parametrize("number", (0, -1, 1.5, True, None, "8"))
def test_bad_numbers(name: str, number: Any) -> None:
    """At least one in a batch, at least one at once."""
    with pytest.raises(InvalidRequest, match=name):
        embed_many("m", [], **{name: number})


@pytest.mark.parametrize("texts", ("a text", b"bytes", {"text": "x"}, None, 5, Part(text="x"), ["a", 5], ["a", None]))
def test_bad_texts(texts: Any) -> None:
    """One text is no iterable of texts, and what is all there is looked through at once."""
    with pytest.raises(InvalidRequest):
        embed_many("m", texts)


def test_bad_model_and_config() -> None:
    """A wrong model name or field is a mistake where it is written."""
    with pytest.raises(InvalidRequest, match="model"):
        embed_many("", ["a"])
    with pytest.raises(InvalidRequest, match="dimension"):
        embed_many("m", ["a"], {"dimension": 5})


def test_values() -> None:
    """Of a list, the stream is a value: the list and what is in it may change, the stream does not."""
    inner: Any = {"text": "b"}
    texts = ["a", inner]
    many = embed_many("m", texts, {"output_dimensionality": 3})
    texts.append("c")
    inner["text"] = "d"
    assert (
        pickle.loads(pickle.dumps(many)) == many == embed_many("m", ["a", {"text": "b"}], {"outputDimensionality": 3})
    )


# In every world


def texts_of(received: Received) -> list[str]:
    """Read the texts that are to be embedded."""
    body = msgspec.json.decode(received.body)
    if "instances" in body:
        return [each["content"] for each in body["instances"]]
    return [each["content"]["parts"][0]["text"] for each in body["requests"]]


def answering(received: Received) -> Answer:
    """Answer as both backends do: the length of each text; a text `bad` spoils its request, `few` cuts it short."""
    texts = texts_of(received)
    if "bad" in texts:
        return json_reply({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}, 400)
    if "hang" in texts:
        return Hang()
    values = [[len(each)] for each in texts][: -1 if "few" in texts else None]
    if received.target.endswith(":predict"):
        return json_reply({"predictions": [{"embeddings": {"values": each}} for each in values]})
    return json_reply({"embeddings": [{"values": each} for each in values]})


class Later:
    """Texts that come one by one, to be awaited."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = iter(texts)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        await checkpoint()
        for text in self._texts:
            return text
        raise StopAsyncIteration


def lengths(results: list[Any]) -> list[Any]:
    """Show good results by their one value, bad ones by their kind."""
    return [type(each.failure()) if isinstance(each, Failure) else each.unwrap().values[0] for each in results]


TEXTS = ["x" * number for number in range(1, 26)]


def test_all(world: World) -> None:
    """One vector for each text, in order, of any iterable, in as many requests as there are batches."""
    makers: list[Callable[[list[str]], Any]] = [list, tuple, iter, *([] if world.is_sync else [Later])]
    for make in makers:
        with Loopback(answering) as server:
            many = embed_many("m", make(TEXTS), batch_size=10, concurrency=2)
            assert lengths(world.items(gemini(server.url), many)) == list(range(1, 26))
            assert sorted(len(texts_of(each)) for each in server.requests) == [5, 10, 10]


def test_one_call(world: World) -> None:
    """As one action it is all vectors, or the first failure."""
    with Loopback(answering) as server:
        whole = world.run(gemini(server.url), embed_many("m", ["a", "bc"]) | collected)
        assert [each.values for each in whole.unwrap()] == [(1.0,), (2.0,)]
        assert world.run(gemini(server.url), embed_many("m", ["a", "bad"]) | collected).failure().code == 400


@pytest.mark.parametrize("count", (0, 1, 100, 101, 250))
def test_counts(world: World, count: int) -> None:
    """A hundred go in one request; of none there is none."""
    with Loopback(answering) as server:
        assert lengths(world.items(gemini(server.url), embed_many("m", ["ab"] * count))) == [2.0] * count
        assert len(server.requests) == -(-count // 100)


@pytest.mark.parametrize("is_vertex", (False, True))
def test_bad_ones(world: World, is_vertex: bool) -> None:
    """A bad text fails alone, a short answer fails its batch, and all others have their vectors: on both backends."""
    texts = ["a", "bad", "abc", "abcd", "few", "a", "ab", "abc"]
    with Loopback(answering) as server:
        backend = (
            Vertex("p", "l", credentials=FakeCredentials("test-token"), base_url=server.url)
            if is_vertex
            else gemini(server.url)
        )
        told = lengths(world.items(backend, embed_many("m", texts, batch_size=4)))
        assert told == [1.0, ClientError, 3.0, 4.0, *([CountMismatch] * 4)]


def test_more_than_text_on_vertex(world: World) -> None:
    """What Vertex has no vectors of fails alone, by name."""
    picture = Content(parts=(Part(text="a"), Part(text="b")), role="user")
    with Loopback(answering) as server:
        backend = Vertex("p", "l", credentials=FakeCredentials("test-token"), base_url=server.url)
        told = lengths(world.items(backend, embed_many("m", ["a", picture, "abc"])))
        assert told == [1.0, Unsupported, 3.0]


def test_misfit(world: World) -> None:
    """What a generator gives beside texts fails alone, and takes nothing with it."""
    with Loopback(answering) as server:
        odd: Any = iter(["a", 5, "abc", None])
        assert lengths(world.items(gemini(server.url), embed_many("m", odd))) == [
            1.0,
            InvalidRequest,
            3.0,
            InvalidRequest,
        ]


def test_async_texts_in_sync() -> None:
    """Async iterables are for async worlds, which is a failure, and no exception."""
    (told,) = World("sync", httpcore).items(gemini("http://127.0.0.1:1"), embed_many("m", Later(["a"])))
    assert isinstance(told.failure(), AsyncOnly)


def test_lazy(world: World) -> None:
    """Of endless texts no more are taken than the batches under way hold; leaving early leaves nothing."""
    pulled = 0

    def endless() -> Iterator[str]:
        nonlocal pulled
        while True:
            pulled += 1
            yield "ab"

    with Loopback(answering) as server:

        async def body(run: Faced) -> None:
            async with run.stream(embed_many("m", endless(), batch_size=5, concurrency=2)) as items:
                for _ in range(12):
                    assert (await anext(items)).unwrap().values == (2.0,)
            assert pulled <= 15 + 2 * 2 * 5

        world.within(gemini(server.url), body)
        server.wait_rest(0)


def test_closed_from_elsewhere(world: World) -> None:
    """Closing from another thread or task ends it with a failure, and no exception."""
    with Loopback(answering) as server:

        async def body(run: Faced) -> None:
            async with run.stream(embed_many("m", ["hang"] * 4, batch_size=1, concurrency=2)) as items:

                async def close() -> None:
                    await run.see(server.wait_requests, 2)
                    items.close()

                async def read() -> list[Any]:
                    return [each async for each in items]

                told, _ = await run.at_once(read, close)
            assert {type(each.failure()) for each in told} == {Closed}

        world.within(gemini(server.url), body)
        server.wait_rest(0)


# In memory


class Lanes:
    """A network that is none: it answers with the length of each text."""

    def __init__(self) -> None:
        self.count = 0

    def send(self, request: HttpRequest, **limits: Any) -> "Opened":
        self.count += 1
        asked = msgspec.json.decode(request.body or b"", type=_Asked)
        values = [{"values": [len(each.content.parts[0].text)]} for each in asked.requests]
        return Opened(msgspec.json.encode({"embeddings": values}))


class _Part(msgspec.Struct):
    text: str


class _Content(msgspec.Struct):
    parts: list[_Part]


class _One(msgspec.Struct):
    content: _Content


class _Asked(msgspec.Struct):
    requests: list[_One]


class Opened:
    """An answer that is there at once."""

    status = 200
    headers = ()

    def __init__(self, body: bytes) -> None:
        self._rest = body

    def read(self, *limits: Any) -> bytes:
        piece, self._rest = self._rest, b""
        return piece

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class AsyncLanes:
    """The same, awaited."""

    def __init__(self) -> None:
        self._lanes = Lanes()

    async def send(self, request: HttpRequest, **limits: Any) -> "AsyncOpened":
        await checkpoint()
        return AsyncOpened(self._lanes.send(request))


class AsyncOpened:
    """The same, awaited."""

    status = 200
    headers = ()

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def read(self, *limits: Any) -> bytes:
        await checkpoint()
        return self._opened.read()

    def abort(self) -> None:
        """Do nothing: there is no socket."""

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


HANDLER = HttpHandler(backend=Gemini("test-key"))


def read_in_sync(stream: Any, take: Callable[[Any], object]) -> None:
    with Items(build_program(stream, HANDLER), sync_executor.SyncExecutor(Lanes(), None, None)) as items:
        for item in items:
            take(item)


def read_in_async(stream: Any, take: Callable[[Any], object]) -> None:
    async def body() -> None:
        lanes: Any = AsyncLanes()
        executor = async_executor.AsyncExecutor(lanes, None, None)
        async with AsyncItems(build_program(stream, HANDLER), executor, starts_actions=is_spawning(stream)) as items:
            async for item in items:
                take(item)

    anyio.run(body, backend="asyncio")


@given(count=st.integers(0, 60), batch_size=st.integers(1, 20), concurrency=st.integers(1, 5))
def test_one_for_each(count: int, batch_size: int, concurrency: int) -> None:
    """Whatever the sizes, each text has its own vector, in order."""
    told: list[float] = []
    texts = ("x" * number for number in range(count))
    many = embed_many("m", texts, batch_size=batch_size, concurrency=concurrency)
    read_in_sync(many, lambda item: told.append(item.unwrap().values[0]))
    assert told == list(range(count))


@pytest.mark.parametrize("read", (read_in_sync, read_in_async))
def test_flat_memory(read: Callable[[Any, Callable[[Any], object]], None]) -> None:
    """A hundred thousand texts take no more memory than a few thousand do: that of the batches under way."""

    def peak(count: int) -> tuple[int, int]:
        good = 0

        def take(item: Any) -> None:
            nonlocal good
            good += item.unwrap().values == (5.0,)

        tracemalloc.start()
        try:
            read(embed_many("m", (f"{number % 100_000:05}" for number in range(count)), concurrency=4), take)
            return good, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    read(embed_many("m", ["12345"]), lambda _: None)  # what is loaded once
    few, least = peak(4_000)
    many, most = peak(100_000)
    assert (few, many) == (4_000, 100_000)
    assert most < least + 5_000_000  # to hold them all takes some twenty million
