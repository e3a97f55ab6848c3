"""`coalesced`: single embeddings of many callers become batches, and each caller gets its own result."""

import threading
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import (
    AsyncHttp,
    Failure,
    Gemini,
    Http,
    InvalidRequest,
    Offline,
    Success,
    Vertex,
    collected,
    embed,
    gather,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.effects import GetTime, Sleep
from genai_fn.errors import ClientError, CountMismatch, ServerError, TimedOut
from genai_fn.middleware import TransportWrapper, coalesced, hedged
from genai_fn.schema import ContentEmbedding, EmbedContentResponse
from genai_fn.testing import Delayed, Fake
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.loopback import Loopback, build_json_reply
from tests.support.simulated_calls import STOPPED, simulate, start_later, stop_after

MODEL = "gemini-embedding-001"
BAD = "bad"


def get_texts(request: Any) -> list[str]:
    return [part.text for content in request.operation.contents for part in content.parts]


def embed_text(text: str) -> ContentEmbedding:
    return ContentEmbedding(values=tuple(map(float, text.encode())))


def read_text(result: Any) -> str:
    [embedding] = result.unwrap().embeddings
    return bytes(map(int, embedding.values)).decode()


class Model:
    """A request handler that embeds texts after some seconds, and rejects batches with `BAD`."""

    def __init__(self, latency: float = 1.0, error: Any = None) -> None:
        self.batches: list[list[str]] = []
        self.answered: list[list[str]] = []
        self._latency = latency
        self._error = error

    def handle(self, request: Any, until: float) -> Any:
        texts = get_texts(request)
        self.batches.append(texts)
        yield Sleep(min(self._latency, until))
        if until < self._latency:
            return Failure(TimedOut("total"))
        self.answered.append(texts)
        if self._error is not None:
            return Failure(self._error)
        if any(text.startswith(BAD) for text in texts):
            return Failure(ClientError(400, "INVALID_ARGUMENT"))
        return Success(EmbedContentResponse(embeddings=tuple(map(embed_text, texts))))

    def open_stream(self, request: Any, until: float) -> Any:
        raise NotImplementedError

    def read_items(self, handle: Any) -> Any:
        raise NotImplementedError


INFINITE = float("inf")


class TestBatches:
    def test_window(self) -> None:
        """The callers within the window of the first one share a batch; the next one starts another."""
        model = Model()
        handler = coalesced(2.0)(model)
        arrivals = {"a": 0, "b": 1, "c": 1.5, "d": 2.5, "e": 4}
        results = simulate(
            [start_later(time, handler.handle(embed(MODEL, text), INFINITE)) for text, time in arrivals.items()]
        )
        assert [read_text(each) for each in results] == list("abcde")
        assert model.batches == [["a", "b", "c"], ["d", "e"]]

    def test_full(self) -> None:
        """A full batch is sent at once."""
        model = Model()
        handler = coalesced(100.0, max_batch=2)(model)
        results = simulate(
            [start_later(n, handler.handle(embed(MODEL, str(n)), INFINITE)) for n in range(4)]
            + [start_later(10, _get_batches(model))]
        )
        assert results[-1] == [["0", "1"], ["2", "3"]]

    def test_separate(self) -> None:
        """Only requests with the same model, config and options share a batch; others pass unchanged."""
        model = Model()
        handler = coalesced(1.0)(model)
        requests = [
            embed(MODEL, "a"),
            embed(MODEL, "b"),
            embed("other", "c"),
            embed(MODEL, "d") | with_config(output_dimensionality=8),
            embed(MODEL, "e") | with_options(headers={"x-team": "1"}),
            embed(MODEL, ["f", "g"]),
            embed(MODEL, "h") | with_http_response,
            embed(MODEL, "i") | with_options(extra_body={"x": 1}),
        ]
        simulate([handler.handle(each, INFINITE) for each in requests])
        assert sorted(model.batches) == [["a", "b"], ["c"], ["d"], ["e"], ["f", "g"], ["h"], ["i"]]

    def test_rejected_text(self) -> None:
        """A text that the server rejects fails alone."""
        model = Model()
        handler = coalesced(1.0)(model)
        results = simulate([handler.handle(embed(MODEL, text), INFINITE) for text in ("a", BAD, "c", "d")])
        assert [read_text(each) for each in (results[0], *results[2:])] == ["a", "c", "d"]
        assert results[1] == Failure(ClientError(400, "INVALID_ARGUMENT"))

    def test_failed_batch(self) -> None:
        """An error that is of no single text fails all callers of the batch."""
        model = Model(error=ServerError(503))
        handler = coalesced(1.0)(model)
        results = simulate([handler.handle(embed(MODEL, text), INFINITE) for text in "abc"])
        assert results == (Failure(ServerError(503)),) * 3
        assert len(model.batches) == 1

    def test_too_few_vectors(self) -> None:
        """A response with more or fewer vectors than contents fails all callers of its batch."""
        run = Fake({"embed": EmbedContentResponse(embeddings=(embed_text("a"),))}).aio.with_middleware(coalesced())
        results = anyio.run(_embed_all, run, "abc")
        assert [each.failure() for each in results] == [CountMismatch(3, 1)] * 3

    @pytest.mark.parametrize(("model", "sizes"), [("text-embedding-005", [3]), (MODEL, [1, 1, 1])])
    def test_backend(self, model: str, sizes: list[int]) -> None:
        """Models of Vertex AI that embed one content at a time are not coalesced."""
        log: list[int] = []

        class Log(TransportWrapper):
            def send(self, request: Any) -> Any:
                body = msgspec.json.decode(request.request.body)
                log.append(len(body.get("instances", [None])))
                return self.inner.send(request)

        run = Offline(Vertex("project", "us-central1")).aio.with_middleware(coalesced(), transport=Log)
        results = anyio.run(_embed_all, run, "abc", model)
        assert [len(each.unwrap().embeddings) for each in results] == [1, 1, 1]
        assert log == sizes

    def test_arrays(self) -> None:
        """Embeddings as arrays are coalesced, too."""
        results = anyio.run(_gather, coalesced(), [embed(MODEL, each, output="numpy") for each in "abc"])
        assert [each.values.shape for each in results] == [(1, 3072)] * 3


def _get_batches(model: Model) -> Any:
    yield Sleep(0.0)
    return list(model.batches)


async def _embed_all(run: Any, texts: str, model: str = MODEL) -> list[Any]:
    async with run.stream(gather([embed(model, each) for each in texts])) as results:
        return [each async for each in results]


async def _gather(middleware: Any, requests: Any) -> Any:
    run = Offline().aio.with_middleware(middleware)
    return (await run(gather(requests) | collected)).unwrap()


class TestDeadlines:
    def test_short_deadline(self) -> None:
        """A request whose deadline ends within the window is sent at once, by itself."""
        model = Model()
        handler = coalesced(5.0)(model)
        requests = [embed(MODEL, "a"), embed(MODEL, "b") | with_options(deadline=4)]
        simulate([handler.handle(each, INFINITE) for each in requests])
        assert model.batches == [["b"], ["a"]]

    def test_of_a_follower(self) -> None:
        """A caller whose deadline passes gets its failure then; the others their results."""
        model = Model(latency=10.0)
        handler = coalesced(1.0)(model)
        requests = [embed(MODEL, "a"), embed(MODEL, "b") | with_options(deadline=4)]
        first, second = simulate([handler.handle(each, INFINITE) for each in requests])
        assert read_text(first) == "a"
        assert isinstance(second.failure(), TimedOut)

    def test_of_the_leader(self) -> None:
        """If the leader's deadline passes, the others are sent again, with their own deadline."""
        model = Model(latency=10.0)
        handler = coalesced(1.0)(model)
        requests = [embed(MODEL, "a") | with_options(deadline=4), embed(MODEL, "b"), embed(MODEL, "c")]
        first, second, third = simulate([handler.handle(each, INFINITE) for each in requests])
        assert isinstance(first.failure(), TimedOut)
        assert [read_text(second), read_text(third)] == ["b", "c"]
        assert model.batches == [["a", "b", "c"], ["b", "c"]]


class TestCancellation:
    @pytest.mark.parametrize("time", [0.5, 1.0, 1.5, 2.0])
    def test_of_the_leader(self, time: float) -> None:
        """If the leader is cancelled, in the window or while its batch is sent, another caller takes over."""
        model = Model()
        handler = coalesced(1.0)(model)
        programs = [handler.handle(embed(MODEL, text), INFINITE) for text in "abc"]
        programs[0] = stop_after(time, programs[0])
        results = simulate(programs)
        assert [read_text(each) for each in results[1:]] == ["b", "c"]
        assert model.answered[-1][-2:] == ["b", "c"]

    def test_of_a_follower(self) -> None:
        """A caller that is cancelled within the window is not sent."""
        model = Model()
        handler = coalesced(1.0)(model)
        programs = [handler.handle(embed(MODEL, text), INFINITE) for text in "abc"]
        programs[1] = stop_after(0.5, programs[1])
        results = simulate(programs)
        assert [read_text(results[0]), read_text(results[2])] == ["a", "c"]
        assert model.batches == [["a", "c"]]

    def test_of_all(self) -> None:
        """If all callers are cancelled within the window, nothing is sent, and the next caller starts a batch."""
        model = Model()
        handler = coalesced(1.0)(model)
        programs = [stop_after(0.5, handler.handle(embed(MODEL, text), INFINITE)) for text in "abc"]
        results = simulate([*programs, start_later(0.75, handler.handle(embed(MODEL, "d"), INFINITE))])
        assert results[:3] == (STOPPED,) * 3
        assert (read_text(results[3]), model.batches) == ("d", [["d"]])


class Call:
    """A call of a drawn pattern: when it arrives, whether its text is bad, when it is cancelled, its deadline."""

    def __init__(self, number: int, plan: tuple[int, bool, int | None, int | None]) -> None:
        self.arrival, self.is_bad, self.stop, self.deadline = plan
        self.text = f"{BAD if self.is_bad else 'text'} {number}"

    def __repr__(self) -> str:
        return f"{self.text!r} at {self.arrival}, stopped {self.stop}, deadline {self.deadline}"

    def build_program(self, handler: Any) -> Any:
        request: Any = embed(MODEL, self.text)
        if self.deadline is not None:
            request |= with_options(deadline=self.deadline)
        program = handler.handle(request, INFINITE)
        return start_later(self.arrival, program if self.stop is None else stop_after(self.stop, program))


plans = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from([False, False, False, True]),
        st.none() | st.integers(0, 12),
        st.none() | st.integers(1, 12),
    ),
    max_size=10,
)


class TimedModel(Model):
    """A model whose answers respect the deadline."""

    def handle(self, request: Any, until: float) -> Any:
        now = yield GetTime()
        inner = super().handle(request, until - now)
        return (yield from inner)


@given(plans, st.integers(0, 4), st.integers(0, 6), st.integers(1, 4))
@settings(max_examples=300)
def test_any_arrivals(
    drawn: list[tuple[int, bool, int | None, int | None]], window: int, latency: int, limit: int
) -> None:
    """Whoever is not cancelled gets its own result or failure in time; no batch exceeds the limit."""
    calls = [Call(number, each) for number, each in enumerate(drawn)]
    model = TimedModel(latency)
    handler = coalesced(window, max_batch=limit)(model)
    results = simulate([each.build_program(handler) for each in calls])
    for call, result in zip(calls, results, strict=True):
        if result is STOPPED:
            assert call.stop is not None
        elif isinstance(result, Success):
            assert read_text(result) == call.text
            assert not call.is_bad
        else:
            is_late = isinstance(result.failure(), TimedOut)
            assert call.deadline is not None if is_late else call.is_bad
    assert all(len(each) <= limit for each in model.batches)
    if not any(each.is_bad or each.stop is not None or each.deadline is not None for each in calls):
        sent = [text for batch in model.batches for text in batch]
        assert sorted(sent) == sorted(each.text for each in calls)


class Service:
    """A loopback service for embeddings, which counts its batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, received: Any) -> Any:
        requests = msgspec.json.decode(received.body)["requests"]
        texts = [each["content"]["parts"][0]["text"] for each in requests]
        with self._lock:
            self.sizes.append(len(texts))
        if BAD in texts:
            return build_json_reply({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}, 400)
        return build_json_reply({"embeddings": [{"values": list(each.encode())} for each in texts]})


@pytest.mark.parametrize(("kind", "count"), [("sync", 64), ("asyncio", 200), ("trio", 200)])
def test_over_http(kind: str, count: int) -> None:
    """Threads and tasks of an interpreter share batches, over a socket; each gets its own result."""
    service = Service()

    async def body(interpreter: Any) -> Any:
        run = AwaitableInterpreter(interpreter.with_middleware(coalesced(0.5)))
        texts = [BAD if n == 7 else f"text {n}" for n in range(count)]
        return texts, await run.run_concurrently(*(_Embed(run, text) for text in texts))

    with Loopback(service) as server:
        backend = Gemini("test-key", base_url=server.url)
        if kind == "sync":
            with Http(backend, proxy="") as sync_run:
                texts, results = _run_coroutine(body(sync_run))
        else:

            async def run_async() -> Any:
                with anyio.fail_after(120):
                    async with AsyncHttp(backend, proxy="") as async_run:
                        return await body(async_run)

            texts, results = anyio.run(run_async, backend=kind)
    for text, result in zip(texts, results, strict=True):
        if text == BAD:
            assert result.failure().code == 400
        else:
            assert read_text(result) == text
    assert len(service.sizes) < count
    assert max(service.sizes) <= 100


class _Embed:
    def __init__(self, run: AwaitableInterpreter, text: str) -> None:
        self._run = run
        self._text = text

    async def __call__(self) -> Any:
        return await self._run(embed(MODEL, self._text))


def _run_coroutine(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def answer_embedding(request: Any) -> Any:
    return EmbedContentResponse(embeddings=tuple(map(embed_text, get_texts(request))))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_many_tasks(backend: str) -> None:
    """1,000 tasks become ten batches of the size that the backend accepts."""
    fake = Fake({"embed": answer_embedding})

    async def body() -> Any:
        run = AwaitableInterpreter(fake.aio.with_middleware(coalesced()))
        return await run.run_concurrently(*(_Embed(run, str(n)) for n in range(1000)))

    results = anyio.run(body, backend=backend)
    assert [read_text(each) for each in results] == [str(n) for n in range(1000)]
    assert [len(get_texts(each)) for each in fake.requests] == [100] * 10


@pytest.mark.parametrize("middleware", [(coalesced(), hedged(after=2)), (hedged(after=2), coalesced())], ids=repr)
def test_hedged(middleware: tuple[Any, ...]) -> None:
    """Batches may be hedged, and so may the calls of which they consist."""
    answers = iter([Delayed(answer_embedding, 60)])
    fake = Fake({"embed": lambda request: next(answers, None) or answer_embedding(request)})
    results = anyio.run(_embed_all, fake.aio.with_middleware(*middleware), "abcde")
    assert [read_text(each) for each in results] == list("abcde")


def test_many_threads() -> None:
    """64 threads each get their own result, several times."""
    fake = Fake({"embed": answer_embedding})
    run = fake.with_middleware(coalesced(max_batch=8))
    failures: list[str] = []

    def call(number: int) -> None:
        for turn in range(20):
            text = f"{number}-{turn}"
            if read_text(run(embed(MODEL, text))) != text:
                failures.append(text)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(64)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not failures
    assert sum(len(get_texts(each)) for each in fake.requests) == 64 * 20


@pytest.mark.parametrize("arguments", [{"window": -1}, {"window": "1"}, {"max_batch": 0}])
def test_arguments(arguments: Any) -> None:
    """Wrong arguments are refused at once."""
    with pytest.raises(InvalidRequest):
        coalesced(**arguments)


def test_value() -> None:
    """The middleware is a value, whose repr is the call."""
    assert coalesced(0.5) == coalesced(0.5)
    assert repr(coalesced(0.5)) == "coalesced(0.5, max_batch=None)"
