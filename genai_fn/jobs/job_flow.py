"""Turns rows into vectors: the flow of a job, which reads, embeds several batches at once, and stores the results."""

from typing import TYPE_CHECKING, Any

from returns.result import Failure, Result, Success

from genai_fn.commands import attempt, get_backend
from genai_fn.effects import (
    CallFunction,
    CloseResource,
    FlowFailed,
    GetTime,
    Notify,
    OpenResource,
    StartAction,
    WaitAny,
)
from genai_fn.errors import GenaiError
from genai_fn.jobs.batch_flow import BATCH_JOB_LIMITS, cancel_jobs, check_batch_support, embed_by_batch_job
from genai_fn.jobs.job_summary import JobSummary
from genai_fn.jobs.row_plan import TextBatch
from genai_fn.jobs.run_state import JobRun
from genai_fn.ops.embed.batches import get_batch_limits
from genai_fn.ops.embed.many import EmbeddingBatch, embed_batch
from genai_fn.request import FlowGenerator, FlowTraits, flow

if TYPE_CHECKING:
    from genai_fn.jobs.job import EmbeddingJob

__all__ = ["embed_and_store", "run_embedding_job"]


@flow(traits=FlowTraits(spawns=True))
def run_embedding_job(job: "EmbeddingJob") -> FlowGenerator[Result[JobSummary, GenaiError]]:
    """Run a job to its end, or up to the first failure that is not of a text."""
    run = JobRun(job, (yield GetTime()))
    yield OpenResource(run)
    result: Result[JobSummary, GenaiError]
    try:
        yield from _open_run(run)
        yield from _embed_rows(run)
        result = Success((yield CallFunction(run.finish, ((yield GetTime()),), in_thread=True)))
    except FlowFailed as end:
        result = Failure(end.error)
    except GenaiError as error:  # of the source or the disk
        result = Failure(error)
    yield CloseResource(run)
    return result


def _open_run(run: JobRun) -> FlowGenerator[None]:
    """Open the output, and cancel the batch jobs of earlier runs whose results are not needed."""
    job = run.job
    backend = yield from get_backend()
    if job.through == "batch":
        limits = BATCH_JOB_LIMITS
        unsupported = check_batch_support(job, backend)
        if unsupported is not None:
            raise FlowFailed(unsupported)
    else:
        limits = get_batch_limits(backend, job.model)
    yield CallFunction(run.open, (job.apply_limits(limits),), in_thread=True)
    yield from cancel_jobs(run, run.unneeded_jobs)


def _embed_rows(run: JobRun) -> FlowGenerator[None]:
    """
    Send the batches, `concurrency` at once, until all are stored; fail with the first failure.

    After a failure no batch is sent, but those that were are awaited and stored, as they are paid for; batch jobs that
    have not ended are left to the next run.
    """
    embed = embed_by_batch_job if run.job.through == "batch" else embed_and_store
    running: dict[Any, None] = {}
    yield Notify(run.build_progress((yield GetTime())))
    while True:
        is_busy = run.failure is None
        while is_busy and len(running) < run.job.concurrency:
            try:
                step: TextBatch | bool = yield CallFunction(run.advance, in_thread=True)
            except GenaiError as error:  # of the source or the disk
                run.failure, step = error, False
            if isinstance(step, TextBatch):
                running[(yield StartAction(embed(run, step)))] = None
            else:
                is_busy = step
        yield Notify(run.build_progress((yield GetTime())))
        if not running:
            break
        child: Any = yield WaitAny(tuple(running))
        del running[child]
        stored: Result[None, GenaiError] = child.result()
        if isinstance(stored, Failure) and run.failure is None:
            run.failure = stored.failure()
    if run.failure is not None:
        raise FlowFailed(run.failure)


@flow
def embed_and_store(run: JobRun, batch: TextBatch) -> FlowGenerator[Result[None, GenaiError]]:
    """Embed the texts of a batch, and store the results."""
    texts = EmbeddingBatch(model=run.job.model, config=run.job.embed_config, output="numpy", texts=batch.texts)
    results = yield from attempt(embed_batch(texts))
    if isinstance(results, Failure):
        return results
    try:
        problem: GenaiError | None = yield CallFunction(run.store, (batch, results.unwrap()), in_thread=True)
    except GenaiError as error:
        problem = error
    return Success(None) if problem is None else Failure(problem)
