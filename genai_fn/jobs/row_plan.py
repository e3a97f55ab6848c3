"""The plan of a run: which row belongs to which shard, which texts are new, and the batches in which they are sent."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence

from genai_fn.jobs.errors import SettingsChanged, UnusableText
from genai_fn.jobs.open_shard import OpenShard
from genai_fn.jobs.output.batch_states import BatchState
from genai_fn.jobs.output.folder import OutputFolder
from genai_fn.jobs.output.journal import Journal
from genai_fn.jobs.output.manifest import JobManifest
from genai_fn.jobs.rows import DIGEST_SIZE, RowBatch, hash_text
from genai_fn.jobs.text_index import IndexEntry, TextIndex
from genai_fn.ops.embed.batches import BatchCutter, BatchLimits
from genai_fn.values import Value

__all__ = ["RowPlan", "TextBatch", "TextRow"]


class TextRow(Value):
    """A row whose text is to be sent."""

    row: int
    file: str
    file_row: int
    digest: bytes


class TextBatch(Value):
    """Rows whose texts are sent in one request, or are in one batch job; `state` is that of an earlier run."""

    shard: int
    rows: tuple[TextRow, ...]
    texts: tuple[str, ...]
    state: BatchState | None = None


class _BatchClaims:
    """The rows that are in batch jobs of earlier runs, and so belong to no new batch."""

    def __init__(self, states: Sequence[BatchState]) -> None:
        self._states = states
        self._digests = {row: digest for each in states for row, digest in zip(each.rows, each.digests, strict=True)}
        self._texts: dict[int, tuple[TextRow, str]] = {}

    def get_digest(self, row: int) -> bytes | None:
        """Return the hash of a text that is in a batch job; None if it is in none."""
        return self._digests.get(row)

    def add(self, row: TextRow, text: str) -> None:
        """Add a row that is in a batch job, and still lacks a result."""
        self._texts[row.row] = (row, text)

    def take_batches(self, shard: int) -> Iterator[TextBatch]:
        """Return the batches of a shard whose rows are all read. One without rows has all of its results."""
        for each in self._states:
            if each.shard == shard:
                lacking = [self._texts.pop(row) for row in each.rows if row in self._texts]
                yield TextBatch(shard, tuple(row for row, _ in lacking), tuple(text for _, text in lacking), each)


class RowPlan:
    """
    Takes the rows of a source in order, and gives out the batches of texts to send.

    Rows of shards that are written are compared with those that are read, by their hash. `states` are the batch jobs of
    earlier runs. At most `max_open_shards` are read and embedded at once: while one lacks the last of its results, the
    next one is read.

    `skipped` counts the rows that are not sent because they have a vector already or the text of another row, and
    `unusable` those that have no text.
    """

    def __init__(  # noqa: PLR0917  # what a run knows at its beginning
        self,
        folder: OutputFolder,
        manifest: JobManifest,
        index: TextIndex,
        limits: BatchLimits,
        dimensions: int | None,
        states: Sequence[BatchState] = (),
        max_open_shards: int = 2,
    ) -> None:
        self.index = index
        self.shards: dict[int, OpenShard] = {}
        self.ready: deque[TextBatch] = deque()
        self.unread: deque[RowBatch] = deque()
        self.next_row = 0
        self.is_exhausted = False
        self.skipped = 0
        self.unusable = 0
        self.dimensions = dimensions
        self.has_vectors = manifest.embedded > 0
        self._folder = folder
        self._before = manifest
        self._shard_size = manifest.settings.shard_size
        self._keep_text = manifest.settings.keep_text
        self._cutter = BatchCutter(limits)
        self._uncut: deque[TextRow] = deque()
        self._claims = _BatchClaims(states)
        self._max_open_shards = max_open_shards
        self._rows_hash = hashlib.blake2b(digest_size=DIGEST_SIZE)

    def close(self) -> None:
        """Close the journals."""
        for each in self.shards.values():
            each.journal.close()

    def add_batches(self, batches: Sequence[RowBatch]) -> None:
        """Add rows of the source; none are its end."""
        self.unread += batches
        if not batches:
            self.is_exhausted = True
            self._end_rows()

    def may_read(self) -> bool:
        """Return whether the next row belongs to an open shard, or a new one can be opened."""
        number = self.next_row // self._shard_size
        return number in self.shards or len(self.shards) < self._max_open_shards

    def take_rows(self) -> None:
        """Take the rows of the next batch up to the end of a shard, and keep the others."""
        batch = self.unread.popleft()
        size = self._shard_size
        count = size - self.next_row % size
        part = batch.slice(0, count)
        if len(batch.texts) > count:
            self.unread.appendleft(batch.slice(count, len(batch.texts)))
        digests = [None if isinstance(each, UnusableText) else hash_text(each) for each in part.texts]
        self._rows_hash.update(b"".join(each or _NO_TEXT for each in digests))
        if self.next_row // size < len(self._before.shards):
            self.next_row += len(digests)
            self.skipped += len(digests)
        else:
            self._add_rows(part, digests)
        if self.next_row % size == 0:
            self._end_shard(self.next_row // size - 1)

    def _add_rows(self, batch: RowBatch, digests: Sequence[bytes | None]) -> None:
        """Add rows to their shard, and the texts that are new to the next batch."""
        shard = self._get_shard(self.next_row // self._shard_size)
        known = self.index.find(sorted({each for each in digests if each is not None}))
        new: list[tuple[bytes, int, None]] = []
        origins: list[int] = []
        for offset, (text, digest) in enumerate(zip(batch.texts, digests, strict=True)):
            row = self.next_row + offset
            if digest is None or isinstance(text, UnusableText):
                origins.append(row)
                continue
            if digest not in known:
                known[digest] = IndexEntry(row, None)
                new.append((digest, row, None))
                self._plan_text(shard, TextRow(row, batch.file, batch.first_row + offset, digest), text)
            origins.append(known[digest].row)
        self.index.add(sorted(new))  # neighbours in the index are written together
        shard.add_rows(batch, digests, origins, keep_text=self._keep_text)
        self.next_row += len(digests)
        unusable = digests.count(None)
        self.unusable += unusable
        self.skipped += len(digests) - len(new) - unusable

    def _plan_text(self, shard: OpenShard, row: TextRow, text: str) -> None:
        """Add a text to the next batch, unless the journal has its result."""
        if row.row in shard.journal:
            if shard.journal.digests[row.row] != row.digest:
                raise self._build_source_error(row.row, row.row + 1)
            self.skipped += 1
            return
        shard.lacking.add(row.row)
        claimed = self._claims.get_digest(row.row)
        if claimed is not None:
            if claimed != row.digest:
                raise self._build_source_error(row.row, row.row + 1)
            self._claims.add(row, text)
            return
        self._uncut.append(row)
        batch = self._cutter.add(text)
        if batch is not None:  # it may end before this text
            self._cut_batch(shard.number, batch[1])

    def _cut_batch(self, shard: int, texts: tuple[str, ...]) -> None:
        self.ready.append(TextBatch(shard, tuple(self._uncut.popleft() for _ in texts), texts))

    def _get_shard(self, number: int) -> OpenShard:
        shard = self.shards.get(number)
        if shard is None:
            if self._before.is_finished:
                raise self._build_source_error(self.next_row, self.next_row + 1)
            journal = Journal(self._folder.get_journal(number), self.dimensions)
            self.dimensions = journal.dimensions
            self.has_vectors |= journal.has_vectors
            shard = self.shards[number] = OpenShard(number, number * self._shard_size, journal)
        return shard

    def _end_rows(self) -> None:
        """End the last shard, which may have fewer rows than others; no row may be missing that was there before."""
        if self.next_row % self._shard_size:
            self._end_shard(self.next_row // self._shard_size)
        if self.next_row < self._before.rows:
            raise self._build_source_error(self.next_row, self._before.rows)

    def _end_shard(self, number: int) -> None:
        """End a shard, as all of its rows are read; of one that is written, check that they are the same."""
        digest = self._rows_hash.hexdigest()
        self._rows_hash = hashlib.blake2b(digest_size=DIGEST_SIZE)
        if number < len(self._before.shards):
            entry = self._before.shards[number]
            if entry.rows_digest != digest:
                raise self._build_source_error(entry.first_row, entry.first_row + entry.rows)
            return
        shard = self._get_shard(number)
        last = self._cutter.take()
        if last is not None:
            self._cut_batch(number, last[1])
        self.ready.extend(self._claims.take_batches(number))
        shard.is_read = True
        shard.rows_digest = digest

    def _build_source_error(self, start: int, stop: int) -> SettingsChanged:
        changes = (("source", f"other rows from {start} to {stop - 1}", "not the same"),)
        return SettingsChanged(str(self._folder.path), changes)


_NO_TEXT = bytes(DIGEST_SIZE)
"""Stands for a row without a text in the hash of the rows: the wording of the reason may change."""
