"""`embed_many`: as scripted conversations, and over sockets with every interpreter."""

import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpcore
import msgspec
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import (
    AsyncOnly,
    AuthError,
    Closed,
    CountMismatch,
    EmbeddingFailed,
    Failure,
    InvalidRequest,
    Success,
    Vertex,
    collected,
    embed,
    embed_many,
)
from genai_fn.effects import Ask
from genai_fn.errors import ClientError, GenaiError, RateLimited, ServerError, Unsupported
from genai_fn.ops.embed.many import EmbeddingBatch, StopOnFailure, embed_batch
from genai_fn.request import start_generator
from genai_fn.schema import Content, ContentEmbedding, EmbedContentResponse, Part
from tests.support.credentials import FakeCredentials
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, make_gemini
from tests.support.loopback import Answer, Hang, Loopback, ReceivedRequest, build_json_reply
from tests.support.scripted_effects import run_by_script


def build_vectors(*numbers: float) -> EmbedContentResponse:
    """Build a response with short vectors."""
    return EmbedContentResponse(embeddings=tuple(ContentEmbedding(values=(each,)) for each in numbers))


def build_vector(number: float) -> Any:
    return Success(ContentEmbedding(values=(number,)))


# Conversations


def run_batch(texts: str, *answers: Any, stop_on_failure: StopOnFailure = False) -> Any:
    """Run a batch by a script: each letter is a text; responses are for the requests in order. It starts at text 7."""
    script = [(Ask(embed("m", list(batch))), answer) for batch, answer in answers]
    batch = EmbeddingBatch("m", stop_on_failure=stop_on_failure, start=7, texts=tuple(texts))
    return run_by_script(start_generator(embed_batch(batch)), script).unwrap()


def build_failure(index: int, text: Any, error: GenaiError) -> Any:
    return Failure(EmbeddingFailed(index, text, error))


REFUSAL = ClientError(400, "INVALID_ARGUMENT", "no")
REFUSED = Failure[Any](REFUSAL)


def test_batch() -> None:
    """A batch is one request."""
    assert run_batch("ab", ("ab", Success(build_vectors(1, 2)))) == (build_vector(1), build_vector(2))


def test_refused_batch() -> None:
    """A rejected batch is split in half until the offending text fails alone, with its index."""
    assert run_batch("a", ("a", REFUSED)) == (build_failure(7, "a", REFUSAL),)
    outcome = run_batch(
        "abcde",
        ("abcde", REFUSED),
        ("ab", Success(build_vectors(1, 2))),
        ("cde", REFUSED),
        ("c", Success(build_vectors(3))),
        ("de", REFUSED),
        ("d", REFUSED),
        ("e", Success(build_vectors(5))),
    )
    assert outcome == (
        build_vector(1),
        build_vector(2),
        build_vector(3),
        build_failure(10, "d", REFUSAL),
        build_vector(5),
    )


FATAL_ERRORS = (
    ClientError(401, "UNAUTHENTICATED"),
    ClientError(403),
    ClientError(404, "NOT_FOUND"),
    ClientError(400, "FAILED_PRECONDITION"),
    ClientError(400, "INVALID_ARGUMENT", "", ({"reason": "API_KEY_INVALID"},)),
    RateLimited(429, "RESOURCE_EXHAUSTED", "limit: 0, model: m"),
    Unsupported("Vertex AI", ("config.mime_type",)),
    AuthError("no key"),
    Closed(),
)


@pytest.mark.parametrize("error", (*FATAL_ERRORS, ServerError(503), RateLimited(429), CountMismatch(2, 1)))
def test_failed_batch(error: Any) -> None:
    """An error that no text causes is not retried, and is the error of each text."""
    outcome = run_batch("ab", ("ab", Failure(error)))
    assert outcome == (build_failure(7, "a", error), build_failure(8, "b", error))


@pytest.mark.parametrize("error", FATAL_ERRORS)
def test_stopped_batch(error: Any) -> None:
    """An error that all texts would meet is a single failure, also in a half of a rejected batch."""
    assert run_batch("ab", ("ab", Failure(error)), stop_on_failure="fatal") == (build_failure(7, "a", error),)
    outcome = run_batch("abc", ("abc", REFUSED), ("a", REFUSED), ("bc", Failure(error)), stop_on_failure="fatal")
    assert outcome == (build_failure(7, "a", REFUSAL), build_failure(8, "b", error))


def test_batch_stopped_by_any_failure() -> None:
    """With True, nothing is sent after the first failure."""
    script = (("abcd", REFUSED), ("ab", REFUSED), ("a", Success(build_vectors(1))), ("b", REFUSED))
    assert run_batch("abcd", *script, stop_on_failure=True) == (build_vector(1), build_failure(8, "b", REFUSAL))
    error = ServerError(503)
    assert run_batch("ab", ("ab", Failure(error)), stop_on_failure=True) == (build_failure(7, "a", error),)


@pytest.mark.parametrize("error", (ClientError(400), ClientError(413), Unsupported("Vertex AI", ("contents[1]",))))
def test_errors_of_single_texts(error: Any) -> None:
    """Errors that one text may cause split the batch: size, backend support, invalid arguments."""
    outcome = run_batch("ab", ("ab", Failure(error)), ("a", Success(build_vectors(1))), ("b", Failure(error)))
    assert outcome == (build_vector(1), build_failure(8, "b", error))


def test_misfit_in_a_batch() -> None:
    """A value that is not a text fails alone, without a request."""
    script: list[tuple[Any, Any]] = [(Ask(embed("m", ["a"])), Success(build_vectors(1)))]
    batch = EmbeddingBatch("m", texts=("a", 5))
    first, second = run_by_script(start_generator(embed_batch(batch)), script).unwrap()
    assert first == build_vector(1)
    assert (second.failure().index, second.failure().text) == (1, 5)
    assert isinstance(second.failure().error, InvalidRequest)
    assert second.failure().error.value == 5


# Shape


@pytest.mark.parametrize("name", ("batch_size", "max_batch_tokens", "max_batch_bytes", "concurrency"))
@pytest.mark.parametrize("number", (0, -1, 1.5, True, "8"))
def test_bad_numbers(name: str, number: Any) -> None:
    """Batch sizes and concurrency must be at least 1."""
    with pytest.raises(InvalidRequest, match=name):
        embed_many("m", [], **{name: number})


@pytest.mark.parametrize(
    ("name", "value"),
    (
        ("count_tokens", 5),
        ("stop_on_failure", "never"),
        ("stop_on_failure", None),
        ("stop_on_failure", 1),
        ("output", "list"),
    ),
)
def test_bad_options(name: str, value: Any) -> None:
    """An option with a value that is none is a mistake at once."""
    options: Any = {name: value}
    with pytest.raises(InvalidRequest, match=name):
        embed_many("m", [], **options)


@pytest.mark.parametrize("texts", ("a text", b"bytes", {"text": "x"}, None, 5, Part(text="x"), ["a", 5], ["a", None]))
def test_bad_texts(texts: Any) -> None:
    """A single text is not an iterable of texts; the items of a list are checked at once."""
    with pytest.raises(InvalidRequest):
        embed_many("m", texts)


def test_bad_model_and_config() -> None:
    """An invalid model name or field is a mistake at once."""
    with pytest.raises(InvalidRequest, match="model"):
        embed_many("", ["a"])
    with pytest.raises(InvalidRequest, match="dimension"):
        embed_many("m", ["a"], {"dimension": 5})


def test_values() -> None:
    """The stream of a list is a value; changing the list or its items does not change it."""
    inner: Any = {"text": "b"}
    texts = ["a", inner]
    many = embed_many("m", texts, {"output_dimensionality": 3})
    texts.append("c")
    inner["text"] = "d"
    assert (
        pickle.loads(pickle.dumps(many)) == many == embed_many("m", ["a", {"text": "b"}], {"outputDimensionality": 3})
    )


# With every interpreter


def get_texts(received: ReceivedRequest) -> list[str]:
    """Return the texts of a request."""
    body = msgspec.json.decode(received.body)
    if "instances" in body:
        return [each["content"] for each in body["instances"]]
    return [each["content"]["parts"][0]["text"] for each in body["requests"]]


def respond(received: ReceivedRequest) -> Answer:
    """Respond as both backends do: the length of each text; `bad` makes its request fail, `few` drops a vector."""
    texts = get_texts(received)
    if "bad" in texts:
        return build_json_reply({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}, 400)
    if "hang" in texts:
        return Hang()
    values = [[len(each)] for each in texts][: -1 if "few" in texts else None]
    if received.target.endswith(":predict"):
        return build_json_reply({"predictions": [{"embeddings": {"values": each}} for each in values]})
    return build_json_reply({"embeddings": [{"values": each} for each in values]})


class AsyncTexts:
    """An async iterable of texts."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = iter(texts)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        await checkpoint()
        for text in self._texts:
            return text
        raise StopAsyncIteration


def summarize_results(results: list[Any]) -> list[Any]:
    """Return good results by their value, failures by the type of their error; checks their indexes."""
    assert all(each.failure().index == index for index, each in enumerate(results) if isinstance(each, Failure))
    return [type(each.failure().error) if isinstance(each, Failure) else each.unwrap().values[0] for each in results]


TEXTS = ["x" * number for number in range(1, 26)]


def test_all(kind: InterpreterKind) -> None:
    """Each text has one vector, in order, for any iterable, in one request a batch."""
    makers: list[Callable[[list[str]], Any]] = [list, tuple, iter, *([] if kind.is_sync else [AsyncTexts])]
    for make in makers:
        with Loopback(respond) as server:
            stream = embed_many("m", make(TEXTS), batch_size=10, concurrency=2)
            assert summarize_results(kind.read_items(make_gemini(server.url), stream)) == list(range(1, 26))
            assert sorted(len(get_texts(each)) for each in server.requests) == [5, 10, 10]


def test_one_call(kind: InterpreterKind) -> None:
    """Collected, the result is all vectors, or the first failure."""
    with Loopback(respond) as server:
        result = kind.run(make_gemini(server.url), embed_many("m", ["a", "bc"]) | collected)
        assert [each.values for each in result.unwrap()] == [(1.0,), (2.0,)]
        assert kind.run(make_gemini(server.url), embed_many("m", ["a", "bad"]) | collected).failure().error.code == 400


@pytest.mark.parametrize("count", (0, 1, 100, 101, 250))
def test_counts(kind: InterpreterKind, count: int) -> None:
    """By default 100 texts are in a request; without texts there is no request."""
    with Loopback(respond) as server:
        assert (
            summarize_results(kind.read_items(make_gemini(server.url), embed_many("m", ["ab"] * count)))
            == [2.0] * count
        )
        assert len(server.requests) == -(-count // 100)


@pytest.mark.parametrize("is_vertex", (False, True))
def test_bad_ones(kind: InterpreterKind, is_vertex: bool) -> None:
    """A bad text fails alone, a short response fails its batch, all others have vectors: on both backends."""
    texts = ["a", "bad", "abc", "abcd", "few", "a", "ab", "abc"]
    with Loopback(respond) as server:
        backend = (
            Vertex("p", "l", credentials=FakeCredentials("test-token"), base_url=server.url)
            if is_vertex
            else make_gemini(server.url)
        )
        outcome = summarize_results(kind.read_items(backend, embed_many("m", texts, batch_size=4)))
        assert outcome == [1.0, ClientError, 3.0, 4.0, *([CountMismatch] * 4)]


def test_more_than_text_on_vertex(kind: InterpreterKind) -> None:
    """Content that Vertex AI does not embed fails alone, with its path."""
    picture = Content(parts=(Part(text="a"), Part(text="b")), role="user")
    with Loopback(respond) as server:
        backend = Vertex("p", "l", credentials=FakeCredentials("test-token"), base_url=server.url)
        outcome = summarize_results(kind.read_items(backend, embed_many("m", ["a", picture, "abc"])))
        assert outcome == [1.0, Unsupported, 3.0]


def test_failed_contents(kind: InterpreterKind) -> None:
    """A failure has the text as it was given, also among other contents."""
    with Loopback(respond) as server:
        texts: Any = ["a", {"text": "abc"}, "bad"]
        results = kind.read_items(make_gemini(server.url), embed_many("m", texts))
        assert summarize_results(results) == [1.0, 3.0, ClientError]
        failure: Any = results[2].failure()
        assert (failure.index, failure.text) == (2, "bad")


def test_invalid_item(kind: InterpreterKind) -> None:
    """An item of a generator that is not a text fails alone."""
    with Loopback(respond) as server:
        texts: Any = iter(["a", 5, "abc", None])
        assert summarize_results(kind.read_items(make_gemini(server.url), embed_many("m", texts))) == [
            1.0,
            InvalidRequest,
            3.0,
            InvalidRequest,
        ]


@pytest.mark.parametrize("error", ((401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (404, "NOT_FOUND")))
def test_wrong_key_or_model(kind: InterpreterKind, error: tuple[int, str]) -> None:
    """An error that all texts would meet is one failure; the batches that run are cancelled, and no others are sent."""
    code, status = error

    def refuse(received: ReceivedRequest) -> Answer:
        if "text 0" in get_texts(received):
            return build_json_reply({"error": {"code": code, "status": status, "message": "no"}}, code)
        return Hang()

    with Loopback(refuse) as server:
        stream = embed_many("m", (f"text {number}" for number in range(20_000)), concurrency=4)
        (outcome,) = kind.read_items(make_gemini(server.url), stream)
        assert (outcome.failure().index, outcome.failure().text, outcome.failure().error.code) == (0, "text 0", code)
        server.wait_until_idle(0)
        assert len(server.requests) <= 5


@pytest.mark.parametrize(("stop_on_failure", "count"), (("fatal", 4), (False, 4), (True, 2)))
def test_stop_on_failure(kind: InterpreterKind, stop_on_failure: StopOnFailure, count: int) -> None:
    """A refused text ends the stream only if any failure does."""
    with Loopback(respond) as server:
        stream = embed_many("m", ["a", "bad", "abc", "abcd"], batch_size=3, stop_on_failure=stop_on_failure)
        outcome = summarize_results(kind.read_items(make_gemini(server.url), stream))
        assert outcome == [1.0, ClientError, 3.0, 4.0][:count]


@pytest.mark.parametrize(
    ("model", "path", "sizes"),
    (("text-embedding-005", "predict", [10, 250]), ("gemini-embedding-001", "embedContent", [1] * 260)),
)
def test_limits_of_vertex(kind: InterpreterKind, model: str, path: str, sizes: list[int]) -> None:
    """On Vertex AI, batches are as large as the model takes."""

    def respond_to_each(received: ReceivedRequest) -> Answer:
        assert received.target.endswith(f":{path}")
        if path == "predict":
            return respond(received)
        return build_json_reply({"embedding": {"values": [1]}})

    with Loopback(respond_to_each) as server:
        backend = Vertex("p", "l", credentials=FakeCredentials("test-token"), base_url=server.url)
        assert len(kind.read_items(backend, embed_many(model, ["x"] * 260))) == 260
        bodies = [msgspec.json.decode(each.body) for each in server.requests]
        assert sorted(len(each.get("instances", [0])) for each in bodies) == sizes


def test_limits_of_tokens_and_bytes(kind: InterpreterKind) -> None:
    """Batches keep to the given numbers of tokens and bytes."""
    with Loopback(respond) as server:
        backend = make_gemini(server.url)
        for limits in ({"max_batch_bytes": 30}, {"max_batch_tokens": 30, "count_tokens": len}):
            stream = embed_many("m", TEXTS, **limits)
            assert summarize_results(kind.read_items(backend, stream)) == list(range(1, 26))
        totals = [[len(each) for each in get_texts(received)] for received in server.requests]
        assert all(sum(each) <= 30 for each in totals)
        assert max(map(len, totals)) == 7


def test_async_texts_in_sync() -> None:
    """An async iterable with a sync interpreter is a failure, and raises nothing."""
    (outcome,) = InterpreterKind("sync", httpcore).read_items(
        make_gemini("http://127.0.0.1:1"), embed_many("m", AsyncTexts(["a"]))
    )
    assert isinstance(outcome.failure(), AsyncOnly)


def test_lazy(kind: InterpreterKind) -> None:
    """An endless iterable is read only for the running batches; closing the stream leaves nothing running."""
    read_count = 0

    def yield_texts() -> Iterator[str]:
        nonlocal read_count
        while True:
            read_count += 1
            yield "ab"

    with Loopback(respond) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(embed_many("m", yield_texts(), batch_size=5, concurrency=2)) as items:
                for _ in range(12):
                    assert (await anext(items)).unwrap().values == (2.0,)
            assert read_count <= 15 + 2 * 2 * 5

        kind.run_body(make_gemini(server.url), body)
        server.wait_until_idle(0)


def get_reason(result: Any) -> Any:
    """Return the error of a text, or that of the stream."""
    error = result.failure()
    return error.error if isinstance(error, EmbeddingFailed) else error


def test_closed_from_another_thread(kind: InterpreterKind) -> None:
    """Closing from another thread or task ends the stream with a failure, and raises nothing."""
    with Loopback(respond) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(embed_many("m", ["hang"] * 4, batch_size=1, concurrency=2)) as items:

                async def close() -> None:
                    await run.run_blocking(server.wait_requests, 2)
                    items.close()

                async def read() -> list[Any]:
                    return [each async for each in items]

                outcome, _ = await run.run_concurrently(read, close)
            assert {type(get_reason(each)) for each in outcome} == {Closed}

        kind.run_body(make_gemini(server.url), body)
        server.wait_until_idle(0)
