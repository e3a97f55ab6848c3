"""`EmbeddingJob`: its parameters, and its output with every interpreter."""

import pickle
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pyarrow.dataset as ds
import pytest

from genai_fn import InvalidRequest, Offline, Vertex
from genai_fn.events import EmbeddingProgress
from genai_fn.jobs import EmbeddingJob, hash_text, open_shard, read_manifest
from genai_fn.jobs.output.shards import read_shard_vectors
from tests.support.embedding_jobs import (
    DIMENSIONS,
    MODEL,
    REFUSED,
    EmbeddingFake,
    EmbeddingScript,
    compute_vector,
    make_job,
    read_files,
    read_letters,
    read_rows,
)
from tests.support.interpreter_kinds import InterpreterKind, make_gemini
from tests.support.loopback import Loopback

TEXTS = [f"text {number}" for number in range(30)]


# Parameters


@pytest.mark.parametrize(
    ("name", "value"),
    (
        ("model", ""),
        ("source", ""),
        ("source", b"texts"),
        ("source", "te\0xts"),
        ("source", {"text": "a"}),
        ("source", 5),
        ("source", None),
        ("output", ""),
        ("output", None),
        ("output", b"out"),
        ("text_column", ""),
        ("text_column", None),
        ("id_column", ""),
        ("columns", "name"),
        ("columns", [""]),
        ("columns", ["a", "a"]),
        ("columns", ["vector"]),
        ("columns", 5),
        ("config", {"dimension": 5}),
        ("keep_text", "yes"),
        ("npy", 1),
        ("if_exists", "overwrite"),
        ("source_format", "xml"),
        ("shard_size", 0),
        ("concurrency", True),
        ("batch_size", -1),
        ("max_batch_tokens", 0),
        ("max_batch_bytes", "1"),
        ("max_text_bytes", 0),
    ),
)
def test_bad_parameters(name: str, value: Any) -> None:
    """A wrong parameter is a mistake at once."""
    parameters: dict[str, Any] = {"model": MODEL, "source": ["a"], "output": "out", name: value}
    with pytest.raises(InvalidRequest):
        EmbeddingJob(**parameters)


def test_id_beside_a_column_of_that_name() -> None:
    """The output cannot have two columns of one name."""
    with pytest.raises(InvalidRequest, match="id"):
        EmbeddingJob(model=MODEL, source=["a"], output="out", id_column="key", columns=["id"])


def test_value(tmp_path: Path) -> None:
    """A job is a value: it compares, pickles, and does not change with the list that it was made from."""
    texts = ["a", "b"]
    job = EmbeddingJob(model=MODEL, source=texts, output=tmp_path, config={"outputDimensionality": 3}, columns=["x"])
    texts.append("c")
    same = EmbeddingJob(
        model=MODEL, source=("a", "b"), output=str(tmp_path), config={"output_dimensionality": 3}, columns=("x",)
    )
    assert pickle.loads(pickle.dumps(job)) == job == same
    assert pickle.loads(pickle.dumps(job.flow())) == same.flow()


# Output


def test_every_interpreter(kind: InterpreterKind, tmp_path: Path) -> None:
    """Each row has its vector, in order, with every interpreter; requests run concurrently."""
    script = EmbeddingScript()
    with Loopback(script) as server:
        result = kind.run(make_gemini(server.url), make_job(TEXTS, tmp_path / "out").flow())
    summary = result.unwrap()
    rows = read_rows(tmp_path / "out")
    assert [(each["row"], each["vector"]) for each in rows] == [(n, compute_vector(t)) for n, t in enumerate(TEXTS)]
    assert [each["text_hash"] for each in rows] == [hash_text(each) for each in TEXTS]
    assert (summary.rows, summary.embedded, summary.failed, summary.sent) == (30, 30, 0, 30)
    assert (summary.dimensions, len(summary.shards)) == (DIMENSIONS, 4)
    assert max(map(len, script.sent.batches)) == 3


def test_offline(tmp_path: Path) -> None:
    """`Offline` runs a job without a server, and so do its async calls."""
    config = {"output_dimensionality": 6}
    assert Offline()(make_job(TEXTS, tmp_path / "sync", config=config).flow()).unwrap().embedded == 30
    for backend in ("asyncio", "trio"):
        job = make_job(TEXTS, tmp_path / backend, config=config)
        assert anyio.run(Offline().aio, job.flow(), backend=backend).unwrap().embedded == 30
        assert read_files(tmp_path / backend).keys() == read_files(tmp_path / "sync").keys()
        assert read_rows(tmp_path / backend) == read_rows(tmp_path / "sync")


def test_fake(tmp_path: Path) -> None:
    """A `Fake` runs a job, too."""
    fake = EmbeddingFake()
    assert fake.run(make_job(TEXTS, tmp_path)).unwrap().embedded == 30
    assert sorted(fake.sent.counts) == sorted(TEXTS)


def test_duplicates(tmp_path: Path) -> None:
    """A text that occurs several times is sent once, also if its first row is in an earlier shard."""
    fake = EmbeddingFake()
    texts = [f"text {number % 7}" for number in range(50)]
    summary = fake.run(make_job(texts, tmp_path)).unwrap()
    assert fake.sent.counts == dict.fromkeys(texts, 1)
    assert [each["vector"] for each in read_rows(tmp_path)] == list(map(compute_vector, texts))
    assert (summary.duplicates, summary.sent) == (43, 7)


def test_refused_duplicates(tmp_path: Path) -> None:
    """A text that is refused is sent alone once more, and each of its rows is a dead letter with the reason."""
    fake = EmbeddingFake()
    texts = [REFUSED if number % 5 == 0 else f"text {number}" for number in range(40)]
    summary = fake.run(make_job(texts, tmp_path, batch_size=100)).unwrap()
    letters = read_letters(tmp_path)
    assert [each["row"] for each in letters] == list(range(0, 40, 5))
    assert {(e["text"], e["error"]["type"], e["error"]["code"]) for e in letters} == {(REFUSED, "ClientError", 400)}
    assert (summary.failed, summary.embedded) == (8, 32)
    assert sum(batch == (REFUSED,) for batch in fake.sent.batches) == 1


def test_no_rows(tmp_path: Path) -> None:
    """A source without rows gives an output without shards."""
    summary = EmbeddingFake().run(make_job([], tmp_path, npy=True)).unwrap()
    assert (summary.rows, summary.shards, summary.dimensions) == (0, (), None)
    assert np.load(tmp_path / "_vectors.npy").shape == (0, 0)


def test_all_failed(tmp_path: Path) -> None:
    """Shards without a vector have no file; a later one has its number."""
    texts = [""] * 8 + ["good"] + [""] * 10
    summary = EmbeddingFake().run(make_job(texts, tmp_path)).unwrap()
    assert summary.shards == ("shard-00001.parquet",)
    assert [each["row"] for each in read_rows(tmp_path)] == [8]
    assert len(read_letters(tmp_path)) == 18


def test_array(tmp_path: Path) -> None:
    """``npy`` writes one array of all vectors, which can be mapped; it may be added or replaced when all is done."""
    fake = EmbeddingFake()
    assert fake.run(make_job(TEXTS, tmp_path)).unwrap().npy is None
    assert fake.run(make_job(TEXTS, tmp_path, npy=True)).unwrap().npy == "_vectors.npy"
    array = np.load(tmp_path / "_vectors.npy", mmap_mode="r")
    assert array.dtype == np.float32
    assert array.tolist() == list(map(compute_vector, TEXTS))
    (tmp_path / "_vectors.npy").unlink()
    fake.run(make_job(TEXTS, tmp_path, npy=True)).unwrap()
    assert np.load(tmp_path / "_vectors.npy").shape == array.shape
    assert fake.sent.counts == dict.fromkeys(TEXTS, 1)


def test_dataset(tmp_path: Path) -> None:
    """The folder is a dataset: readers ignore all but the shards. Their vectors are fixed-size lists of float32."""
    EmbeddingFake().run(make_job(TEXTS, tmp_path, keep_text=True, npy=True)).unwrap()
    dataset = ds.dataset(tmp_path)
    assert dataset.count_rows() == 30
    assert str(dataset.schema.field("vector").type) == "fixed_size_list<element: float not null>[4]"
    assert dataset.to_table(columns=["text"]).column("text").to_pylist() == TEXTS


def test_kept_columns(tmp_path: Path) -> None:
    """The id and the kept columns are in the shards; the id of a dead letter is in it."""
    rows = [{"text": t, "key": f"k{n}", "price": n} for n, t in enumerate([*TEXTS[:9], "", "refused"])]
    EmbeddingFake().run(make_job(rows, tmp_path, id_column="key", columns=["price"])).unwrap()
    assert [(each["id"], each["price"]) for each in read_rows(tmp_path)] == [(f"k{n}", str(n)) for n in range(9)]
    assert [each["id"] for each in read_letters(tmp_path)] == ["k9", "k10"]


def test_manifest(tmp_path: Path) -> None:
    """The manifest has the settings, the counts and the checksums of the shards."""
    EmbeddingFake().run(make_job([*TEXTS, "", TEXTS[0]], tmp_path)).unwrap()
    manifest = read_manifest(tmp_path)
    assert (manifest.is_finished, manifest.rows, manifest.embedded, manifest.failed) == (True, 32, 31, 1)
    assert (manifest.duplicates, manifest.dimensions, manifest.settings.model) == (1, DIMENSIONS, MODEL)
    files = read_files(tmp_path)
    assert [len(files[each.name or ""]) for each in manifest.shards] == [each.bytes for each in manifest.shards]


def test_large_row_groups(tmp_path: Path) -> None:
    """Shards of several row groups, and vectors of earlier rows in any of them."""
    texts = [f"text {number}" for number in range(2500)]
    EmbeddingFake().run(make_job([*texts, *texts[::-3]], tmp_path, shard_size=2300, batch_size=100)).unwrap()
    expected = list(map(compute_vector, [*texts, *texts[::-3]]))
    assert [each["vector"] for each in read_rows(tmp_path)] == expected


def test_events(kind: InterpreterKind, tmp_path: Path) -> None:
    """Progress is an event: it starts at zero, and ends with all rows."""
    events: list[Any] = []
    with Loopback(EmbeddingScript()) as server:
        job = make_job([*TEXTS, "", TEXTS[0], REFUSED], tmp_path)
        kind.run(make_gemini(server.url), job.flow(), on_event=events.append).unwrap()
    progress = [each for each in events if isinstance(each, EmbeddingProgress)]
    assert (progress[0].done, progress[0].total) == (0, 33)
    assert (progress[-1].done, progress[-1].failed, progress[-1].skipped) == (30, 2, 1)
    assert progress[-1].seconds_left == 0
    assert progress[-1].texts_per_second > 0
    assert [each.done for each in progress] == sorted(each.done for each in progress)


def test_tokens(tmp_path: Path) -> None:
    """Where the server counts tokens, as Vertex AI does for its text models, they are summed up."""
    run = Offline(Vertex("p", "us-central1"))
    job = make_job(TEXTS, tmp_path, model="text-embedding-005")
    first, second = run(job.flow()).unwrap(), run(job.flow()).unwrap()
    assert first.tokens >= 30
    assert (second.tokens, second.sent) == (first.tokens, 0)


def test_repeated_texts_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A text that occurs in many shards is read from its own once, so that a job is not quadratic in its shards."""
    reads: list[list[int]] = []

    def read(path: Path, rows: list[int]) -> Any:
        reads.append(rows)
        return read_shard_vectors(path, rows)

    monkeypatch.setattr(open_shard, "read_shard_vectors", read)
    EmbeddingFake().run(make_job([f"text {number % 5}" for number in range(100)], tmp_path)).unwrap()
    assert [sorted(each) for each in reads] == [[0, 1, 2, 3, 4]]
    assert [each["vector"] for each in read_rows(tmp_path)] == [compute_vector(f"text {n % 5}") for n in range(100)]
