"""The store of cached answers in an SQLite file, which several processes may share."""

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zlib import crc32

from genai_fn.errors import InvalidRequest
from genai_fn.ops.files.upload_flow import HasPath, read_path
from genai_fn.options import check_at_least_one


class SQLiteStore:
    """
    A store in an SQLite file. Threads and processes may share it; it survives a process that is killed.

    When it is full, the answers that were stored first are removed. A damaged answer counts as none. A damaged file is
    renamed to ``….damaged``, and a new one is created. A new file is readable by its owner alone, as it contains
    answers. The store holds open connections; ``close()``, ``with``, or its end closes them.

    Args:
        path: The file, in an existing folder; it is created if it does not exist. Two files beside it, ``…-wal`` and
            ``…-shm``, belong to it.

        max_bytes: The maximum of all answers together; an answer that is larger is not stored.

        clock: Returns seconds since 1970, which times to live are measured in. An answer that was stored later than
            the clock shows has expired, so a clock that is set back loses answers, and keeps none for too long.

    Raises:
        InvalidRequest: If the file cannot be opened, or `max_bytes` is not a whole number of at least 1.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SQLiteStore(f"{folder}/answers.sqlite") as store:
    ...     store.put("a", b"answer", ttl=3600)
    ...     store.get("a"), store.get("b")
    (b'answer', None)
    """

    is_blocking = True

    def __init__(
        self,
        path: str | HasPath,
        max_bytes: int = 1024 * 1024 * 1024,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_at_least_one("max_bytes", max_bytes)
        self._path = Path(read_path(path, "path")).absolute()
        self._max_bytes = max_bytes
        self._clock = clock
        self._idle: dict[int, list[sqlite3.Connection]] = {}
        self._close_idle = weakref.finalize(self, _close_connections, self._idle)
        try:
            with self._connect() as connection:
                connection.execute("SELECT bytes FROM genai_fn_answers_size").fetchone()
        except sqlite3.Error as error:
            if not _has_code(error, "CORRUPT", "NOTADB", "BUSY", "LOCKED"):
                raise InvalidRequest("path", str(self._path), f"a file for SQLite ({error})") from None
        except (OSError, ValueError) as error:  # a ValueError for a null character
            raise InvalidRequest("path", str(self._path), f"a file for SQLite ({error})") from None

    def get(self, key: str) -> bytes | None:
        """Return the value of a key; None if there is none, it has expired, or the file is damaged."""
        now = self._clock()
        try:
            with self._connect() as connection:
                row = connection.execute(_SELECT, (key,)).fetchone()
        except sqlite3.DatabaseError:  # damaged, locked for too long, or no longer readable
            return None
        if row is None:
            return None
        value, checksum, stored_at, ttl = row
        is_intact = isinstance(value, bytes) and checksum == _compute_checksum(key, value, stored_at, ttl)
        if not is_intact or now < stored_at or (ttl is not None and now >= stored_at + ttl):
            return None
        return bytes(value)

    def put(self, key: str, value: bytes, ttl: float | None) -> None:
        """
        Set the value of a key, which expires after a number of seconds, or, for None, never.

        Raises:
            sqlite3.Error: If the file cannot be written, such as on a full disk.
        """
        for mend in (self.close, self._set_damaged_file_aside):  # an idle connection may be of a file set aside before
            try:
                return self._put(key, bytes(value), ttl)
            except sqlite3.DatabaseError as error:
                if not _has_code(error, "CORRUPT", "NOTADB"):
                    raise
            mend()
        return self._put(key, bytes(value), ttl)

    def _put(self, key: str, value: bytes, ttl: float | None) -> None:
        now, ttl = float(self._clock()), None if ttl is None else float(ttl)
        with self._connect() as connection, _transaction(connection):
            connection.execute("DELETE FROM genai_fn_answers WHERE key = ?", (key,))
            if len(key) + len(value) > self._max_bytes:
                return
            checksum = _compute_checksum(key, value, now, ttl)
            expires_at = None if ttl is None else now + ttl
            row = (key, value, len(key) + len(value), checksum, now, ttl, expires_at)
            connection.execute("INSERT INTO genai_fn_answers VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute("DELETE FROM genai_fn_answers WHERE expires_at <= ?", (now,))
            while _read_size(connection) > self._max_bytes:
                if not connection.execute(_DELETE_FIRST).rowcount:
                    break  # the size is wrong

    def delete(self, key: str) -> None:
        """Remove a key, if it exists; does nothing if the file is damaged."""
        with suppress(sqlite3.DatabaseError), self._connect() as connection, _transaction(connection):
            connection.execute("DELETE FROM genai_fn_answers WHERE key = ?", (key,))

    def close(self) -> None:
        """Close the connections that are not in use. The store can still be used, and opens new ones."""
        _close_connections(self._idle)

    @contextmanager
    def _connect(self) -> Generator[sqlite3.Connection]:
        """Take an idle connection of this process, or open one; close it after an error."""
        idle = self._idle.setdefault(os.getpid(), [])  # a connection must not be used in a forked process
        try:
            connection = idle.pop()
        except IndexError:
            connection = _open_connection(self._path)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        idle.append(connection)

    def _set_damaged_file_aside(self) -> None:
        self.close()
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self._path}{suffix}").unlink()
        with suppress(OSError):
            self._path.replace(f"{self._path}.damaged")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r}, max_bytes={self._max_bytes})"

    def __reduce__(self) -> tuple[Any, ...]:
        return SQLiteStore, (str(self._path), self._max_bytes)


_DELETE_FIRST = "DELETE FROM genai_fn_answers WHERE id = (SELECT MIN(id) FROM genai_fn_answers)"
_SELECT = "SELECT value, checksum, stored_at, ttl FROM genai_fn_answers WHERE key = ?"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS genai_fn_answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    value BLOB NOT NULL,
    size INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    stored_at REAL NOT NULL,
    ttl REAL,
    expires_at REAL
);
CREATE INDEX IF NOT EXISTS genai_fn_answers_expiry ON genai_fn_answers (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS genai_fn_answers_size (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO genai_fn_answers_size VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS genai_fn_answers_added AFTER INSERT ON genai_fn_answers BEGIN
    UPDATE genai_fn_answers_size SET bytes = bytes + NEW.size;
END;
CREATE TRIGGER IF NOT EXISTS genai_fn_answers_removed AFTER DELETE ON genai_fn_answers BEGIN
    UPDATE genai_fn_answers_size SET bytes = bytes - OLD.size;
END;
"""
_BUSY_SECONDS = 5.0


def _open_connection(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite creates its other files with the same permissions
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = NORMAL")
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'genai_fn_answers_removed'").fetchone()
        if found is None:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    yield  # after an error the connection is closed, which rolls back
    connection.execute("COMMIT")


def _read_size(connection: sqlite3.Connection) -> int:
    [size] = connection.execute("SELECT bytes FROM genai_fn_answers_size").fetchone() or (0,)
    return int(size)


def _compute_checksum(key: str, value: bytes, stored_at: float, ttl: float | None) -> int:
    return crc32(value, crc32(f"{key} {stored_at!r} {ttl!r}".encode()))


def _has_code(error: sqlite3.Error, *names: str) -> bool:
    """Whether SQLite has reported one of some codes, or an extended code of one."""
    code: str = getattr(error, "sqlite_errorname", None) or ""
    return code.startswith(tuple(f"SQLITE_{each}" for each in names))


def _close_connections(idle: dict[int, list[sqlite3.Connection]]) -> None:
    """Close the idle connections of this process; those of the process that it was forked from stay open there."""
    connections = idle.get(os.getpid(), [])
    while connections:
        with suppress(IndexError):  # another thread takes from the same list
            connections.pop().close()
