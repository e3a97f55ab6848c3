"""Resuming a job: after a crash at any change to a file, with other settings, and beside another job."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import Closed, Failure
from genai_fn.errors import CountMismatch, RateLimited
from genai_fn.jobs import (
    BatchFailed,
    EmbeddingJob,
    FolderLocked,
    OutputError,
    SettingsChanged,
    read_manifest,
)
from genai_fn.jobs.output.folder import OutputFolder
from genai_fn.testing import Fake
from tests.support.embedding_jobs import REFUSED, EmbeddingFake, build_array_response, make_job, read_files, read_rows
from tests.support.job_crashes import CrashingDisk, SimulatedCrash

TEXTS = [f"text {number % 13}" if number % 9 else f"{REFUSED} {number % 2}" for number in range(21)] + [""]


@pytest.fixture
def crashes(monkeypatch: pytest.MonkeyPatch) -> CrashingDisk:
    """A disk that ends a run at one of its steps."""
    return CrashingDisk(monkeypatch)


def count_steps(crashes: CrashingDisk, job: EmbeddingJob) -> int:
    """Run a job undisturbed, and count its changes to files."""
    before = crashes.count
    EmbeddingFake().run(job).unwrap()
    return crashes.count - before


@pytest.mark.parametrize("is_partial", (False, True))
def test_crash_at_every_step(crashes: CrashingDisk, tmp_path: Path, is_partial: bool, thin: Any) -> None:
    """
    A run may end at any change to a file, and the next one too: the output is that of an undisturbed run.

    Every third change is tried, and with half of its bytes written the one after; the task ``jobs`` tries all.

    Texts whose batch was stored are not sent again; at most those of one batch are, as one was in flight: three texts,
    and then their parts, as one of them may be refused.
    """
    undisturbed = tmp_path / "undisturbed"
    first_fake = EmbeddingFake()
    first_fake.run(make_job(TEXTS, undisturbed, npy=True, concurrency=1)).unwrap()
    total, expected = crashes.count, read_files(undisturbed)
    for step in thin(range(total)):
        output = tmp_path / "out"
        fake = EmbeddingFake()
        job = make_job(TEXTS, output, npy=True, concurrency=1)
        crashes.count, crashes.crash_at, crashes.is_partial = 0, step, is_partial
        with pytest.raises(SimulatedCrash):
            fake.run(job)
        crashes.crash_at = -1
        fake.run(job).unwrap()
        assert read_files(output) == expected, f"step {step}"
        assert [each.name for each in (output / "_job").iterdir() if each.suffix in (".journal", ".sqlite")] == []
        assert fake.sent.counts.total() - first_fake.sent.counts.total() <= 3 + (1 + 2) + (1 + 1), f"step {step}"
        shutil.rmtree(output)


def test_disk_full_at_every_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, thin: Any) -> None:
    """
    A disk that is full at any change to a file is an `OutputError`; once there is space, the job continues.

    Every third change is tried; the task ``jobs`` tries all.
    """
    crashes = CrashingDisk(monkeypatch, lambda: OSError(28, "No space left on device"))
    total = count_steps(crashes, make_job(TEXTS, tmp_path / "undisturbed"))
    expected = read_files(tmp_path / "undisturbed")
    for step in thin(range(total)):
        fake = EmbeddingFake()
        job = make_job(TEXTS, tmp_path / "out")
        crashes.count, crashes.crash_at, crashes.is_partial = 0, step, bool(step % 2)
        result = fake.run(job)
        crashes.crash_at = -1
        if isinstance(result, Failure):  # the removal of the index is not worth a failure
            assert isinstance(result.failure(), OutputError)
            assert "No space left" in str(result.failure())
        fake.run(job).unwrap()
        assert read_files(tmp_path / "out") == expected, f"step {step}"
        shutil.rmtree(tmp_path / "out")


@settings(max_examples=40)
@given(
    texts=st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", REFUSED, "", "g", "h", "i", "j"]), max_size=30),
    shard_size=st.integers(1, 9),
    batch_size=st.integers(1, 5),
    concurrency=st.integers(1, 3),
    points=st.lists(st.integers(0, 60), max_size=3),
)
def test_crashes_anywhere(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    shard_size: int,
    batch_size: int,
    concurrency: int,
    points: list[int],
) -> None:
    """Whatever the sizes are, and however often it crashes, a resumed job has the output of one that was not."""
    folder = tmp_path_factory.mktemp("jobs")
    sizes: dict[str, Any] = {"shard_size": shard_size, "concurrency": concurrency}
    EmbeddingFake().run(make_job(texts, folder / "undisturbed", batch_size=1, **sizes)).unwrap()
    job = make_job(texts, folder / "out", batch_size=batch_size, **sizes)
    for point in points:
        with pytest.MonkeyPatch.context() as patch:
            crashes = CrashingDisk(patch)
            crashes.crash_at = point
            try:
                EmbeddingFake().run(job)
            except SimulatedCrash:
                continue
    EmbeddingFake().run(job).unwrap()
    assert read_files(folder / "out") == read_files(folder / "undisturbed")


def test_finished_job(tmp_path: Path) -> None:
    """A job that is finished sends nothing, and returns the same summary; an iterable is read again."""
    fake = EmbeddingFake()
    first = fake.run(make_job(iter(TEXTS), tmp_path)).unwrap()
    files, sent = read_files(tmp_path), len(fake.sent.batches)
    second = fake.run(make_job(iter(TEXTS), tmp_path)).unwrap()
    assert (len(fake.sent.batches), second.sent) == (sent, 0)
    assert (second.rows, second.embedded, second.shards) == (first.rows, first.embedded, first.shards)
    assert read_files(tmp_path) == files


@pytest.mark.parametrize(
    ("name", "value"),
    (
        ("model", "gemini-embedding-2"),
        ("config", {"task_type": "RETRIEVAL_QUERY"}),
        ("shard_size", 9),
        ("keep_text", True),
        ("max_text_bytes", 5),
        ("text_column", "body"),
    ),
)
def test_changed_settings(tmp_path: Path, name: str, value: Any) -> None:
    """Other settings are an error that names them, and nothing changes."""
    fake = EmbeddingFake()
    fake.run(make_job(TEXTS, tmp_path)).unwrap()
    files = read_files(tmp_path)
    error = fake.run(make_job(TEXTS, tmp_path, **{name: value})).failure()
    assert isinstance(error, SettingsChanged)
    assert error.names == (name,)
    assert name in str(error)
    assert read_files(tmp_path) == files


def test_settings_that_may_change(tmp_path: Path) -> None:
    """What does not change the output may change."""
    EmbeddingFake().run(make_job(TEXTS, tmp_path)).unwrap()
    job = make_job(TEXTS, tmp_path, concurrency=5, batch_size=50, max_batch_bytes=100, max_batch_tokens=10)
    assert EmbeddingFake().run(job).unwrap().sent == 0


@pytest.mark.parametrize(
    "texts",
    (
        [*TEXTS[:3], "changed", *TEXTS[4:]],
        TEXTS[:-1],
        [*TEXTS, "more"],
        [*TEXTS, *TEXTS],
        TEXTS[:8],
        [],
        ["", *TEXTS],
        TEXTS[1:],
    ),
)
def test_changed_rows(tmp_path: Path, texts: list[str]) -> None:
    """Rows that differ from those that were embedded are an error, also of an iterable, and nothing is sent."""
    fake = EmbeddingFake()
    fake.run(make_job(TEXTS, tmp_path)).unwrap()
    files, sent = read_files(tmp_path), len(fake.sent.batches)
    error = fake.run(make_job(texts, tmp_path)).failure()
    assert isinstance(error, SettingsChanged)
    assert error.names == ("source",)
    assert (read_files(tmp_path), len(fake.sent.batches)) == (files, sent)


def test_changed_rows_in_a_journal(tmp_path: Path) -> None:
    """The rows of an unfinished shard must be the same, too."""
    fake, texts = StoppingFake(after=1), list("abcdefgh")
    assert isinstance(fake.run(make_job(texts, tmp_path)).failure(), BatchFailed)
    error = EmbeddingFake().run(make_job([*texts[:2], "changed", *texts[3:]], tmp_path)).failure()
    assert isinstance(error, SettingsChanged)
    assert error.names == ("source",)


def test_changed_files(tmp_path: Path) -> None:
    """A file more, or of another size, is an error before anything is read; a folder may be moved."""
    source = tmp_path / "texts"
    source.mkdir()
    for number, text in enumerate(TEXTS):
        (source / f"{number:03}.txt").write_text(text, encoding="utf-8")
    fake = EmbeddingFake()
    fake.run(make_job(source, tmp_path / "out")).unwrap()
    moved = source.rename(tmp_path / "moved")
    assert fake.run(make_job(moved, tmp_path / "out")).unwrap().sent == 0
    (moved / "more.txt").write_text("more", encoding="utf-8")
    error = fake.run(make_job(moved, tmp_path / "out")).failure()
    assert isinstance(error, SettingsChanged)
    assert error.names == ("source",)


class StoppingFake(EmbeddingFake):
    """A fake with a quota for a number of requests."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def answer(self, request: Any) -> Any:
        return super().answer(request) if len(self.sent.batches) < self.after else RateLimited(429)


def test_quota(tmp_path: Path) -> None:
    """A job that is stopped again and again by its quota ends after all, and sends no text twice."""
    texts = [f"text {number}" for number in range(50)]
    counts: dict[str, int] = {}
    for _ in range(40):
        fake = StoppingFake(after=1)
        result = fake.run(make_job(iter(texts), tmp_path))
        counts |= {text: counts.get(text, 0) + count for text, count in fake.sent.counts.items()}
        if not isinstance(result, Failure):
            break
        assert isinstance(result.failure().error, RateLimited)
    assert counts == dict.fromkeys(texts, 1)
    assert [each["row"] for each in read_rows(tmp_path)] == list(range(50))


# Existing outputs


def test_fail_if_exists(tmp_path: Path) -> None:
    """``if_exists="fail"`` refuses the output of any job, and starts one in an empty folder."""
    job = make_job(TEXTS, tmp_path, if_exists="fail")
    assert EmbeddingFake().run(job).unwrap()
    error = EmbeddingFake().run(job).failure()
    assert isinstance(error, OutputError)
    assert "if_exists" in str(error)


def test_restart(tmp_path: Path) -> None:
    """``if_exists="restart"`` removes what another job has written, and nothing else."""
    EmbeddingFake().run(make_job(TEXTS, tmp_path, npy=True)).unwrap()
    (tmp_path / "shard-notes.parquet").write_bytes(b"mine")
    fake = EmbeddingFake()
    assert fake.run(make_job(["one", "two"], tmp_path, if_exists="restart", shard_size=100)).unwrap().sent == 2
    assert sorted(read_files(tmp_path)) == ["_manifest.json", "shard-00000.parquet", "shard-notes.parquet"]


def test_restart_with_a_wrong_source(tmp_path: Path) -> None:
    """A restart whose source cannot be read removes nothing."""
    EmbeddingFake().run(make_job(TEXTS, tmp_path / "out")).unwrap()
    files = read_files(tmp_path / "out")
    assert EmbeddingFake().run(make_job(str(tmp_path / "none.csv"), tmp_path / "out", if_exists="restart")).failure()
    assert read_files(tmp_path / "out") == files


def test_foreign_folder(tmp_path: Path) -> None:
    """A folder with anything else, and a file, are refused, and stay as they are."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    for output in (tmp_path, tmp_path / "notes.txt"):
        for if_exists in ("resume", "restart", "fail"):
            error = EmbeddingFake().run(make_job(TEXTS, output, if_exists=if_exists)).failure()
            assert isinstance(error, OutputError)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "content", (b"", b"{", b"[]", b'{"format": 2}', b'{"format": 1}', b'{"format": 1, "npy": "\xff"}')
)
def test_damaged_manifest(tmp_path: Path, content: bytes) -> None:
    """A manifest that is damaged, or of a later version, is an error that names it."""
    EmbeddingFake().run(make_job(TEXTS, tmp_path)).unwrap()
    (tmp_path / "_manifest.json").write_bytes(content)
    for call in (lambda: EmbeddingFake().run(make_job(TEXTS, tmp_path)).alt(_raise), lambda: read_manifest(tmp_path)):
        with pytest.raises(OutputError, match=r"_manifest\.json"):
            call()


@pytest.mark.parametrize("content", (b"\xff", b'{"row":0,"text":"\xff"', b'{"text_hash":"x"}'))
def test_damaged_letters(tmp_path: Path, content: bytes) -> None:
    """A file of dead letters that is damaged is an error that names it."""
    EmbeddingFake().run(make_job(["a", ""], tmp_path)).unwrap()
    path = tmp_path / "_dead_letters.jsonl"
    path.write_bytes(content.ljust(path.stat().st_size))
    error = EmbeddingFake().run(make_job(["a", ""], tmp_path)).failure()
    assert isinstance(error, OutputError)
    assert (error.path, error.reason.partition(":")[0]) == (str(path), "damaged")


def _raise(error: Exception) -> None:
    raise error


def test_no_manifest(tmp_path: Path) -> None:
    """A folder without a manifest is an error of its reader."""
    with pytest.raises(OutputError, match="No such file"):
        read_manifest(tmp_path)


def test_missing_shard(tmp_path: Path) -> None:
    """A shard that is missing, cut or damaged is an error that names it."""
    job = make_job(TEXTS, tmp_path)
    EmbeddingFake().run(job).unwrap()
    shard = tmp_path / "shard-00001.parquet"
    content = shard.read_bytes()
    for damage in (content[:-10], bytes(len(content)), None):
        shard.unlink() if damage is None else shard.write_bytes(damage)
        error = EmbeddingFake().run(job).failure()
        assert isinstance(error, OutputError)
        assert "shard-00001" in str(error)


def test_checksums(tmp_path: Path) -> None:
    """A shard in which some bytes have changed is found by its checksum, if a job is to compare it."""
    job = make_job(TEXTS, tmp_path, verify_checksums=True)
    EmbeddingFake().run(job).unwrap()
    assert EmbeddingFake().run(job).unwrap().sent == 0
    shard = tmp_path / "shard-00001.parquet"
    content = shard.read_bytes()
    vector = next(each["vector"] for each in read_rows(tmp_path) if each["row"] >= 8)
    start = content.index(np.array(vector, "<f4").tobytes())
    shard.write_bytes(content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :])
    error = EmbeddingFake().run(job).failure()
    assert isinstance(error, OutputError)
    assert "checksum" in str(error)


def test_cut_dead_letters(tmp_path: Path) -> None:
    """Dead letters that are missing are an error; what follows them is of a run that was interrupted."""
    job = make_job(TEXTS, tmp_path)
    EmbeddingFake().run(job).unwrap()
    path = tmp_path / "_dead_letters.jsonl"
    content = path.read_bytes()
    path.write_bytes(content + b"{")
    assert EmbeddingFake().run(job).unwrap()
    path.write_bytes(content[:-1])
    assert isinstance(EmbeddingFake().run(job).failure(), OutputError)


def test_lock(tmp_path: Path) -> None:
    """Two jobs on one folder exclude each other, and the second changes nothing."""
    EmbeddingFake().run(make_job(TEXTS, tmp_path)).unwrap()
    other = OutputFolder(str(tmp_path))
    other.acquire()
    error = EmbeddingFake().run(make_job(TEXTS, tmp_path, if_exists="restart")).failure()
    assert error == FolderLocked(str(tmp_path))
    other.release()
    assert EmbeddingFake().run(make_job(TEXTS, tmp_path)).unwrap()


def test_unlocked_after_each_run(tmp_path: Path) -> None:
    """A run that fails or raises leaves the folder unlocked."""

    def yield_texts() -> Iterator[str]:
        yield "a"
        raise LookupError("of the user")

    with pytest.raises(LookupError):
        EmbeddingFake().run(make_job(yield_texts(), tmp_path))
    assert EmbeddingFake().run(make_job(["a"], tmp_path)).unwrap().rows == 1


def test_other_failures_lose_nothing(tmp_path: Path) -> None:
    """A response with too few vectors ends the job with the place of its first row; the rest is resumed."""
    answers: list[Any] = [build_array_response([1.0, 2.0]), CountMismatch(2, 1), Closed()]
    source = tmp_path / "texts.jsonl"
    source.write_text("".join(json.dumps({"text": each}) + "\n" for each in "abcd"), encoding="utf-8")
    job = make_job(source, tmp_path / "out", batch_size=1, concurrency=1)
    error = Fake({"embed.numpy": answers})(job.flow()).failure()
    assert error == BatchFailed("texts.jsonl", 1, 1, CountMismatch(2, 1))
    assert str(error) == "texts.jsonl, row 1: expected 2 items, got 1"
    more = [build_array_response([1.0, float(number)]) for number in range(3)]
    assert Fake({"embed.numpy": more})(job.flow()).unwrap().embedded == 4
    assert [each["vector"] for each in read_rows(tmp_path / "out")] == [[1, 2], [1, 0], [1, 1], [1, 2]]
