"""
The state of a run: what was read, sent and stored.

All changes to files happen here, in the order that makes an interruption harmless: a batch is in the journal before it
counts as done; a shard has its name before the manifest lists it; only then its journal is removed.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from msgspec.structs import replace
from returns.result import Failure

from genai_fn.codec import encode
from genai_fn.errors import Closed, EmbeddingFailed, GenaiError, OperationFailed
from genai_fn.events import EmbeddingProgress
from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.batch_lines import RowResult, are_inlined
from genai_fn.jobs.errors import BatchFailed, DimensionMismatch, OutputError, SettingsChanged, SourceError
from genai_fn.jobs.job_summary import JobSummary
from genai_fn.jobs.open_shard import OpenShard
from genai_fn.jobs.output.batch_states import BatchState, create_key, load_states, save_state
from genai_fn.jobs.output.dead_letters import describe_error, encode_dead_letters, iter_dead_letters
from genai_fn.jobs.output.disk import NewFile
from genai_fn.jobs.output.folder import OutputFolder
from genai_fn.jobs.output.journal import RowFailure
from genai_fn.jobs.output.manifest import FORMAT, JobManifest, ShardEntry
from genai_fn.jobs.output.settings import hash_settings, list_changes
from genai_fn.jobs.output.shards import ShardRow, iter_hashes, write_shard
from genai_fn.jobs.output.vector_array import write_vector_array
from genai_fn.jobs.row_plan import RowPlan, TextBatch, TextRow
from genai_fn.jobs.rows import RowBatch, cut_text
from genai_fn.jobs.sources.columns import BATCH_ROWS
from genai_fn.jobs.sources.source_kinds import check_apart, open_source
from genai_fn.jobs.text_index import TextIndex
from genai_fn.ops.embed.batches import BatchLimits
from genai_fn.ops.embed.many import EmbeddingResults, is_content_error
from genai_fn.schema.batches import CompletionStats
from genai_fn.schema.embeddings import ContentEmbeddingStatistics

if TYPE_CHECKING:
    from genai_fn.jobs.job import EmbeddingJob

__all__ = ["JobRun"]

P = ParamSpec("P")
T = TypeVar("T")


def _run_alone(method: Callable[Concatenate["JobRun", P], T]) -> Callable[Concatenate["JobRun", P], T]:
    """Let one method run at a time, as threads and tasks call them, and none after `close`; convert errors of files."""

    @wraps(method)
    def call(self: "JobRun", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            self.check_open()
            try:
                return method(self, *args, **kwargs)
            except OSError as error:
                raise OutputError(str(error.filename or self.folder.path), error.strerror or str(error)) from error
            except sqlite3.Error as error:
                raise OutputError(str(self.folder.text_index), str(error)) from error

    return call


class JobRun:
    """One run of a job: a resource, which unlocks the folder when it is closed."""

    def __init__(self, job: "EmbeddingJob", started: float) -> None:
        self.folder = OutputFolder(os.fspath(job.output))
        self.lock = threading.RLock()  # a signal handler may close it while its thread holds the lock
        self.is_closed = False
        self.is_aborted = False
        self._job = job
        self._started = started
        self._manifest: JobManifest | None = None
        self._batches: Iterator[RowBatch] = iter(())
        self._plan: RowPlan | None = None
        self._index: TextIndex | None = None
        self._total: int | None = None
        self._embedded = 0
        self._tokens = 0
        self._sent = 0
        self._refused = 0
        self.is_stopping = False
        """Whether the run ends as soon as it can, as something has failed."""
        self.unneeded_jobs: tuple[BatchState, ...] = ()
        """Batch jobs of earlier runs whose results are not needed."""
        self._settings_hash = ""
        self._job_stats: dict[str, CompletionStats] = {}

    @_run_alone
    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that changes or reads files of the folder."""
        return function(*args)

    # Opening and closing

    @_run_alone
    def open(self, limits: BatchLimits) -> None:
        """Lock the folder, check that it belongs to the job, and read what earlier runs have left."""
        job = self._job
        check_apart(job.source, self.folder.path)
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
        self._manifest = manifest
        self._index = index = TextIndex(self.folder.text_index)
        self._fill_index(index, manifest)
        dimensions = manifest.dimensions or job.embed_config.output_dimensionality
        states = self._load_states(manifest, is_resumed=is_resumed)
        shards = job.concurrency + 1 if job.through == "batch" else 2
        self._plan = RowPlan(self.folder, manifest, index, limits, dimensions, states, shards)
        self._batches = source.iter_batches()
        self._total = source.rows

    def _load_states(self, manifest: JobManifest, *, is_resumed: bool) -> list[BatchState]:
        """Load the batch jobs of earlier runs: those that go on, and those whose results are not needed."""
        self._settings_hash = hash_settings(manifest.settings)
        needed: list[BatchState] = []
        unneeded: list[BatchState] = []
        for each in load_states(self.folder):
            is_of_this_job = is_resumed and each.settings == self._settings_hash
            is_needed = is_of_this_job and self._job.through == "batch" and each.shard >= len(manifest.shards)
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
            self._close_rows()
            if self._plan is not None:
                self._plan.close()
            index, self._index = self._index, None
            if index is not None:
                with suppress(OSError, sqlite3.Error):
                    index.close()
            self.folder.release()

    def _close_rows(self) -> None:
        """Close the files of the source, unless another thread is reading them."""
        close_rows: Callable[[], object] | None = getattr(self._batches, "close", None)
        if close_rows is not None:
            with suppress(ValueError):  # "generator already executing"
                close_rows()

    async def aclose(self) -> None:
        """Close it without a checkpoint: a cancellation would leave the folder locked."""
        self.close()

    def abort(self) -> None:
        """End a method that takes long. `aclose` follows, and waits for it."""
        self.is_aborted = True

    def _get_plan(self) -> RowPlan:
        if self._plan is None:
            raise Closed("the job was not opened")
        return self._plan

    def _get_manifest(self) -> JobManifest:
        if self._manifest is None:
            raise Closed("the job was not opened")
        return self._manifest

    def check_open(self) -> None:
        """Raise `Closed` if the run is closed, or about to be."""
        if self.is_closed or self.is_aborted:
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
            self._add_batches(batches)
        except Closed:
            self._close_rows()  # while they were read, `close` could not
            raise
        return True

    @_run_alone
    def _take_step(self) -> TextBatch | bool | None:
        """Return what `advance` returns, or None if rows of the source have to be read."""
        plan = self._get_plan()
        if plan.ready:
            return plan.ready.popleft()
        shard = plan.shards.get(min(plan.shards, default=-1))
        if shard is not None and shard.is_ready:
            self._write_shard(plan, shard)
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
            raise SourceError("the source", self._get_plan().next_row, error.strerror or str(error)) from error
        return batches

    @_run_alone
    def _add_batches(self, batches: list[RowBatch]) -> None:
        plan = self._get_plan()
        plan.add_batches(batches)

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

    @property
    def has_running_jobs(self) -> bool:
        """Whether there is a batch job that has not ended."""
        return bool(self._job_stats)

    def note_job(self, key: str, stats: CompletionStats | None) -> None:
        """Note how many requests of a batch job have a result, for the progress; None at its end."""
        if stats is None:
            self._job_stats.pop(key, None)
        else:
            self._job_stats[key] = stats

    def store_results(self, batch: TextBatch, results: Iterator[RowResult]) -> GenaiError | None:
        """Store the results of a batch job that are lacking; return the first failure that is not of a text."""
        lacking = {row.row: (row, text) for row, text in zip(batch.rows, batch.texts, strict=True)}
        problem: GenaiError | None = None
        unknown: GenaiError = OperationFailed("the batch job", None, "it has no result for this row")
        try:
            while part := list(islice(results, _STORED_AT_ONCE)):
                unknown = next((each.failure() for row, each in part if row is None), unknown)
                kept = [(*lacking.pop(row), each) for row, each in part if row in lacking]
                rows, texts, found = (tuple(each) for each in zip(*kept, strict=True)) if kept else ((), (), ())
                failed = self.store(replace(batch, rows=rows, texts=texts), found)
                problem = problem or failed
        except OSError as error:
            raise OutputError(str(error.filename or self.folder.path), error.strerror or str(error)) from error
        if lacking and problem is None:
            row, _ = next(iter(lacking.values()))
            problem = BatchFailed(row.file, row.file_row, len(lacking), unknown)
        return problem

    # Storing

    @_run_alone
    def store(self, batch: TextBatch, results: EmbeddingResults) -> BatchFailed | None:
        """Store the results of a batch in the journal; return the failure that is not of a text, if there is one."""
        rows: list[tuple[int, bytes, bytes]] = []
        failures: list[RowFailure] = []
        refusals: list[tuple[TextRow, GenaiError]] = []
        problem: tuple[TextRow, GenaiError] | None = None
        tokens = 0
        for row, text, result in zip(batch.rows, batch.texts, results, strict=False):  # none follows a fatal failure
            if isinstance(result, Failure):
                error = result.failure()
                error = error.error if isinstance(error, EmbeddingFailed) else error
                if is_content_error(error) or isinstance(error, OperationFailed):  # that of a line of a batch job
                    refusals.append((row, error))
                    failures.append(RowFailure(row.row, row.digest, cut_text(text), describe_error(error)))
                else:
                    problem = problem or (row, error)
                continue
            embedding: Any = result.unwrap()
            mismatch = self._check_dimensions(len(embedding.data) // 4)
            if mismatch is not None:
                problem = problem or (row, mismatch)
                continue
            rows.append((row.row, row.digest, embedding.data))
            tokens += _read_token_count(embedding.statistics)
        plan = self._get_plan()
        plan.has_vectors |= bool(rows)
        self._refused += len(failures)
        if failures and not plan.has_vectors and self._refused >= _MAX_REFUSED_AT_FIRST:
            problem, failures = refusals[0], []
        self._store_rows(batch, rows, failures, tokens)
        if problem is None:
            return None
        row, error = problem
        return BatchFailed(row.file, row.file_row, len(batch.rows) - len(rows) - len(failures), error)

    def _check_dimensions(self, dimensions: int) -> DimensionMismatch | None:
        plan = self._get_plan()
        if plan.dimensions is None and dimensions:
            plan.dimensions = dimensions
        return None if dimensions == plan.dimensions else DimensionMismatch(plan.dimensions, dimensions)

    def _store_rows(
        self, batch: TextBatch, rows: list[tuple[int, bytes, bytes]], failures: list[RowFailure], tokens: int
    ) -> None:
        shard: OpenShard = self._get_plan().shards[batch.shard]
        if rows or failures:
            shard.journal.append(rows, failures, tokens)
        shard.lacking.difference_update([row for row, _, _ in rows], [each.row for each in failures])
        self._sent += len(rows) + len(failures)
        self._embedded += len(rows)
        self._tokens += tokens

    def _write_shard(self, plan: RowPlan, shard: OpenShard) -> None:
        """Write a shard and its dead letters, list it in the manifest, and remove its journal."""
        found = shard.borrow_vectors(self.folder, self._job.shard_size, plan.index)
        rows, letters = shard.sort_rows(found)
        file = self._write_rows(shard, rows) if rows else None
        entry = ShardEntry(
            first_row=shard.first_row,
            rows=shard.rows,
            embedded=len(rows),
            failed=len(letters),
            duplicates=sum(each.origin != each.row for each in rows),
            tokens=shard.journal.tokens,
            name=None if file is None else self.folder.get_shard(shard.number).name,
            bytes=0 if file is None else file.size,
            sha256="" if file is None else file.checksum,
            rows_digest=shard.rows_digest,
        )
        before = self._get_manifest()
        size = self.folder.append_dead_letters(encode_dead_letters(letters), before.dead_letter_bytes)
        manifest = replace(
            before,
            shards=(*before.shards, entry),
            dead_letter_bytes=size,
            dimensions=before.dimensions or (plan.dimensions if rows else None),
        )
        self.folder.save_manifest(manifest)
        self._manifest = manifest
        plan.index.set_errors(shard.list_errors(letters))
        del plan.shards[shard.number]
        shard.journal.remove()

    def _write_rows(self, shard: OpenShard, rows: list[ShardRow]) -> NewFile:
        path = self.folder.get_shard(shard.number)
        file = NewFile(path, self.folder.get_temporary(path))
        try:
            write_shard(
                file,
                rows,
                shard.build_table(),
                self._get_plan().dimensions or 0,
                shard.journal.read_vectors,
                {"genai_fn.format": str(FORMAT), "genai_fn.model": self._job.model},
                keep_text=self._job.keep_text,
            )
            file.commit()
        finally:
            file.close()
        return file

    # The end

    @_run_alone
    def finish(self, now: float) -> JobSummary:
        """Write the array of all vectors, if it is wanted, and complete the manifest."""
        before = manifest = self._get_manifest()
        if self._job.npy and (manifest.npy is None or not self.folder.npy.exists()):
            shape = (manifest.embedded, manifest.dimensions or 0)
            path = self.folder.npy
            write_vector_array(path, self.folder.get_temporary(path), self._list_shards(manifest), shape)
            manifest = replace(manifest, npy=path.name)
        manifest = replace(manifest, is_finished=True)
        if manifest != before:
            self.folder.save_manifest(manifest)
            self._manifest = manifest
        return JobSummary(
            output=self.folder.path,
            rows=manifest.rows,
            embedded=manifest.embedded,
            failed=manifest.failed,
            duplicates=manifest.duplicates,
            tokens=manifest.tokens,
            sent=self._sent,
            seconds=now - self._started,
            dimensions=manifest.dimensions,
            shards=tuple(path.name for path in self._list_shards(manifest)),
            npy=manifest.npy,
        )

    def _list_shards(self, manifest: JobManifest) -> list[Path]:
        return [self.folder.path / each.name for each in manifest.shards if each.name is not None]

    def build_progress(self, now: float) -> EmbeddingProgress:
        """Build the event for what was done so far."""
        plan = self._get_plan()
        jobs = tuple(self._job_stats.values())
        done = self._embedded + sum(each.successful_count or 0 for each in jobs)
        failed = self._sent - self._embedded + plan.unusable + sum(each.failed_count or 0 for each in jobs)
        speed = self._sent / max(now - self._started, 1e-9)
        left = None if self._total is None else max(0, self._total - done - failed - plan.skipped)
        return EmbeddingProgress(
            done=done,
            failed=failed,
            skipped=plan.skipped,
            total=self._total,
            tokens=self._tokens,
            texts_per_second=speed,
            seconds_left=None if left is None or not speed else left / speed,
        )


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
