"""A shard whose rows are being read and embedded, until it can be written."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from genai_fn.codec import decode
from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.errors import UnusableText
from genai_fn.jobs.output.dead_letters import DeadLetter, describe_error
from genai_fn.jobs.output.folder import OutputFolder
from genai_fn.jobs.output.journal import Journal, RowFailure, RowVector
from genai_fn.jobs.output.shards import ShardRow, read_shard_vectors
from genai_fn.jobs.rows import RowBatch, cut_text
from genai_fn.jobs.text_index import IndexEntry, TextIndex

__all__ = ["OpenShard"]


class OpenShard:
    """
    The rows of a shard, the journal with the vectors that are there, and the rows that still `lack` a result.

    A row with a text that an earlier row has is a duplicate: its `origin` is that row, which may be in a shard before.
    """

    def __init__(self, number: int, first_row: int, journal: Journal) -> None:
        self.number = number
        self.first_row = first_row
        self.journal = journal
        self.lacking: set[int] = set()
        self.is_read = False
        self.rows = 0
        self.rows_digest = ""
        self._usable: list[ShardRow] = []
        self._unusable: list[DeadLetter] = []
        self._kept: list[Any] = []

    @property
    def is_ready(self) -> bool:
        """Whether all rows are read, and each has a result."""
        return self.is_read and not self.lacking

    def add_rows(
        self, batch: RowBatch, digests: Sequence[bytes | None], origins: Sequence[int], *, keep_text: bool
    ) -> None:
        """Add rows, with the hash of each text that can be embedded, and the first row with the same text."""
        kept_before = sum(each.num_rows for each in self._kept)
        for index, (text, digest, origin) in enumerate(zip(batch.texts, digests, origins, strict=True)):
            row, file_row = self.first_row + self.rows, batch.first_row + index
            if isinstance(text, UnusableText) or digest is None:
                kept_id = _get_id(batch.kept, index)
                self._unusable.append(_build_letter(row, batch.file, file_row, kept_id, error=describe_error(text)))  # type: ignore[arg-type]  # a row without a hash has no text
            else:
                shown = text if keep_text else cut_text(text) if origin != row else None
                self._usable.append(ShardRow(row, batch.file, file_row, digest, origin, kept_before + index, shown))
            self.rows += 1
        if batch.kept is not None:
            self._kept.append(batch.kept)

    def add_results(self, rows: Sequence[RowVector], failures: Sequence[RowFailure], tokens: int) -> None:
        """Append the results of a batch to the journal."""
        if rows or failures:
            self.journal.append(rows, failures, tokens)
        self.lacking.difference_update([row for row, _, _ in rows], [each.row for each in failures])

    def borrow_vectors(self, folder: OutputFolder, shard_size: int, index: TextIndex) -> dict[int, IndexEntry]:
        """
        Copy the vectors of texts in earlier shards into the journal; return what the index has of the others.

        Each shard is read once, and a row group of it at a time. The index keeps what was read, for later shards.
        """
        foreign = {each.origin: each.digest for each in self._usable if each.origin < self.first_row}
        found = {entry.row: entry for entry in index.find(tuple(foreign.values())).values()}
        lacking = {d: row for row, d in foreign.items() if found[row].error is None and row not in self.journal}
        for part in _cut_parts(index.iter_vectors(tuple(lacking))):
            self.journal.append([(lacking.pop(digest), digest, vector) for digest, vector in part])
        for number, origins in groupby(sorted(lacking.values()), lambda origin: origin // shard_size):
            vectors = read_shard_vectors(folder.get_shard(number), [*origins])
            for part in _cut_parts((foreign[row], vector) for row, vector in vectors):
                self.journal.append([(lacking[digest], digest, vector) for digest, vector in part])
                index.add_vectors(part)
        return found

    def sort_rows(self, found: dict[int, IndexEntry]) -> tuple[list[ShardRow], list[DeadLetter]]:
        """Return the rows that have a vector, and the others as dead letters, both in order."""
        good: list[ShardRow] = []
        letters = list(self._unusable)
        kept = self.build_table()
        for each in self._usable:
            failure = self.journal.failures.get(each.origin)
            entry = found.get(each.origin)
            if failure is not None:
                text, error = failure.text, failure.error
            elif entry is not None and entry.error is not None:
                text, error = cut_text(each.text or ""), decode(entry.error)
            else:
                good.append(each)
                continue
            kept_id = _get_id(kept, each.kept)
            letters.append(
                _build_letter(each.row, each.file, each.file_row, kept_id, error, text=text, digest=each.digest)
            )
        return good, sorted(letters, key=lambda letter: letter.row)

    def build_table(self) -> Any:
        """Return the table of kept columns; None if there are none."""
        return load_package("pyarrow").Table.from_batches(self._kept) if self._kept else None


_BORROWED = 256
"""Vectors that are copied at once."""


def _cut_parts(vectors: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    source = iter(vectors)
    while part := list(islice(source, _BORROWED)):
        yield part


def _get_id(kept: Any, index: int) -> Any:
    """Return the value of the column ``id``, as JSON has it; None if there is no such column."""
    if kept is None or "id" not in kept.schema.names:
        return None
    scalar = kept.column("id")[index]
    try:
        value = scalar.as_py()
    except (ValueError, OverflowError):  # a text that is not UTF-8; a time with nanoseconds, or after the year 9999
        return _format_scalar(scalar)
    return value if isinstance(value, str | int | float) or value is None else str(value)


def _format_scalar(scalar: Any) -> str:
    """Format a scalar that Python has no value for."""
    arrow = load_package("pyarrow")
    try:
        data: bytes = scalar.cast(arrow.large_string()).cast(arrow.large_binary()).as_py()
    except arrow.ArrowException:  # such as a time zone that the system does not have
        return str(scalar.type)
    return data.decode(errors="replace")


def _build_letter(
    row: int, file: str, file_row: int, id: Any, error: Any, *, text: str = "", digest: bytes = b""
) -> DeadLetter:
    return DeadLetter(row=row, file=file, file_row=file_row, id=id, text_hash=digest.hex(), text=text, error=error)
