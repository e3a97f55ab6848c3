"""
Finds texts that occur twice: an index from the hash of each text to the first row that has it, on disk.

It is an SQLite database, so that its memory is flat: a dict of a million hashes takes 130 MB, this 2 MB. It is not
part of the output: each run builds it anew from the shards, so SQLite keeps no journal for it and never waits for the
disk.

It also keeps the vectors of texts that occur in several shards. So each of them is read from its shard once in a run,
however many later shards have the text.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from genai_fn.jobs.output.disk import remove_file

__all__ = ["IndexEntry", "TextIndex"]


class IndexEntry(NamedTuple):
    """The first row with a text, and the error of its embedding."""

    row: int
    error: str | None
    """Why the text has no vector, as JSON; None if it has one, or no result yet."""


class TextIndex:
    """The index of one run. Any thread may call its methods, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        remove_file(path)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-2048"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE texts (digest BLOB PRIMARY KEY, row INTEGER, error TEXT) WITHOUT ROWID")
        self._database.execute("CREATE TABLE vectors (digest BLOB PRIMARY KEY, vector BLOB)")

    def add(self, entries: Iterable[tuple[bytes, int, str | None]]) -> None:
        """Add texts: the hash, the row, and the error as JSON. Hashes that are in the index keep their entry."""
        self._write("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", entries)

    def set_errors(self, errors: Iterable[tuple[str, bytes]]) -> None:
        """Set the errors of texts that are in the index: the error as JSON, and the hash."""
        self._write("UPDATE texts SET error = ? WHERE digest = ?", errors)

    def find(self, digests: Sequence[bytes]) -> dict[bytes, IndexEntry]:
        """Return the entries of those hashes that are in the index."""
        found: dict[bytes, IndexEntry] = {}
        for start in range(0, len(digests), _MAX_PARAMETERS):
            part = digests[start : start + _MAX_PARAMETERS]
            query = f"SELECT digest, row, error FROM texts WHERE digest IN ({','.join('?' * len(part))})"  # noqa: S608  # question marks
            found.update({digest: IndexEntry(row, error) for digest, row, error in self._database.execute(query, part)})
        return found

    def add_vectors(self, vectors: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep the vectors of some texts: their hash, and the vector as float32."""
        self._write("INSERT OR IGNORE INTO vectors VALUES (?, ?)", vectors)

    def iter_vectors(self, digests: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the hash and the vector of those texts whose vectors are kept."""
        for digest in digests:
            yield from self._database.execute("SELECT digest, vector FROM vectors WHERE digest = ?", (digest,))

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute a statement for each row, in one transaction."""
        self._database.execute("BEGIN")
        self._database.executemany(statement, rows)
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the database, and remove it, if that is possible: else the next run does."""
        with suppress(OSError, sqlite3.Error):
            self._database.close()
            remove_file(self._path)


_MAX_PARAMETERS = 512
