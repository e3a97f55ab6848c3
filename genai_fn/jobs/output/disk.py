"""
Changes to files, one function for each system call, and files that get their names only when they are complete.

All changes that a job makes to its folder go through these functions, except for the text index, which is not kept. So
tests let each of them fail or be the last thing that a run does.
"""

import hashlib
import os
from pathlib import Path
from typing import IO, Any, Self

__all__ = [
    "NewFile",
    "append_bytes",
    "make_folder",
    "remove_file",
    "replace_file",
    "sync_file",
    "sync_folder",
    "truncate_file",
]


def append_bytes(file: IO[bytes], data: Any) -> int:
    """Write all of some bytes to an unbuffered file, and return their number."""
    left = memoryview(data).cast("B")
    size = len(left)
    while left:
        left = left[file.write(left) :]
    return size


def sync_file(file: IO[bytes]) -> None:
    """Wait until what was written to a file is on the disk."""
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk. Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(temporary: Path, path: Path) -> None:
    """Give a temporary file its name, atomically."""
    temporary.replace(path)


def remove_file(path: Path) -> None:
    """Remove a file, if there is one."""
    path.unlink(missing_ok=True)


def truncate_file(path: Path, size: int) -> None:
    """Remove the end of a file."""
    os.truncate(path, size)


def make_folder(path: Path) -> None:
    """Create a folder and those that contain it, unless they exist."""
    path.mkdir(parents=True, exist_ok=True)


class NewFile:
    """
    A file that is written under a temporary name, and gets its own when it is complete and on the disk.

    It is a file object for libraries that write to one. `size` and `checksum` are those of what was written. As a
    context manager it gets its name at the end of the block, unless that raises.
    """

    def __init__(self, path: Path, temporary: Path) -> None:
        self._path = path
        self._temporary = temporary
        self._file: IO[bytes] = temporary.open("wb", buffering=0)
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def checksum(self) -> str:
        """The SHA-256 of the content."""
        return self._hash.hexdigest()

    @property
    def closed(self) -> bool:
        """Whether it is closed, for pyarrow."""
        return self._file.closed

    def write(self, data: Any) -> int:
        """Append data."""
        written = append_bytes(self._file, data)
        self._hash.update(data)
        self.size += written
        return written

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.size

    def flush(self) -> None:
        """Do nothing, as there is no buffer."""

    def close(self) -> None:
        """Close the file. It keeps its temporary name."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                sync_file(self._file)
                self._file.close()
                replace_file(self._temporary, self._path)
                sync_folder(self._path.parent)
        finally:
            self._file.close()
