"""
The journal of a shard: the vectors of finished batches, until the shard is written.

It is a file to which a record is appended for each batch: a head of fixed length, the rows as JSON, and their vectors
as float32. The head contains lengths and a checksum, so a record that was cut short is recognized. What is in the
journal is not sent again.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from genai_fn.codec import decode, encode
from genai_fn.jobs.errors import DimensionMismatch
from genai_fn.jobs.output.disk import append_bytes, remove_file, truncate_file
from genai_fn.values import Value

__all__ = ["Journal", "RowFailure", "RowVector"]

_HEAD = struct.Struct("<4sIQI")  # mark, bytes of JSON, bytes of vectors, checksum of both
_MARK = b"gfj1"
_FLOAT_SIZE = 4


RowVector: TypeAlias = tuple[int, bytes, bytes]
"""A row that has a vector: its number, the hash of its text, and the vector as float32."""


class RowFailure(Value):
    """A row that has no vector: its number, its hash, the beginning of its text, and the error as JSON."""

    row: int
    digest: bytes
    text: str
    error: Mapping[str, Any]


class _Record(Value):
    rows: tuple[int, ...]
    digests: tuple[bytes, ...]
    failures: tuple[RowFailure, ...] = ()
    tokens: int = 0


class Journal:
    """The journal of one shard. Opening it reads what an earlier run has left, and removes a record that was cut."""

    def __init__(self, path: Path, dimensions: int | None) -> None:
        self._path = path
        self._offsets: dict[int, int] = {}
        self.dimensions = dimensions
        self.digests: dict[int, bytes] = {}
        self.failures: dict[int, RowFailure] = {}
        self.tokens = 0
        self._end = 0
        if path.exists():
            self._replay()
        self._file: IO[bytes] = path.open("r+b" if path.exists() else "x+b", buffering=0)
        self._file.seek(self._end)

    def __contains__(self, row: int) -> bool:
        return row in self._offsets or row in self.failures

    @property
    def has_vectors(self) -> bool:
        """Whether there is any vector."""
        return bool(self._offsets)

    def append(self, rows: Sequence[RowVector], failures: Sequence[RowFailure] = (), tokens: int = 0) -> None:
        """
        Append the results of a batch.

        Raises:
            DimensionMismatch: If a vector has another length than the first of the job.
        """
        for _, _, vector in rows:
            self._check_dimensions(len(vector) // _FLOAT_SIZE)
        vectors = b"".join(vector for _, _, vector in rows)
        record = _Record(
            tuple(row for row, _, _ in rows), tuple(digest for _, digest, _ in rows), tuple(failures), tokens
        )
        text = encode(record)
        head = _HEAD.pack(_MARK, len(text), len(vectors), zlib.crc32(vectors, zlib.crc32(text)))
        try:
            append_bytes(self._file, b"".join((head, text, vectors)))
        except OSError:  # the disk is full: what was written of the record is cut off, so that the next one can follow
            self._file.truncate(self._end)
            self._file.seek(self._end)
            raise
        self._add(record, len(text), len(vectors))

    def read_vectors(self, rows: Sequence[int]) -> list[bytes]:
        """Return the vectors of rows, each as bytes."""
        size = (self.dimensions or 0) * _FLOAT_SIZE
        vectors: list[bytes] = []
        with self._path.open("rb", buffering=1 << 20) as file:
            for row in rows:
                file.seek(self._offsets[row])
                vectors.append(file.read(size))
        return vectors

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def remove(self) -> None:
        """Close and remove the file, as its shard is written."""
        self._file.close()
        remove_file(self._path)

    def _check_dimensions(self, dimensions: int) -> None:
        if self.dimensions is None:
            self.dimensions = dimensions
        if dimensions != self.dimensions:
            raise DimensionMismatch(self.dimensions, dimensions)

    def _replay(self) -> None:
        """Read the records up to the first that is not whole, and cut that one off."""
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                mark, text_size, data_size, checksum = _HEAD.unpack(head)
                if mark != _MARK or file.tell() + text_size + data_size > size:
                    break
                text, vectors = file.read(text_size), file.read(data_size)
                if zlib.crc32(vectors, zlib.crc32(text)) != checksum:
                    break
                record = decode(text, _Record)
                if record.rows:
                    self._check_dimensions(data_size // len(record.rows) // _FLOAT_SIZE)
                self._add(record, text_size, data_size)
        if size > self._end:
            truncate_file(self._path, self._end)

    def _add(self, record: _Record, text_size: int, data_size: int) -> None:
        start = self._end + _HEAD.size + text_size
        size = data_size // len(record.rows) if record.rows else 0
        for index, (row, digest) in enumerate(zip(record.rows, record.digests, strict=True)):
            self._offsets[row] = start + index * size
            self.digests[row] = digest
        for each in record.failures:
            self.failures[each.row] = each
            self.digests[each.row] = each.digest
        self.tokens += record.tokens
        self._end = start + data_size
