"""The journal: what is in it after it was cut anywhere."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from genai_fn.jobs import DimensionMismatch
from genai_fn.jobs.output.journal import Journal, RowFailure

VECTOR = b"\x00\x00\x80\x3f" * 2
FAILURE = RowFailure(7, b"seven", "text", {"type": "ClientError"})


@contextmanager
def open_journal(path: Path, dimensions: int | None = None) -> Generator[Journal]:
    """Open a journal for the duration of the block."""
    journal = Journal(path, dimensions)
    try:
        yield journal
    finally:
        journal.close()


def write_journal(path: Path) -> list[int]:
    """Write three records; return the size of the file after each."""
    journal = Journal(path, None)
    sizes = [0]
    records: Any = ([(1, b"one", VECTOR), (2, b"two", VECTOR)], ()), ([], (FAILURE,)), ([(3, b"x", VECTOR)], ())
    for rows, failures in records:
        journal.append(rows, failures, tokens=5)
        sizes.append(path.stat().st_size)
    journal.close()
    return sizes


def test_every_cut(tmp_path: Path) -> None:
    """A journal that is cut anywhere contains its whole records, and takes more."""
    path = tmp_path / "journal"
    sizes = write_journal(path)
    content = path.read_bytes()
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        journal = Journal(path, None)
        whole = sum(each <= size for each in sizes) - 1
        assert [1 in journal, 2 in journal, 7 in journal, 3 in journal] == [whole > 0, whole > 0, whole > 1, whole > 2]
        assert (path.stat().st_size, journal.tokens) == (sizes[whole], 5 * whole)
        journal.append([(9, b"nine", VECTOR)])
        assert journal.read_vectors([9]) == [VECTOR]
        journal.close()
        with open_journal(path, 2) as again:
            assert 9 in again


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_damage(tmp_path: Path, place: int) -> None:
    """A byte that has changed ends the journal before its record."""
    path = tmp_path / "journal"
    write_journal(path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with open_journal(path) as journal:
        assert 1 not in journal


def test_failure(tmp_path: Path) -> None:
    """A failure is kept with its text and reason."""
    write_journal(tmp_path / "journal")
    with open_journal(tmp_path / "journal") as journal:
        assert (journal.failures, journal.digests[7], journal.dimensions) == ({7: FAILURE}, b"seven", 2)


def test_other_dimension(tmp_path: Path) -> None:
    """A vector of another length is refused, and the journal stays as it was."""
    with open_journal(tmp_path / "journal", 2) as journal:
        with pytest.raises(DimensionMismatch):
            journal.append([(1, b"one", VECTOR), (2, b"two", VECTOR * 2)])
        assert (1 in journal, (tmp_path / "journal").stat().st_size) == (False, 0)


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that was written in part is cut off at once, so that the next one can follow."""

    def write_half(file: Any, data: bytes) -> int:
        file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    path = tmp_path / "journal"
    with open_journal(path) as journal:
        with monkeypatch.context() as patch:
            patch.setattr("genai_fn.jobs.output.journal.append_bytes", write_half)
            with pytest.raises(OSError, match="No space"):
                journal.append([(1, b"one", VECTOR)])
        assert path.stat().st_size == 0
        journal.append([(2, b"two", VECTOR)])
    with open_journal(path) as journal:
        assert 2 in journal
