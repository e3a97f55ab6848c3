"""
The state of a run: what was read, sent and stored.

Everything that changes files happens under its lock, in the order that makes an interruption harmless: the results of a
batch are in the journal before it counts as done. `OutputWriter` continues that order with shards and the manifest.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result

from genai_fn.codec import encode
from genai_fn.errors import Closed, EmbeddingFailed, GenaiError, OperationFailed
from genai_fn.events import EmbeddingProgress
from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.batch_lines import RowResult, are_inlined
from genai_fn.jobs.errors import BatchFailed, DimensionMismatch, OutputError, SettingsChanged, SourceError
from genai_fn.jobs.job_summary import JobSummary
from genai_fn.jobs.output.batch_states import BatchState, create_key, load_states, save_state
from genai_fn.jobs.output.dead_letters import describe_error, iter_dead_letters
from genai_fn.jobs.output.folder import OutputFolder
from genai_fn.jobs.output.journal import RowFailure, RowVector
from genai_fn.jobs.output.manifest import JobManifest
from genai_fn.jobs.output.settings import hash_settings, list_changes
from genai_fn.jobs.output.shards import iter_hashes
from genai_fn.jobs.output_writer import OutputWriter
from genai_fn.jobs.row_plan import RowPlan, TextBatch, TextRow
from genai_fn.jobs.rows import RowBatch, cut_text
from genai_fn.jobs.run_progress import RunProgress
from genai_fn.jobs.sources.columns import BATCH_ROWS
from genai_fn.jobs.sources.source_kinds import check_apart, open_source
from genai_fn.jobs.text_index import TextIndex
from genai_fn.ops.embed.batches import BatchLimits
from genai_fn.ops.embed.many import EmbeddingResults, is_content_error
from genai_fn.schema.embeddings import ContentEmbeddingStatistics

if TYPE_CHECKING:
    from genai_fn.jobs.job import EmbeddingJob

__all__ = ["JobRun"]

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def _convert_errors(folder: OutputFolder) -> Generator[None]:
    """Context manager: raise `OutputError` in place of the errors of files and of the text index."""
    try:
        yield
    except OSError as error:
        raise OutputError(str(error.filename or folder.path), error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise OutputError(str(folder.text_index), str(error)) from error


def _run_alone(method: Callable[Concatenate["JobRun", P], T]) -> Callable[Concatenate["JobRun", P], T]:
    """Let one method run at a time, as threads and tasks call them, and none after `close`; convert errors of files."""

    @wraps(method)
    def call(self: "JobRun", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            self.check_open()
            with _convert_errors(self.folder):
                return method(self, *args, **kwargs)

    return call


class JobRun:
    """One run of a job: a resource, which unlocks the folder when it is closed."""

    _output: OutputWriter  # `open` sets these four
    _plan: RowPlan
    _batches: Generator[RowBatch]
    _settings_hash: str

    def __init__(self, job: "EmbeddingJob", started: float) -> None:
        self.job = job
        self.folder = OutputFolder(os.fspath(job.output))
        self.lock = threading.RLock()  # a signal handler may close it while its thread holds the lock
        self.progress = RunProgress(started)
        self.is_closed = False
        self.failure: GenaiError | None = None
        """The first failure, after which the run ends as soon as it can."""
        self.unneeded_jobs: tuple[BatchState, ...] = ()
        """Batch jobs of earlier runs whose results are not needed."""
        self._refused = 0
        self._resources = ExitStack()

    @_run_alone
    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that changes or reads files of the folder."""
        return function(*args)

    # Opening and closing

    @_run_alone
    def open(self, limits: BatchLimits) -> None:
        """Lock the folder, check that it belongs to the job, and read what earlier runs have left."""
        job = self.job
        check_apart(job.source, self.folder.path)
        self._resources.callback(self.folder.release)
        self.folder.acquire()
        source = open_source(job.source, job.row_columns, job.source_format)
        settings = job.build_settings(source.fingerprint)
        manifest = self.folder.load_manifest()
        is_resumed = manifest is not None and job.if_exists != "restart"
        if manifest is not None and job.if_exists == "fail":
            raise OutputError(str(self.folder.path), "contains the output of a job, and if_exists is 'fail'")
        if manifest is None or job.if_exists == "restart":
            self.folder.remove_output()
            manifest = JobManifest(settings=settings)
            self.folder.save_manifest(manifest)
        if changes := list_changes(manifest.settings, settings):
            raise SettingsChanged(str(self.folder.path), changes)
        self.folder.check_files(manifest, with_checksums=job.verify_checksums)
        self.folder.remove_leftovers(len(manifest.shards))
        index = TextIndex(self.folder.text_index)
        self._resources.callback(index.close)
        self._fill_index(index, manifest)
        dimensions = manifest.dimensions or job.embed_config.output_dimensionality
        states = self._load_states(manifest, is_resumed=is_resumed)
        shards = job.concurrency + 1 if job.through == "batch" else 2
        self._output = OutputWriter(job, self.folder, manifest)
        self._plan = RowPlan(self.folder, manifest, index, limits, dimensions, states, shards)
        self._resources.callback(self._plan.close)
        self._batches = source.batches
        self._resources.callback(self._close_rows)
        self.progress.total = source.rows

    def _load_states(self, manifest: JobManifest, *, is_resumed: bool) -> list[BatchState]:
        """Load the batch jobs of earlier runs: those that go on, and those whose results are not needed."""
        self._settings_hash = hash_settings(manifest.settings)
        needed: list[BatchState] = []
        unneeded: list[BatchState] = []
        for each in load_states(self.folder):
            is_of_this_job = is_resumed and each.settings == self._settings_hash
            is_needed = is_of_this_job and self.job.through == "batch" and each.shard >= len(manifest.shards)
            (needed if is_needed else unneeded).append(each)
        self.unneeded_jobs = tuple(unneeded)
        return needed

    def _fill_index(self, index: TextIndex, manifest: JobManifest) -> None:
        """Add the texts in the shards and among the dead letters to the index."""
        for each in manifest.shards:
            if each.name is None:
                continue
            path = self.folder.path / each.name
            try:
                for rows, digests in iter_hashes(path):
                    self.check_open()
                    index.add((digest, row, None) for row, digest in zip(rows, digests, strict=True))
            except load_package("pyarrow").ArrowException as error:
                raise OutputError(str(path), f"damaged: {error}") from None
        if manifest.dead_letter_bytes:
            letters = iter_dead_letters(self.folder.dead_letters, manifest.dead_letter_bytes)
            try:
                index.add((bytes.fromhex(e.text_hash), e.row, encode(e.error).decode()) for e in letters if e.text_hash)
            except ValueError as error:  # msgspec's own are ValueErrors
                raise OutputError(str(self.folder.dead_letters), f"damaged: {error}") from None

    def close(self) -> None:
        """Close all files, and unlock the folder. It waits for a method that another thread runs, as for a disk."""
        with self.lock:
            self.is_closed = True
            self._resources.close()

    def _close_rows(self) -> None:
        """Close the files of the source, unless another thread is reading them."""
        with suppress(ValueError):  # "generator already executing"
            self._batches.close()

    async def aclose(self) -> None:
        """Close it without a checkpoint: a cancellation would leave the folder locked."""
        self.close()

    def abort(self) -> None:
        """End a method that takes long. `aclose` follows, and waits for it."""
        self.is_closed = True

    def check_open(self) -> None:
        """Raise `Closed` if the run is closed, or about to be."""
        if self.is_closed:
            raise Closed("the job was closed")

    # Reading

    def advance(self) -> TextBatch | bool:
        """
        Return the next batch to send. If there is none yet, read some rows or write a shard, and return True.

        Returns False if there is nothing to do before a batch that was sent is stored, or at the end. One thread calls
        it. It may wait for the source as long as that takes; `close` does not.
        """
        step = self._take_step()
        if step is not None:
            return step
        batches = self._read_batches()
        try:
            self.call(self._plan.add_batches, batches)
        except Closed:
            self._close_rows()  # while they were read, `close` could not
            raise
        return True

    @_run_alone
    def _take_step(self) -> TextBatch | bool | None:
        """Return what `advance` returns, or None if rows of the source have to be read."""
        plan = self._plan
        if plan.ready:
            return plan.ready.popleft()
        shard = plan.shards.get(min(plan.shards, default=-1))
        if shard is not None and shard.is_ready:
            self._output.write_shard(shard, plan.index, plan.dimensions)
            del plan.shards[shard.number]
            return True
        if plan.is_exhausted or not plan.may_read():
            return False
        if not plan.unread:
            return None
        plan.take_rows()
        return True

    def _read_batches(self) -> list[RowBatch]:
        """Read some batches of the source: files of one text are batches of one row. Returns none at the end."""
        batches: list[RowBatch] = []
        rows = length = 0
        try:
            while rows < BATCH_ROWS and length < _MAX_LENGTH_AHEAD and (batch := next(self._batches, None)) is not None:
                batches.append(batch)
                rows += len(batch.texts)
                length += sum(len(each) for each in batch.texts if isinstance(each, str))
        except OSError as error:
            raise SourceError("the source", self._plan.next_row, error.strerror or str(error)) from error
        return batches

    # Batch jobs

    @_run_alone
    def begin_job(self, batch: TextBatch) -> BatchState:
        """Store which rows a new batch job is for, before anything is sent."""
        state = BatchState(
            key=create_key(),
            shard=batch.shard,
            rows=tuple(each.row for each in batch.rows),
            digests=tuple(each.digest for each in batch.rows),
            settings=self._settings_hash,
            is_inlined=are_inlined(batch.texts),
        )
        save_state(self.folder, state)
        return state

    def store_results(self, batch: TextBatch, results: Iterator[RowResult]) -> GenaiError | None:
        """Store the results of a batch job that are lacking; return the first failure that is not of a text."""
        lacking = {row.row: (row, text) for row, text in zip(batch.rows, batch.texts, strict=True)}
        problem: GenaiError | None = None
        unknown: GenaiError = OperationFailed("the batch job", None, "it has no result for this row")
        with _convert_errors(self.folder):
            while part := list(islice(results, _STORED_AT_ONCE)):
                unknown = next((each.failure() for row, each in part if row is None), unknown)
                kept = [(*lacking.pop(row), each) for row, each in part if row in lacking]
                rows, texts, found = (tuple(each) for each in zip(*kept, strict=True)) if kept else ((), (), ())
                failed = self.store(replace(batch, rows=rows, texts=texts), found)
                problem = problem or failed
        if lacking and problem is None:
            row, _ = next(iter(lacking.values()))
            problem = BatchFailed(row.file, row.file_row, len(lacking), unknown)
        return problem

    # Storing

    @_run_alone
    def store(self, batch: TextBatch, results: EmbeddingResults) -> BatchFailed | None:
        """Store the results of a batch in the journal; return the failure that is not of a text, if there is one."""
        rows: list[RowVector] = []
        failures: list[RowFailure] = []
        first_refusal: tuple[TextRow, GenaiError] | None = None
        problem: tuple[TextRow, GenaiError] | None = None
        tokens = 0
        for row, text, result in zip(batch.rows, batch.texts, results, strict=False):  # none follows a fatal failure
            error = self._find_error(result)
            if error is None:
                embedding: Any = result.unwrap()
                rows.append((row.row, row.digest, embedding.data))
                tokens += _read_token_count(embedding.statistics)
            elif is_content_error(error) or isinstance(error, OperationFailed):  # that of a line of a batch job
                first_refusal = first_refusal or (row, error)
                failures.append(RowFailure(row.row, row.digest, cut_text(text), describe_error(error)))
            else:
                problem = problem or (row, error)
        self._plan.has_vectors |= bool(rows)
        self._refused += len(failures)
        if first_refusal and not self._plan.has_vectors and self._refused >= _MAX_REFUSED_AT_FIRST:
            problem, failures = first_refusal, []
        self._plan.shards[batch.shard].add_results(rows, failures, tokens)
        self.progress.embedded += len(rows)
        self.progress.refused += len(failures)
        self.progress.tokens += tokens
        if problem is None:
            return None
        row, error = problem
        return BatchFailed(row.file, row.file_row, len(batch.rows) - len(rows) - len(failures), error)

    def _find_error(self, result: Result[Any, GenaiError]) -> GenaiError | None:
        """Return why a text has no vector, or that its vector has not the dimensions of the others; None if it has."""
        if isinstance(result, Failure):
            error = result.failure()
            return error.error if isinstance(error, EmbeddingFailed) else error
        dimensions = len(result.unwrap().data) // 4
        if self._plan.dimensions is None and dimensions:
            self._plan.dimensions = dimensions
        expected = self._plan.dimensions
        return None if dimensions == expected else DimensionMismatch(expected, dimensions)

    # The end

    @_run_alone
    def finish(self, now: float) -> JobSummary:
        """Complete the output, and return the summary."""
        manifest = self._output.finish()
        return JobSummary(
            output=self.folder.path,
            rows=manifest.rows,
            embedded=manifest.embedded,
            failed=manifest.failed,
            duplicates=manifest.duplicates,
            tokens=manifest.tokens,
            sent=self.progress.sent,
            seconds=now - self.progress.started,
            dimensions=manifest.dimensions,
            shards=tuple(path.name for path in self._output.list_shards()),
            npy=manifest.npy,
        )

    def build_progress(self, now: float) -> EmbeddingProgress:
        """Build the event for what was done so far."""
        return self.progress.build_event(now, self._plan)


def _read_token_count(statistics: ContentEmbeddingStatistics | None) -> int:
    """Return how many tokens the server has counted; 0 if that is no number that a text can have."""
    count = None if statistics is None else statistics.token_count
    return int(count) if count is not None and 0 <= count <= _MAX_TOKENS else 0


_MAX_TOKENS = 1 << 32
"""Tokens of one text."""
_MAX_LENGTH_AHEAD = 1 << 22
"""Characters that are read at once, if a batch of the source has not more."""
_STORED_AT_ONCE = 256
"""Results of a batch job whose vectors are in memory at once: 3 MiB of 3,072 floats."""
_MAX_REFUSED_AT_FIRST = 20
"""If as many texts are refused before there is any vector, the request must be wrong: the job ends with the reason."""
