"""Failures of the server and the network: which texts become dead letters, and what ends a job."""

import math
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from genai_fn import (
    ClientError,
    ContentEmbeddingArray,
    EmbedContentArrayResponse,
    Failure,
    RateLimited,
    Retry,
    ServerError,
)
from genai_fn.errors import CountMismatch, Disconnected
from genai_fn.jobs import BatchFailed, DimensionMismatch, SourceError, read_manifest
from genai_fn.schema import ContentEmbeddingStatistics
from genai_fn.testing import Fake
from tests.support.embedding_jobs import (
    REFUSED,
    EmbeddingFake,
    EmbeddingScript,
    build_array_response,
    compute_vector,
    get_texts,
    make_job,
    read_letters,
    read_rows,
)
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, SleepRecorder, make_gemini
from tests.support.loopback import Answer, Close, Hang, Loopback, ReceivedRequest, Reset, build_json_reply
from tests.support.loopback_replies import build_error

TEXTS = [f"{REFUSED} {number}" if number % 5 == 2 else f"text {number}" for number in range(20)]


class FaultyScript(EmbeddingScript):
    """A script in which the first attempts of each request fail; a refused text is in every batch."""

    def __init__(self, *faults: Answer) -> None:
        super().__init__()
        self._faults = faults
        self._attempts: Counter[tuple[str, ...]] = Counter()

    def __call__(self, received: ReceivedRequest) -> Answer:
        texts = get_texts(received)
        self._attempts[texts] += 1
        attempt = self._attempts[texts]
        return self._faults[attempt - 1] if attempt <= len(self._faults) else super().__call__(received)


ADVICE = build_json_reply(build_error(429, "RESOURCE_EXHAUSTED"), 429, (("retry-after", "3"),))
WRONG_KEY = build_json_reply(build_error(400, "INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]), 400)
STORM = build_json_reply(build_error(503, "UNAVAILABLE"), 503)


@pytest.mark.parametrize(
    "faults",
    ((), (ADVICE,), (STORM, STORM, STORM), (Reset(),), (Close(),), (ADVICE, STORM, Reset())),
    ids=("refused", "429", "503", "reset", "close", "all"),
)
def test_dead_letters(kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, faults: tuple[Answer, ...]) -> None:
    """Whatever fails beside them, the dead letters are exactly the texts that the server refuses."""
    script = FaultyScript(*faults)
    with Loopback(script) as server:
        job = make_job(TEXTS, tmp_path, batch_size=5)
        summary = kind.run(make_gemini(server.url), job.flow(), retry=Retry(attempts=5)).unwrap()
    letters = read_letters(tmp_path)
    assert [each["row"] for each in letters] == [row for row, text in enumerate(TEXTS) if REFUSED in text]
    assert [each["text"] for each in letters] == [text for text in TEXTS if REFUSED in text]
    assert {each["error"]["type"] for each in letters} == {"ClientError"}
    assert [each["vector"] for each in read_rows(tmp_path)] == [compute_vector(t) for t in TEXTS if REFUSED not in t]
    assert (summary.failed, summary.embedded) == (4, 16)


@pytest.mark.parametrize(
    ("reply", "expected"),
    (
        (WRONG_KEY, ClientError),
        (build_json_reply(build_error(404, "NOT_FOUND"), 404), ClientError),
        (STORM, ServerError),
        (ADVICE, RateLimited),
        (build_json_reply({"embeddings": [{"values": [1]}]}), CountMismatch),
        (Reset(), Disconnected),
    ),
    ids=("key", "model", "503", "429", "count", "reset"),
)
def test_what_ends_a_job(
    kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, reply: Answer, expected: type[Exception]
) -> None:
    """A failure that is not of a text ends the job with its place, and is no dead letter; a resumed job embeds all."""
    with Loopback(reply) as server:
        error = kind.run(make_gemini(server.url), make_job(TEXTS, tmp_path).flow()).failure()
        assert len(server.requests) <= 2 * 4  # two batches at once, and their retries
    assert isinstance(error, BatchFailed)
    assert isinstance(error.error, expected)
    assert (error.row, error.count) in ((0, 3), (3, 3))
    assert read_letters(tmp_path) == []
    assert EmbeddingFake().run(make_job(TEXTS, tmp_path)).unwrap().rows == 20


def test_wrong_config(kind: InterpreterKind, tmp_path: Path) -> None:
    """If the server refuses everything, the job ends soon with the reason, and not with a dead letter for each text."""
    script = EmbeddingScript()
    with Loopback(script) as server:
        job = make_job([f"{REFUSED} {number}" for number in range(500)], tmp_path)
        error = kind.run(make_gemini(server.url), job.flow()).failure()
    assert isinstance(error, BatchFailed)
    assert error.error == ClientError(400, "INVALID_ARGUMENT", "no", headers=error.error.headers)
    assert len(script.sent.counts) < 30


def test_other_dimension(kind: InterpreterKind, tmp_path: Path) -> None:
    """A vector of another dimension than the others ends the job; those before it are stored."""
    with Loopback(EmbeddingScript()) as server:
        job = make_job([*TEXTS[:2], "a", "b"], tmp_path, shard_size=2, batch_size=2)
        assert kind.run(make_gemini(server.url), job.flow()).unwrap()
        wrong = make_job([*TEXTS[:2], "a", "b"], tmp_path / "b", concurrency=1, config={"output_dimensionality": 3})
        error = kind.run(make_gemini(server.url), wrong.flow()).failure()
    assert error == BatchFailed("", 0, 3, DimensionMismatch(3, 4))


def test_other_dimension_later(tmp_path: Path) -> None:
    """The first vector decides, also in a resumed job: the others of the batch are stored, and not sent again."""
    answers = [build_array_response([1.0, 2.0]), build_array_response([1.0, 2.0], [1.0, 2.0, 3.0])]
    texts = ["a", "b", "c"]
    job = make_job(texts, tmp_path, batch_size=2, concurrency=1)
    first = Fake({"embed.numpy": [build_array_response([1.0, 2.0], [3.0, 4.0]), build_array_response([5.0])]})
    assert first(job.flow()).failure() == BatchFailed("", 2, 1, DimensionMismatch(2, 1))
    last = Fake({"embed.numpy": answers[:1]})
    assert last(job.flow()).unwrap().sent == 1
    assert [each["vector"] for each in read_rows(tmp_path)] == [[1, 2], [3, 4], [1, 2]]


@pytest.mark.parametrize("count", (math.inf, math.nan, 1e308, -5.0))
def test_impossible_token_count(tmp_path: Path, count: float) -> None:
    """A number of tokens that no text has is not counted, and the job goes on."""
    embedding = ContentEmbeddingArray(data=bytes(8), statistics=ContentEmbeddingStatistics(token_count=count))
    run = Fake({"embed.numpy": EmbedContentArrayResponse(embeddings=(embedding,))})
    assert run(make_job(["a"], tmp_path).flow()).unwrap().tokens == 0
    assert read_manifest(tmp_path).tokens == 0


def test_empty_vector(tmp_path: Path) -> None:
    """A vector without numbers is none."""
    run = Fake({"embed.numpy": build_array_response([])})
    assert run(make_job(["a"], tmp_path).flow()).failure() == BatchFailed("", 0, 1, DimensionMismatch(None, 0))


def test_in_flight_batches_are_stored(kind: InterpreterKind, tmp_path: Path) -> None:
    """After a failure, the batches that were sent are awaited and stored, as they are paid for."""
    script = EmbeddingScript()

    def respond(received: ReceivedRequest) -> Answer:
        if "fatal" in get_texts(received):
            server.wait_requests(2)
            return build_json_reply(build_error(403, "PERMISSION_DENIED"), 403)
        return script(received)

    with Loopback(respond) as server:
        job = make_job(["fatal", "a", "b"], tmp_path, batch_size=1)
        assert kind.run(make_gemini(server.url), job.flow()).failure().error.code == 403
    fake = EmbeddingFake()
    fake.run(job).unwrap()
    assert "a" not in fake.sent.counts


def test_cancelled(kind: InterpreterKind, tmp_path: Path) -> None:
    """Closing the interpreter, or cancelling the task, ends the job, unlocks the folder, and loses no stored batch."""
    script = EmbeddingScript()

    def respond(received: ReceivedRequest) -> Answer:
        return Hang() if "hang" in get_texts(received) else script(received)

    with Loopback(respond) as server:
        job = make_job(["a", "b", "hang", "c"], tmp_path, batch_size=1, concurrency=1)

        async def body(run: AwaitableInterpreter) -> None:
            async def work() -> Any:
                return await run(job.flow())

            async def close() -> None:
                await run.run_blocking(server.wait_requests, 3)
                await run.close()

            outcome, _ = await run.run_concurrently(work, close)
            assert isinstance(outcome, Failure)

        kind.run_body(make_gemini(server.url), body)
        server.wait_until_idle(0)
    fake = EmbeddingFake()
    fake.run(job).unwrap()
    assert fake.sent.counts == {"hang": 1, "c": 1}


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_cancelled_task(backend: str, tmp_path: Path) -> None:
    """A task that is cancelled leaves the folder unlocked."""
    kind = next(each for each in _list_kinds() if each.kind == backend)
    with Loopback(Hang()) as server:
        job = make_job(["a", "b"], tmp_path)

        async def body(run: AwaitableInterpreter) -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run, job.flow())
                await run.run_blocking(server.wait_requests, 1)
                tasks.cancel_scope.cancel()
            assert EmbeddingFake().run(job).unwrap().embedded == 2

        kind.run_body(make_gemini(server.url), body)


def _list_kinds() -> tuple[InterpreterKind, ...]:
    from tests.support.interpreter_kinds import INTERPRETER_KINDS

    return INTERPRETER_KINDS


def test_source_that_breaks(kind: InterpreterKind, tmp_path: Path) -> None:
    """If the source cannot be read any more, the batches that were sent are awaited and stored."""
    asked = threading.Event()
    script = EmbeddingScript()

    def respond(received: ReceivedRequest) -> Answer:
        asked.wait(60)
        return script(received)

    def yield_texts() -> Iterator[str]:
        yield from map(str, range(1024))
        asked.set()
        raise OSError(5, "Input/output error")

    with Loopback(respond) as server:
        job = make_job(yield_texts(), tmp_path, shard_size=2000, batch_size=100, concurrency=20)
        error = kind.run(make_gemini(server.url), job.flow()).failure()
    assert error == SourceError("the source", 1024, "Input/output error")
    assert sum(map(len, script.sent.batches)) == 1000
    again = make_job(map(str, range(1024)), tmp_path, shard_size=2000)
    assert EmbeddingFake().run(again).unwrap().sent == 24


def test_closed_while_the_source_waits(kind: InterpreterKind, tmp_path: Path) -> None:
    """Closing does not wait for a source that waits: the folder is unlocked meanwhile, and the source closed later."""
    reads, gate = threading.Event(), threading.Event()

    def yield_texts() -> Iterator[str]:
        yield "a"
        reads.set()
        gate.wait(60)
        yield "b"

    with Loopback(EmbeddingScript()) as server:
        job = make_job(yield_texts(), tmp_path)

        async def body(run: AwaitableInterpreter) -> None:
            async def work() -> Any:
                return await run(job.flow())

            async def close() -> None:
                await run.run_blocking(reads.wait, 60)
                if run.is_sync:  # its thread is in the source, and ends with it
                    run.interpreter.close()
                    gate.set()
                else:
                    await run.close()

            outcome, _ = await run.run_concurrently(work, close)
            assert isinstance(outcome, Failure)
            assert EmbeddingFake().run(make_job(["a"], tmp_path)).unwrap().rows == 1
            gate.set()

        kind.run_body(make_gemini(server.url), body)


def test_output_within_the_source(tmp_path: Path) -> None:
    """A source that contains the output is refused, as the shards would become rows."""
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    error = EmbeddingFake().run(make_job(tmp_path, tmp_path / "out")).failure()
    assert isinstance(error, SourceError)
    assert "would become rows" in str(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("pattern", "is_refused"),
    (
        ("**/*.parquet", True),
        ("*/*.parquet", True),
        ("**/*.jsonl", True),
        ("o*/**", True),
        ("*.parquet", False),
        ("in/**/*.parquet", False),
        ("**/*.csv", False),
    ),
)
def test_output_that_a_pattern_matches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pattern: str, is_refused: bool
) -> None:
    """A pattern that matches files of the output is refused before any of them is there."""
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    for source in (pattern, str(tmp_path / pattern)):
        error = EmbeddingFake().run(make_job(source, tmp_path / "out")).failure()
        assert isinstance(error, SourceError)
        assert ("would become rows" in error.reason) == is_refused
