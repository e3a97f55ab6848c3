"""Embedding jobs through batch jobs of the service: output, crashes, failures, and what is left on the server."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from genai_fn import Failure, Gemini, Http, InvalidRequest, Offline, Retry, Success, Vertex, batches, files
from genai_fn.effects import EffectFailed, Effects, SendRequest
from genai_fn.emulator.batches import gemini_batches
from genai_fn.emulator.server.injected_faults import InjectedFault
from genai_fn.errors import (
    ClientError,
    CountMismatch,
    Disconnected,
    OperationFailed,
    RateLimited,
    ServerError,
    Unsupported,
)
from genai_fn.events import EmbeddingProgress
from genai_fn.jobs import BatchFailed, OutputError, SettingsChanged, read_manifest
from genai_fn.middleware import TransportWrapper
from genai_fn.testing import Emulator, serve_emulator
from tests.support.batch_services import BROKEN, BatchService, make_batch_job, refuse_texts
from tests.support.embedding_jobs import REFUSED, read_files, read_letters, read_rows
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, make_gemini, wait_until
from tests.support.job_crashes import CrashingDisk, SimulatedCrash

TEXTS = [f"text {number % 13}" if number % 9 else f"{REFUSED} {number % 2}" for number in range(19)] + [""]

FEW_TEXTS = [*TEXTS[:9], "text 1", "", "text 20"]
"""Two shards: two batch jobs with files and an inlined one, a refused text, and one that both shards have."""


@pytest.fixture(autouse=True)
def refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator refuses some texts."""
    refuse_texts(monkeypatch)


# Output


def test_same_as_online(kind: InterpreterKind, tmp_path: Path) -> None:
    """Through batch jobs, a job writes the rows of one through requests, with every interpreter, over a socket."""
    emulator = Emulator()
    with serve_emulator(emulator) as url:
        backend = make_gemini(url)
        summary = kind.run(backend, make_batch_job(TEXTS, tmp_path / "batch", poll_interval=0.001).flow()).unwrap()
        online = make_batch_job(TEXTS, tmp_path / "online", through="online")
        expected = kind.run(backend, online.flow()).unwrap()
        assert kind.run(backend, batches.list()).unwrap().batch_jobs == ()
        assert kind.run(backend, files.list()).unwrap().files == ()
    assert read_rows(tmp_path / "batch") == read_rows(tmp_path / "online")
    letters = [[(each["row"], each["text"]) for each in read_letters(tmp_path / name)] for name in ("batch", "online")]
    assert letters[0] == letters[1]
    assert [each["error"]["type"] for each in read_letters(tmp_path / "batch")] == ["ClientError"] * 3 + [
        "UnusableText"
    ]
    assert (summary.rows, summary.embedded, summary.failed) == (expected.rows, expected.embedded, expected.failed)
    assert [each for each in (tmp_path / "batch" / "_job").iterdir() if each.name != "lock"] == []


def test_files_and_inlined(tmp_path: Path) -> None:
    """Small batch jobs contain their requests; those of others are in a file, whose keys are the rows."""
    service = BatchService()
    service.run(make_batch_job(TEXTS, tmp_path).flow()).unwrap()
    bodies = [body for method, url, body in service.requests if url.endswith(":asyncBatchEmbedContent")]
    assert {b'"fileName"' in each for each in bodies} == {True, False}
    assert len(service.created) == len(set(service.created))
    assert service.list_names() == []


def test_many_texts(tmp_path: Path) -> None:
    """A text is sent once, however often it occurs, and the results of a batch job are stored in parts."""
    service = BatchService()
    texts = [f"text {number % 700}" for number in range(2000)]
    job = make_batch_job(texts, tmp_path, shard_size=1000, batch_size=None)
    summary = service.run(job.flow()).unwrap()
    assert (summary.sent, summary.duplicates, len(service.created)) == (700, 1300, 1)


def test_progress(kind: InterpreterKind, tmp_path: Path) -> None:
    """While a batch job runs, the progress contains its numbers, where it has them; the last event has all."""
    events: list[Any] = []
    with serve_emulator(Emulator()) as url:
        job = make_batch_job(TEXTS, tmp_path, poll_interval=0.001)
        kind.run(make_gemini(url), job.flow(), on_event=events.append).unwrap()
    progress = [each for each in events if isinstance(each, EmbeddingProgress)]
    assert (progress[-1].done, progress[-1].failed) == (12, 3)
    assert all(each.total == len(TEXTS) for each in progress)


def test_progress_of_a_running_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Texts of a batch job that runs count as done or failed as soon as the server counts them."""
    events: list[Any] = []
    stats = {"request_count": 5, "pending_request_count": 1, "successful_request_count": 3, "failed_request_count": 1}
    build = gemini_batches.EmulatedBatchStats
    monkeypatch.setattr(gemini_batches, "EmulatedBatchStats", lambda **_: build(**stats))
    with serve_emulator(Emulator()) as url:
        job = make_batch_job(TEXTS[1:6], tmp_path, poll_interval=0.001)
        with Http(make_gemini(url), on_event=events.append) as run:
            run(job.flow()).unwrap()
    progress = [(each.done, each.failed) for each in events if isinstance(each, EmbeddingProgress)]
    assert progress[0] == (0, 0)
    assert (3, 1) in progress
    assert progress[-1] == (5, 0)


# Crashes


@pytest.mark.parametrize("is_partial", (False, True))
def test_crash_at_every_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_partial: bool, thin: Any) -> None:
    """
    A run may end at any change to a file and at any request: the output is that of an undisturbed run.

    Every third step is tried, and with a part of it done the one after; the task ``jobs`` tries all.

    No batch job is created twice, also if the response to its creation is lost, and none is left, nor is any file.
    """
    crashes = CrashingDisk(monkeypatch)
    undisturbed = BatchService(crashes)
    undisturbed.run(make_batch_job(FEW_TEXTS, tmp_path / "undisturbed", concurrency=1).flow()).unwrap()
    total, expected = crashes.count, read_files(tmp_path / "undisturbed")
    for step in thin(range(total)):
        service = BatchService(crashes)
        job = make_batch_job(FEW_TEXTS, tmp_path / "out", concurrency=1)
        crashes.count, crashes.crash_at, crashes.is_partial = 0, step, is_partial
        with pytest.raises(SimulatedCrash):
            service.run(job.flow())
        crashes.crash_at = -1
        service.run(job.flow()).unwrap()
        assert read_files(tmp_path / "out") == expected, f"step {step}"
        assert len(service.created) == len(undisturbed.created), f"step {step}"
        assert service.list_names() == [], f"step {step}"
        left = {each.name for each in (tmp_path / "out" / "_job").iterdir()} - {"lock", "texts.sqlite"}
        assert left == set(), f"step {step}"
        shutil.rmtree(tmp_path / "out")


@settings(max_examples=25)
@given(
    texts=st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", REFUSED, "", "g", "h", "i", "j"]), max_size=30),
    shard_size=st.integers(1, 9),
    batch_size=st.integers(1, 5),
    concurrency=st.integers(1, 3),
    points=st.lists(st.integers(0, 120), max_size=4),
)
def test_crashes_anywhere(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    shard_size: int,
    batch_size: int,
    concurrency: int,
    points: list[int],
) -> None:
    """Whatever the sizes are, and however often it crashes, the output is the same, and each job is created once."""
    folder = tmp_path_factory.mktemp("jobs")
    sizes: dict[str, Any] = {"shard_size": shard_size, "concurrency": concurrency, "batch_size": batch_size}
    undisturbed = BatchService()
    undisturbed.run(make_batch_job(texts, folder / "undisturbed", **sizes).flow()).unwrap()
    job = make_batch_job(texts, folder / "out", **sizes)
    with pytest.MonkeyPatch.context() as patch:
        crashes = CrashingDisk(patch)
        service = BatchService(crashes)
        for index, point in enumerate(points):
            crashes.count, crashes.crash_at, crashes.is_partial = 0, point, bool(index % 2)
            try:
                service.run(job.flow())
            except SimulatedCrash:
                continue
        crashes.crash_at = -1
        service.run(job.flow()).unwrap()
    assert read_files(folder / "out") == read_files(folder / "undisturbed")
    assert len(service.created) == len(undisturbed.created)
    assert service.list_names() == []


def test_results_wait_for_no_run(tmp_path: Path) -> None:
    """A batch job goes on without its run; that which is resumed takes its results, and does not create another."""
    service = BatchService()
    stopping = service.run.with_middleware(transport=_make_failing(":asyncBatchEmbedContent", 2))
    error = stopping(make_batch_job(TEXTS, tmp_path, concurrency=1).flow()).failure()
    assert isinstance(error, BatchFailed)
    assert isinstance(error.error, Disconnected)
    summary = service.run(make_batch_job(TEXTS, tmp_path).flow()).unwrap()
    assert summary.rows == len(TEXTS)
    assert len(set(service.created)) == len(service.created)


def _make_failing(part: str, at: int, *, is_sent: bool = False) -> Any:
    """Make a transport that fails the requests with a part in the URL from a number on, counted from 1."""
    count = 0

    class Failing(TransportWrapper):
        def send(self, effect: SendRequest) -> Effects[Any]:
            nonlocal count
            count += part in effect.request.url and effect.request.method == "POST"
            if part not in effect.request.url or effect.request.method != "POST" or count < at:
                return (yield from self.inner.send(effect))
            if is_sent:
                yield from self.inner.send(effect)
            return EffectFailed(Disconnected("reading the response", sent=True))

    return Failing


def test_lost_response(tmp_path: Path) -> None:
    """If the response to a creation is lost, the batch job is found by its display name, in the same run."""
    service = BatchService()
    run = service.run.with_middleware(transport=_make_failing(":asyncBatchEmbedContent", 1, is_sent=True))
    assert run(make_batch_job(TEXTS, tmp_path).flow()).unwrap().rows == len(TEXTS)
    assert len(set(service.created)) == len(service.created)
    assert service.list_names() == []


# Failures


def test_failed_lines(tmp_path: Path) -> None:
    """A request that fails for its text is a dead letter; the others of its batch job have vectors."""
    service = BatchService()
    texts = [*map(str, range(8)), f"{BROKEN} 1", "9"]
    summary = service.run(make_batch_job(texts, tmp_path).flow()).unwrap()
    (letter,) = read_letters(tmp_path)
    assert (letter["row"], letter["error"]["type"], letter["error"]["code"]) == (8, "OperationFailed", 5)
    assert summary.embedded == 9


def test_temporary_failures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A request that fails for a reason of the service ends the job; resumed, it is in a new batch job alone."""
    service = BatchService()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemini_batches, "build_rpc_status", lambda fault: {"code": 14, "message": "busy"})
        error = service.run(
            make_batch_job([*"abcdefgh", BROKEN], tmp_path, shard_size=9, batch_size=9).flow()
        ).failure()
    assert error == BatchFailed("", 8, 1, ServerError(503, "UNAVAILABLE", "busy"))
    job = make_batch_job([*"abcdefgh", BROKEN], tmp_path, shard_size=9, batch_size=9)
    assert service.run(job.flow()).unwrap().sent == 1
    assert len(service.created) == 2
    assert service.list_names() == []


@pytest.mark.parametrize("state", ("BATCH_STATE_FAILED", "BATCH_STATE_EXPIRED", "BATCH_STATE_CANCELLED"))
def test_failed_job(tmp_path: Path, state: str) -> None:
    """A batch job that has failed ends the job with its reason; others are kept, and its texts are tried again."""
    service = BatchService()
    finish = gemini_batches._finish_batch

    def finish_third(batch: Any, _: str, request: Any) -> Any:
        is_third = batch.resource.display_name == service.created[-1]
        return finish(batch, state if is_third else "BATCH_STATE_SUCCEEDED", request)

    job = make_batch_job([str(number) for number in range(20)], tmp_path, concurrency=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemini_batches, "_finish_batch", finish_third)
        error = service.run(job.flow()).failure()
    assert isinstance(error, BatchFailed)
    assert isinstance(error.error, OperationFailed)
    assert [each for each in service.list_names() if each.startswith("batches/")], "it stays, for its reason"
    created, stored = len(service.created), len(list((tmp_path / "_job").iterdir()))
    assert stored
    summary = service.run(job.flow()).unwrap()
    assert (summary.rows, summary.embedded) == (20, 20)
    assert len(service.created) > created


def test_deleted_job(tmp_path: Path) -> None:
    """A batch job that someone has deleted is an error, and the next run creates another."""
    service = BatchService()
    job = make_batch_job(["a", "b", "c"], tmp_path)
    _run_until_created(service, job)
    (name,) = (each for each in service.list_names() if each.startswith("batches/"))
    service.offline(batches.delete(name)).unwrap()
    error = service.run(job.flow()).failure()
    assert isinstance(error, BatchFailed)
    assert isinstance(error.error, ClientError)
    assert service.run(job.flow()).unwrap().embedded == 3


def _run_until_created(service: BatchService, job: Any) -> None:
    """Run a job until its first look at a batch job, which fails."""

    class Failing(TransportWrapper):
        def send(self, effect: SendRequest) -> Effects[Any]:
            if effect.request.method == "GET" and "/batches/" in effect.request.url:
                return EffectFailed(Disconnected("reading the response", sent=True))
            return (yield from self.inner.send(effect))

    assert isinstance(service.run.with_middleware(transport=Failing)(job.flow()), Failure)


LINES = {
    "empty": lambda _: b"",
    "not JSON": lambda data: b"{" + data,
    "no key": lambda data: data.replace(b'"key":"3"', b'"name":"3"'),
    "other keys": lambda data: data.replace(b'"key":"3"', b'"key":"' + b"3" * 5000 + b'"'),
    "no number": lambda data: data.replace(b'"key":"3"', b'"key":"three"'),
    "cut": lambda data: data[:-30],
    "twice": lambda data: data.splitlines(keepends=True)[0] * 5,
    "nothing": lambda data: data.replace(b'"response"', b'"reply"'),
    "no vectors": lambda data: data.replace(b'"values"', b'"numbers"'),
    "no numbers": lambda data: b"\n".join(each[: each.index(b"[")] + b"[]}}}" for each in data.splitlines()),
    "vectors elsewhere": lambda data: data.replace(b'"embedding":{"values"', b'"embedding":{},"note":{"values"'),
    "texts": lambda data: data.replace(b'"values":[', b'"values":["a",'),
    "longer": lambda data: data.replace(b'"values":[', b'"values":[1,', 1),
    "nested": lambda data: data.replace(b'"values":[', b'"values":' + b"[" * 100_000),
    "null": lambda data: b"null\n[]\n1\n" + data.replace(b'"key":"3"', b'"key":null'),
}


@pytest.mark.parametrize("name", LINES)
def test_hostile_results(tmp_path: Path, name: str) -> None:
    """Whatever a file of results contains, it ends the job with an error; the next run embeds what is lacking."""
    service = BatchService()
    save = gemini_batches.save_generated_file

    def save_changed(state: Any, request: Any, data: bytes, *args: Any, **more: Any) -> Any:
        return save(state, request, LINES[name](data), *args, **more)

    job = make_batch_job(list("abcde"), tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemini_batches, "save_generated_file", save_changed)
        result = service.run(job.flow())
    assert isinstance(result.failure(), BatchFailed)
    assert service.run(job.flow()).unwrap().embedded == 5
    assert [each["row"] for each in read_rows(tmp_path)] == [0, 1, 2, 3, 4]
    assert service.list_names() == []


def test_missing_results(tmp_path: Path) -> None:
    """A batch job that has ended without results, or with too few, ends the job; the next run creates another."""
    service = BatchService()
    finish = gemini_batches._finish_batch

    def finish_without_output(batch: Any, state: str, request: Any) -> Any:
        return finish(batch.update(request.now, output={}), state, request)

    job = make_batch_job(["a", "b"], tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemini_batches, "_finish_batch", finish_without_output)
        error = service.run(job.flow()).failure()
    assert error == BatchFailed("", 0, 2, CountMismatch(2, 0))
    assert service.run(job.flow()).unwrap().embedded == 2


def test_deleted_results(tmp_path: Path) -> None:
    """If the file of the results is deleted, or has expired, the job ends, and the next run creates another."""
    service = BatchService()

    class Deleting(TransportWrapper):
        def send(self, effect: SendRequest) -> Effects[Any]:
            if ":download" in effect.request.url:
                name = effect.request.url.partition("/v1beta/")[2].partition(":")[0]
                service.offline(files.delete(name)).unwrap()
            return (yield from self.inner.send(effect))

    job = make_batch_job(["a", "b", "c"], tmp_path)
    error = service.run.with_middleware(transport=Deleting)(job.flow()).failure()
    assert isinstance(error, BatchFailed)
    assert isinstance(error.error, ClientError)
    assert service.run(job.flow()).unwrap().embedded == 3
    assert len(service.created) == 2


def test_closed_while_it_waits(kind: InterpreterKind, tmp_path: Path) -> None:
    """Closing the interpreter ends a run that waits, and unlocks the folder; the next run takes the results."""
    emulator = Emulator()
    with serve_emulator(emulator) as url:
        job = make_batch_job(["a", "b", "c"], tmp_path, poll_interval=1000)

        async def body(run: AwaitableInterpreter) -> None:
            async def work() -> Any:
                return await run(job.flow())

            async def close() -> None:
                await run.run_blocking(wait_until, lambda: any("batches/" in each.path for each in emulator.received))
                await run.close()

            outcome, _ = await run.run_concurrently(work, close)
            assert isinstance(outcome, Failure)

        kind.run_body(make_gemini(url), body)
        assert kind.run(make_gemini(url), replace(job, poll_interval=0.001).flow()).unwrap().embedded == 3
        created = [each for each in emulator.received if each.path.endswith(":asyncBatchEmbedContent")]
    assert len(created) == 1


def test_other_rows(tmp_path: Path) -> None:
    """The rows that are in a batch job must be the same when the job is resumed."""
    service = BatchService()
    _run_until_created(service, make_batch_job(["a", "b", "c"], tmp_path))
    error = service.run(make_batch_job(["a", "b", "d"], tmp_path).flow()).failure()
    assert isinstance(error, SettingsChanged)
    assert error.names == ("source",)


@pytest.mark.parametrize("more", ({"through": "online"}, {"if_exists": "restart"}))
def test_cancelled_jobs(tmp_path: Path, more: dict[str, Any]) -> None:
    """A job that goes on through requests, or starts anew, cancels and deletes the batch jobs that are left."""
    service = BatchService()
    _run_until_created(service, make_batch_job(["a", "b", "c"], tmp_path))
    assert service.list_names() != []
    assert service.run(make_batch_job(["a", "b", "c"], tmp_path, **more).flow()).unwrap().embedded == 3
    assert service.list_names() == []
    assert service.count("POST", ":cancel") == 1


def test_restart_with_other_settings(tmp_path: Path) -> None:
    """What is left of a job with other settings is never taken for the results of this one."""
    service = BatchService()
    _run_until_created(service, make_batch_job(["a", "b", "c"], tmp_path))
    job = make_batch_job(["a", "b", "c"], tmp_path, if_exists="restart", config={"output_dimensionality": 6})
    with pytest.MonkeyPatch.context() as patch:
        crashes = CrashingDisk(patch)
        crashes.crash_at = 5
        with pytest.raises(SimulatedCrash):
            service.run(job.flow())
    assert service.run(job.flow()).unwrap().dimensions == 6
    assert service.list_names() == []


def test_quota_of_jobs(tmp_path: Path) -> None:
    """If there is no quota for one more batch job, it waits until those that run have ended."""
    has_looked, is_refused = threading.Event(), threading.Event()
    creations = 0

    class Quota(TransportWrapper):
        def send(self, effect: SendRequest) -> Effects[Any]:
            nonlocal creations
            request = effect.request
            if request.url.endswith(":asyncBatchEmbedContent"):
                creations += 1
                if creations == 2:
                    has_looked.wait(60)
                    effect = replace(effect, request=replace(request, headers=(*request.headers, REFUSAL)))
                    response = yield from self.inner.send(effect)
                    is_refused.set()
                    return response
            if request.method == "GET" and "/batches/" in request.url:
                has_looked.set()
                is_refused.wait(60)
            return (yield from self.inner.send(effect))

    texts = [str(number) for number in range(10)]
    with serve_emulator(Emulator()) as url, Http(make_gemini(url), retry=Retry(attempts=1)) as http:
        job = make_batch_job(texts, tmp_path, shard_size=5, poll_interval=0.001)
        assert http.with_middleware(transport=Quota)(job.flow()).unwrap().embedded == 10
    assert creations == 3


REFUSAL = ("x-emulate", "status=429")


def test_no_quota(tmp_path: Path) -> None:
    """If there is no quota for the only batch job, that ends the job; resumed, it is created once."""
    emulator = Emulator(faults=[InjectedFault(status=429)])
    with serve_emulator(emulator) as url, Http(make_gemini(url), retry=Retry(attempts=1)) as http:
        job = make_batch_job(["a", "b"], tmp_path, poll_interval=0.001)
        error = http(job.flow()).failure()
        assert isinstance(error, BatchFailed)
        assert isinstance(error.error, RateLimited)
        assert http(job.flow()).unwrap().embedded == 2


def test_vertex(tmp_path: Path) -> None:
    """Vertex AI has no batches of embeddings: that is said by name, before the folder is created."""
    error = Offline(Vertex("p", "us-central1"))(make_batch_job(["a"], tmp_path / "out").flow()).failure()
    assert isinstance(error, Unsupported)
    assert "batches of embeddings" in str(error)
    assert not (tmp_path / "out").exists()


def test_unsupported_config(tmp_path: Path) -> None:
    """A field that the backend does not have is refused by its name, and not left out of the lines."""
    job = make_batch_job(["a"], tmp_path / "out", config={"auto_truncate": True})
    error = Offline(Gemini())(job.flow()).failure()
    assert isinstance(error, Unsupported)
    assert "auto_truncate" in str(error)


@pytest.mark.parametrize(("name", "value"), (("through", "post"), ("poll_interval", 0), ("verify_checksums", 1)))
def test_wrong_parameters(tmp_path: Path, name: str, value: Any) -> None:
    """A parameter of the wrong type or value is an error at once."""
    with pytest.raises(InvalidRequest, match=name):
        make_batch_job(["a"], tmp_path, **{name: value})


def test_too_large_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A source file that the service would refuse is not uploaded; the error names the parameter."""
    monkeypatch.setattr("genai_fn.jobs.output.batch_states._MAX_FILE_BYTES", 100)
    service = BatchService()
    error = service.run(make_batch_job(["a", "b", "c", "d"], tmp_path).flow()).failure()
    assert isinstance(error, OutputError)
    assert "max_batch_bytes" in str(error)
    assert service.requests == []


def test_disk_full_at_every_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, thin: Any) -> None:
    """
    A disk that is full at any change to a file is an `OutputError`; once there is space, the job continues.

    Every third change is tried; the task ``jobs`` tries all.
    """
    crashes = CrashingDisk(monkeypatch, lambda: OSError(28, "No space left on device"))
    BatchService().run(make_batch_job(FEW_TEXTS, tmp_path / "undisturbed").flow()).unwrap()
    total, expected = crashes.count, read_files(tmp_path / "undisturbed")
    for step in thin(range(total)):
        service = BatchService()
        job = make_batch_job(FEW_TEXTS, tmp_path / "out")
        crashes.count, crashes.crash_at, crashes.is_partial = 0, step, bool(step % 2)
        result = service.run(job.flow())
        crashes.crash_at = -1
        if isinstance(result, Failure):
            assert isinstance(result.failure(), OutputError)
        assert isinstance(service.run(job.flow()), Success)
        assert read_files(tmp_path / "out") == expected, f"step {step}"
        assert len(set(service.created)) == len(service.created)
        shutil.rmtree(tmp_path / "out")


def test_manifest_of_a_batch(tmp_path: Path) -> None:
    """The output does not depend on the way: a finished job is finished for both."""
    service = BatchService()
    service.run(make_batch_job(TEXTS, tmp_path).flow()).unwrap()
    manifest = read_manifest(tmp_path)
    assert service.run(make_batch_job(TEXTS, tmp_path, through="online").flow()).unwrap().sent == 0
    assert read_manifest(tmp_path) == manifest
