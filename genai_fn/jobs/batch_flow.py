"""
Turns rows into vectors by batch jobs of the service, which take up to a day, at half the price.

A batch job has five steps: its state is written to a file, its source file is uploaded, unless the requests are sent
with the job, it is created, it is polled until it has ended, and its results are downloaded and stored. Then the job
and its files are deleted. A run may end after any step: the next one continues from the state.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Gemini
from genai_fn.commands import StreamReader, ask, attempt, sleep
from genai_fn.effects import CallFunction, FlowFailed, GetTime, Notify
from genai_fn.errors import ClientError, DecodeError, GenaiError, InvalidRequest, RateLimited
from genai_fn.flows.polling import build_result, get_outcome, until_done
from genai_fn.jobs.batch_lines import encode_requests, iter_inlined_results, iter_results
from genai_fn.jobs.errors import BatchFailed, OutputError
from genai_fn.jobs.output.batch_states import BatchState, remove_batch_files, save_state, write_requests
from genai_fn.jobs.output.disk import remove_file
from genai_fn.jobs.row_plan import TextBatch
from genai_fn.jobs.run_state import JobRun
from genai_fn.modifiers import items
from genai_fn.ops import batches, files
from genai_fn.ops.embed.batches import BatchLimits
from genai_fn.request import FlowGenerator, Request, flow
from genai_fn.schema.batches import (
    BatchJob,
    BatchJobDestination,
    CompletionStats,
    InlinedEmbedContentResponse,
    InlinedResponse,
)
from genai_fn.schema.files import UploadFileConfig
from genai_fn.wire import encode

if TYPE_CHECKING:
    from genai_fn.jobs.job import EmbeddingJob

__all__ = ["BATCH_JOB_LIMITS", "cancel_jobs", "check_batch_support", "embed_by_batch_job"]

T = TypeVar("T")

BATCH_JOB_LIMITS = BatchLimits(texts=50_000, size=64 << 20)
"""
Far below the 2 GB of a source file (https://ai.google.dev/gemini-api/docs/rate-limits#batch-api), as the texts of each
job are in memory while it runs. No number of requests is documented; that of tokens depends on the account.
"""


def check_batch_support(job: "EmbeddingJob", backend: Backend | None) -> GenaiError | None:
    """Return `Unsupported` if the backend has no batch jobs of embeddings, or none with a field of the config."""
    source = {"inlined_requests": {"contents": "text", "config": job.embed_config}}
    encoded = encode(batches.create_embeddings(job.model, source), backend or Gemini())
    return encoded.failure() if isinstance(encoded, Failure) else None


@flow
def embed_by_batch_job(run: JobRun, batch: TextBatch) -> FlowGenerator[Result[None, GenaiError]]:
    """
    Embed the texts of a batch by a job that an earlier run has begun, or by a new one, and store the results.

    It also succeeds if the run ends before the job. Fails with `BatchFailed` if the server fails, or `OutputError`.
    """
    try:
        error = yield from _embed_and_delete(run, batch)
    except FlowFailed as end:
        error = end.error
    except GenaiError as raised:  # of the disk
        error = raised
    if error is None:
        return Success(None)
    if isinstance(error, BatchFailed | OutputError) or not batch.rows:
        return Failure(error)
    return Failure(BatchFailed(batch.rows[0].file, batch.rows[0].file_row, len(batch.rows), error))


def _embed_and_delete(run: JobRun, batch: TextBatch) -> FlowGenerator[GenaiError | None]:
    """Run a batch job to its end and delete it; return the first failure that is not the fault of a text."""
    state = batch.state or (yield from _call(run, run.begin_job, batch))
    problem: GenaiError | None = None
    if batch.rows:  # else an earlier run has stored all, and not deleted all
        ended = yield from _run_job(run, batch, state)
        if ended is None:
            return None
        state, problem = ended
    yield from _delete_job(run, state)
    return problem


def _call(run: JobRun, function: Callable[..., T], *args: Any) -> FlowGenerator[T]:
    """Call a function that changes or reads files, in a thread, while the run calls no other one."""
    value: T = yield CallFunction(run.call, (function, *args), in_thread=True)
    return value


def _run_job(
    run: JobRun, batch: TextBatch, state: BatchState
) -> FlowGenerator[tuple[BatchState, GenaiError | None] | None]:
    """
    Store the results of a batch job, which is created if it does not exist.

    Returns its state, and the first failure that is not the fault of a text, if there is one; None in place of both if
    the run ends before the job.
    """
    results = run.folder.get_batch_results(state.key)
    inlined: Sequence[InlinedEmbedContentResponse | InlinedResponse] = ()
    if not (yield from _call(run, results.exists)):
        if state.name is None:
            state = yield from _create_job(run, batch, state)
        ended = yield from _wait_for_end(run, batch, state)
        if ended is None:
            return None
        dest = ended.dest or BatchJobDestination()
        if dest.file_name is not None:
            state = replace(state, results_file=dest.file_name)
            yield from _call(run, save_state, run.folder, state)
            yield from _download(run, state, dest.file_name)
        inlined = dest.inlined_embed_content_responses or dest.inlined_responses
    has_file = state.results_file is not None
    rows = iter_results(results) if has_file else iter_inlined_results(state.rows, inlined)
    problem: GenaiError | None = yield CallFunction(run.store_results, (batch, rows), in_thread=True)
    return state, problem


# Creating


def _create_job(run: JobRun, batch: TextBatch, state: BatchState) -> FlowGenerator[BatchState]:
    """
    Create a job, and store its name in the state.

    An earlier run may have created it, or uploaded its source file, and ended before it stored the name: then these are
    used.
    """
    is_new = batch.state is None
    name = None if is_new else (yield from _find_job(state))
    if name is None:
        if state.is_inlined:
            source: dict[str, Any] = {"inlined_requests": {"contents": batch.texts, "config": run.job.embed_config}}
        else:
            yield from _upload_source(run, batch, state, is_new=is_new)
            source = {"file_name": state.source_file}
        request = batches.create_embeddings(run.job.model, source, {"display_name": state.key})
        name = yield from _send_creation(run, state, request)
    run.progress.running_jobs[state.key] = CompletionStats()
    state = replace(state, name=name)
    yield from _call(run, save_state, run.folder, state)
    return state


def _find_job(state: BatchState) -> FlowGenerator[str | None]:
    """Return the name of the job whose display name is the key of a state; None if there is none."""
    reader = StreamReader(batches.list({"page_size": 100}) | items)
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Failure):
            raise FlowFailed(item.failure())
        found = item.unwrap()
        if found.display_name == state.key:
            return found.name
    return None


def _upload_source(run: JobRun, batch: TextBatch, state: BatchState, *, is_new: bool) -> FlowGenerator[None]:
    """Upload the source file, unless an earlier run has; the server deletes it after two days."""
    if not is_new:
        found = yield from attempt(files.get(state.source_file))
        if not isinstance(found, Failure):
            return
        if not _is_missing(found.failure()):
            raise FlowFailed(found.failure())
    path = run.folder.get_batch_requests(state.key)
    lines = encode_requests([each.row for each in batch.rows], batch.texts, run.job.embed_config)
    yield from _call(run, write_requests, run.folder, state.key, lines)
    config = UploadFileConfig(name=state.source_file, display_name=state.key, mime_type="application/jsonl")
    yield from ask(files.upload(path, config) | until_done())
    yield from _call(run, remove_file, path)


def _send_creation(run: JobRun, state: BatchState, request: Request[BatchJob]) -> FlowGenerator[str]:
    """
    Send the request that creates a job, and return the job's name.

    If the response is lost, it looks for the job, and does not send the request again. If there is no quota left, it
    sends the request again after each `poll_interval`, as long as other jobs are running that use the quota.
    """
    while True:
        created = yield from attempt(request)
        error = created.failure() if isinstance(created, Failure) else None
        if not isinstance(error, RateLimited) or run.failure is not None or not run.progress.running_jobs:
            break
        yield from sleep(run.job.poll_interval)
    name = created.unwrap().name if error is None else None
    if name is None and not isinstance(error, ClientError):
        name = yield from _find_job(state)
    if name is None:
        raise FlowFailed(error or DecodeError("the name of a batch job", "name", repr(created.unwrap())))
    return name


# Waiting


def _wait_for_end(run: JobRun, batch: TextBatch, state: BatchState) -> FlowGenerator[BatchJob | None]:
    """
    Poll a job until it has ended, and return it; None if the run ends before.

    A job that has failed, has expired, was cancelled or deleted is forgotten, so that the next run creates another.
    """
    lookup = batches.get(state.name or "")
    try:
        while True:
            read = yield from attempt(lookup)
            if isinstance(read, Failure):
                if batch.state is not None and getattr(read.failure(), "code", None) == _NOT_FOUND:
                    yield from _forget_job(run, state)
                raise FlowFailed(read.failure())
            current = read.unwrap()
            if get_outcome(current) is not None:
                break
            run.progress.running_jobs[state.key] = current.completion_stats or CompletionStats()
            yield Notify(run.build_progress((yield GetTime())))
            if run.failure is not None:
                return None
            yield from sleep(run.job.poll_interval)
    finally:
        run.progress.running_jobs.pop(state.key, None)
    ended = build_result(current)
    if isinstance(ended, Failure):
        yield from _forget_job(run, state)
        raise FlowFailed(ended.failure())
    return current


def _download(run: JobRun, state: BatchState, results_file: str) -> FlowGenerator[None]:
    """Download the results, to a file that gets its name when it is complete."""
    path = run.folder.get_batch_results(state.key)
    downloaded = yield from attempt(files.download(results_file, path))
    if isinstance(downloaded, Failure):
        error = downloaded.failure()
        if isinstance(error, InvalidRequest):
            raise OutputError(str(path), error.expected)
        if _is_missing(error):
            yield from _forget_job(run, state)
        raise FlowFailed(error)


_NOT_FOUND = 404


def _is_missing(error: GenaiError) -> bool:
    """Whether a file does not exist: the server may respond with 403, as it does for a file of someone else."""
    return isinstance(error, ClientError) and error.code in (403, _NOT_FOUND)


# Deleting


def _forget_job(run: JobRun, state: BatchState) -> FlowGenerator[None]:
    """Delete the source file of a job, and all local files of it, so that later runs do not know the job."""
    if not state.is_inlined:
        yield from _send_deletion(files.delete(state.source_file))
    yield from _call(run, remove_batch_files, run.folder, state.key)


def _delete_job(run: JobRun, state: BatchState) -> FlowGenerator[None]:
    """Delete a job and its files, on the server and on the disk."""
    if state.name is not None:
        yield from _send_deletion(batches.delete(state.name))
    if state.results_file is not None:
        yield from _send_deletion(files.delete(state.results_file))
    yield from _forget_job(run, state)


def _send_deletion(request: Request[Any]) -> FlowGenerator[None]:
    """
    Send a request that deletes or cancels something. Errors of status 4xx are ignored.

    They mean that it does not exist any more, or that the server does not allow it: files it deletes after two days.
    """
    deleted = yield from attempt(request)
    if isinstance(deleted, Failure) and not isinstance(deleted.failure(), ClientError):
        raise FlowFailed(deleted.failure())


def cancel_jobs(run: JobRun, states: Sequence[BatchState]) -> FlowGenerator[None]:
    """Cancel and delete jobs whose results are not needed."""
    for each in states:
        name = each.name or (yield from _find_job(each))
        if name is not None:
            yield from _send_deletion(batches.cancel(name))
        yield from _delete_job(run, replace(each, name=name))
