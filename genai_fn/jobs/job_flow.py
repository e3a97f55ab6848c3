"""Turns rows into vectors: the flow of a job, which reads, embeds several batches at once, and stores the results."""

from typing import TYPE_CHECKING, Any

from returns.result import Failure, Result, Success

from genai_fn.commands import attempt, get_backend
from genai_fn.effects import CallFunction, CloseResource, GetTime, Notify, OpenResource, StartAction, WaitAny
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
    try:
        failure = yield from _open_run(run)
        if failure is None:
            failure = yield from _embed_rows(run)
        if failure is None:
            result: Result[JobSummary, GenaiError] = Success(
                (yield CallFunction(run.finish, ((yield GetTime()),), in_thread=True))
            )
        else:
            result = Failure(failure)
    except GenaiError as error:
        result = Failure(error)
    yield CloseResource(run)
    return result


def _open_run(run: JobRun) -> FlowGenerator[GenaiError | None]:
    """Open the output, and cancel the batch jobs of earlier runs whose results are not needed."""
    job = run.job
    backend = yield from get_backend()
    if job.through == "batch":
        limits = BATCH_JOB_LIMITS
        unsupported = check_batch_support(job, backend)
        if unsupported is not None:
            return unsupported
    else:
        limits = get_batch_limits(backend, job.model)
    yield CallFunction(run.open, (job.apply_limits(limits),), in_thread=True)
    cancelled = yield from attempt(cancel_jobs(run, run.unneeded_jobs))
    return cancelled.failure() if isinstance(cancelled, Failure) else None


def _embed_rows(run: JobRun) -> FlowGenerator[GenaiError | None]:
    """
    Send the batches, `concurrency` at once, until all are stored; return the first failure.

    After a failure no batch is sent, but those that were are awaited and stored, as they are paid for; batch jobs that
    have not ended are left to the next run.
    """
    embed = embed_by_batch_job if run.job.through == "batch" else embed_and_store
    running: dict[Any, None] = {}
    failure: GenaiError | None = None
    yield Notify(run.build_progress((yield GetTime())))
    while True:
        is_busy = failure is None
        while is_busy and len(running) < run.job.concurrency:
            try:
                step: TextBatch | bool = yield CallFunction(run.advance, in_thread=True)
            except GenaiError as error:  # of the source or the disk
                failure, step = error, False
                run.is_stopping = True
            if isinstance(step, TextBatch):
                running[(yield StartAction(embed(run, step)))] = None
            else:
                is_busy = step
        yield Notify(run.build_progress((yield GetTime())))
        if not running:
            return failure
        child: Any = yield WaitAny(tuple(running))
        del running[child]
        stored: Result[None, GenaiError] = child.result()
        if isinstance(stored, Failure) and failure is None:
            failure = stored.failure()
            run.is_stopping = True


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
