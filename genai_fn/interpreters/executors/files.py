"""Files on disk: reads uploads, and writes downloads to temporary files, which replace others atomically."""

import os
import stat
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from genai_fn.effects import CommitTemp, EffectFailed, GetFileSize, ReadFileSlice, WriteTemp
from genai_fn.errors import Closed, InvalidRequest


def perform_file_effect(effect: GetFileSize | ReadFileSlice | WriteTemp | CommitTemp) -> Any:
    """Perform a file effect in the calling thread."""
    match effect:
        case GetFileSize(file=file):
            return _get_file_size(file)
        case ReadFileSlice():
            return _read_file_slice(effect.file, effect.offset, effect.size)
        case WriteTemp(temp_file=temp_file, data=data):
            return temp_file.write(data)
        case CommitTemp(temp_file=temp_file):
            return temp_file.commit()


class TempFile:
    """
    A temporary file in the folder of the one that it replaces on `commit`; closing it before removes it.

    An existing regular file is replaced, and its permissions are kept; of a symbolic link the target is replaced, and
    the link stays. Anything else fails, in `create` and again in `commit`. Any thread may close it, and waits for a
    write in another thread. When it is collected, its file is removed, too.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._destination = _Destination(self._path, None)
        self._temp_path: Path | None = None
        self._file: IO[bytes] | None = None
        self._lock = threading.RLock()  # a signal handler may close it while its thread holds the lock
        self._is_finished = False
        self._remove: Callable[[], object] | None = None

    def create(self) -> "TempFile | EffectFailed":
        """Create the empty file."""
        with self._lock:
            if self._is_finished:
                return _FILE_CLOSED
            try:
                self._destination = _find_destination(self._path)
                temp_path = self._destination.path.parent / f".genai_fn-{os.urandom(8).hex()}.part"
                self._remove = weakref.finalize(self, _remove_file, temp_path, os.getpid())
                opener = None if self._destination.permissions is None else _open_private
                self._temp_path = temp_path
                self._file = FileIO(temp_path, "x", opener=opener)
            except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
                return self._build_failure(error)
            return self._close_if_finished(temp_path)

    def _close_if_finished(self, temp_path: Path) -> "TempFile | EffectFailed":
        """Complete what a signal handler has done while the file was created, maybe before it existed."""
        if not self._is_finished:
            return self
        self.close()
        _remove_file(temp_path, os.getpid())
        return _FILE_CLOSED

    def write(self, data: bytes | bytearray) -> EffectFailed | None:
        """Append data."""
        with self._lock:
            file = self._file
            if file is None:
                return _FILE_CLOSED
            try:
                left = memoryview(data)
                while left:
                    left = left[file.write(left) :]
            except (OSError, ValueError) as error:  # ValueError: a signal handler has closed it
                return self._build_failure(error)
        return None

    def commit(self) -> Path | EffectFailed:
        """Replace the destination, atomically."""
        with self._lock:
            file, temp_path = self._file, self._temp_path
            if file is None or temp_path is None:
                return _FILE_CLOSED
            try:
                _set_permissions(file, self._check_destination().permissions)
                file.close()
                os.replace(temp_path, self._destination.path)  # noqa: PTH105  # atomic, which its name tells better than Path's
            except (OSError, ValueError) as error:  # ValueError: a signal handler has closed it
                return self._build_failure(error)
            self._file, self._is_finished = None, True
        return self._path

    def close(self) -> None:
        """Close the file, and remove it unless it was committed. A second call completes an interrupted one."""
        with self._lock:
            self._is_finished = True
            if self._file is not None:
                with suppress(OSError):  # of data that could not be flushed, and is not needed
                    self._file.close()
                self._file = None
            if self._remove is not None:
                self._remove()

    async def aclose(self) -> None:
        """Close it without a checkpoint: a cancellation would leave the file behind."""
        self.close()

    def abort(self) -> None:
        """Do nothing: no wait for a disk takes long, and `aclose` follows."""

    def _check_destination(self) -> "_Destination":
        """Check the destination again, as it may have changed during the download."""
        now = _find_destination(self._path)
        if now.path != self._destination.path:
            raise OSError(None, "the link has changed meanwhile")
        return now if now.permissions is not None else self._destination

    def _build_failure(self, error: Exception) -> EffectFailed:
        if self._is_finished:
            return _FILE_CLOSED
        return _build_file_failure("path", str(self._path), "a place where a file can be written", error)


def _remove_file(path: Path, pid: int) -> None:
    """Remove a file, if it is there, and if this is no child of the process that writes it."""
    if os.getpid() == pid:
        with suppress(OSError):
            path.unlink()


class _Destination(NamedTuple):
    """The path to write or replace, and the permissions of the file there, if any."""

    path: Path
    permissions: int | None


def _find_destination(path: Path) -> _Destination:
    """Follow a symbolic link; raises OSError for anything but a regular file or a free path."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return _Destination(path, None)
    if stat.S_ISLNK(found):
        try:
            path = Path(os.path.realpath(path, strict=True))
        except FileNotFoundError:
            raise OSError(None, "Is a symbolic link that leads nowhere") from None
        found = path.lstat().st_mode
    if not stat.S_ISREG(found):
        raise OSError(None, next((text for is_kind, text in _KINDS if is_kind(found)), "Is not a regular file"))
    return _Destination(path, found & _PERMISSIONS)


_PERMISSIONS = 0o777  # without the set-user-ID bit: the new file may have another owner
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "Is a directory"),
    (stat.S_ISFIFO, "Is a named pipe"),
    (stat.S_ISSOCK, "Is a socket"),
    (stat.S_ISCHR, "Is a device"),
    (stat.S_ISBLK, "Is a device"),
)


def _open_private(path: str, flags: int) -> int:
    """Open for this user only: the file that it replaces may be private."""
    return os.open(path, flags, 0o600)


def _set_permissions(file: IO[bytes], permissions: int | None) -> None:
    """Set permissions if the system has them and they differ: some file systems refuse any change."""
    if sys.platform == "win32" or permissions is None:
        return
    if os.fstat(file.fileno()).st_mode & _PERMISSIONS != permissions:
        os.fchmod(file.fileno(), permissions)


_FILE_CLOSED = EffectFailed(Closed("the file was closed"))


def _get_file_size(file: Any) -> int | EffectFailed:
    try:
        if not isinstance(file, str):
            file.seek(0, os.SEEK_END)
            size: int = file.tell()
            return size
        found = Path(file).stat()
    except (OSError, ValueError) as error:  # a closed file, or one that is not seekable, raises ValueError
        return _build_file_failure("file", file, _EXPECTED_SEEKABLE, error)
    if not stat.S_ISREG(found.st_mode):
        return EffectFailed(InvalidRequest("file", file, "a regular file"))
    return found.st_size


def _read_file_slice(file: Any, offset: int, size: int) -> bytes | EffectFailed:
    chunks: list[bytes] = []
    try:
        file.seek(offset)
        while size > 0 and (chunk := file.read(size)):
            if not isinstance(chunk, bytes):
                return EffectFailed(InvalidRequest("file", repr(file), "a file that is open for bytes"))
            chunks.append(chunk)
            size -= len(chunk)
    except (OSError, ValueError) as error:
        return _build_file_failure("file", file, _EXPECTED_SEEKABLE, error)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


_EXPECTED_SEEKABLE = "a readable and seekable file"


def _build_file_failure(path: str, value: object, expected: str, error: Exception) -> EffectFailed:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    shown = value if isinstance(value, str) else repr(value)  # an error must not contain an open file
    return EffectFailed(InvalidRequest(path, shown, f"{expected} ({why})"))
