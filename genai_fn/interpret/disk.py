"""Files on disk: read to be uploaded, and written as drafts that appear under their name once they are whole."""

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from genai_fn.effects import Keep, Lost, Measure, ReadSlice, Write
from genai_fn.errors import Closed, InvalidRequest

__all__ = ["DraftFile", "performed"]


def performed(effect: Measure | ReadSlice | Write | Keep) -> Any:
    """Do what an effect asks of a file, in the thread that calls."""
    match effect:
        case Measure(file=file):
            return _measured(file)
        case ReadSlice():
            return _sliced(effect.file, effect.offset, effect.size)
        case Write(draft=draft, data=data):
            return draft.write(data)
        case Keep(draft=draft):
            return draft.keep()


class DraftFile:
    """
    A file in the making, beside the one whose place it takes once it is kept; closed before that, it leaves no trace.

    Any thread may close it, one that is writing comes to its end first.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._draft = self._path.parent / f".genai_fn-{os.urandom(8).hex()}.part"
        self._file: IO[bytes] | None = None
        self._guard = threading.Lock()
        self._is_over = False

    def begin(self) -> "DraftFile | Lost":
        """Make the empty file."""
        with self._guard:
            if self._is_over:
                return _CLOSED
            try:
                self._refuse_folder()
                self._file = self._draft.open("xb", buffering=0)
            except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
                return self._lost(error)
        return self

    def write(self, data: bytes) -> Lost | None:
        """Write on."""
        with self._guard:
            if self._file is None:
                return _CLOSED
            try:
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
            except OSError as error:
                return self._lost(error)
        return None

    def keep(self) -> Path | Lost:
        """Take the place of the file that it was begun for."""
        with self._guard:
            if self._file is None:
                return _CLOSED
            try:
                self._file.close()
                os.replace(self._draft, self._path)  # noqa: PTH105  # at once, which its name says better than Path's
            except OSError as error:
                return self._lost(error)
            self._file, self._is_over = None, True
        return self._path

    def close(self) -> None:
        """Be done with it; what was not kept is gone."""
        with self._guard:
            self._is_over = True
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):  # of what could not be written out, and is not wanted any more
                    file.close()
                with suppress(OSError):
                    self._draft.unlink()

    async def aclose(self) -> None:
        """Do as `close` does: to cancel this would leave the draft behind."""
        self.close()

    def cut(self) -> None:
        """Do nothing: nobody waits for long here, and `aclose` is owed all the same."""

    def _refuse_folder(self) -> None:
        """Fail now, and not when all is written, for a name that no file can take."""
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(self._path.stat().st_mode):
                raise IsADirectoryError(None, "Is a directory")

    def _lost(self, error: Exception) -> Lost:
        return _failed("path", str(self._path), "a place where a file can be written", error)


_CLOSED = Lost(Closed("the file was closed"))


def _measured(file: Any) -> int | Lost:
    try:
        if not isinstance(file, str):
            file.seek(0, os.SEEK_END)
            size: int = file.tell()
            return size
        found = Path(file).stat()
    except (OSError, ValueError) as error:  # what is closed, or cannot be sought, is a ValueError
        return _failed("file", file, _READABLE, error)
    if not stat.S_ISREG(found.st_mode):
        return Lost(InvalidRequest("file", file, "a regular file"))
    return found.st_size


def _sliced(file: Any, offset: int, size: int) -> bytes | Lost:
    pieces: list[bytes] = []
    try:
        file.seek(offset)
        while size and (piece := file.read(size)):
            if not isinstance(piece, bytes):
                return Lost(InvalidRequest("file", repr(file), "a file that is open for bytes"))
            pieces.append(piece)
            size -= len(piece)
    except (OSError, ValueError) as error:
        return _failed("file", file, _READABLE, error)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


_READABLE = "a file that can be read from any place"


def _failed(path: str, value: object, expected: str, error: Exception) -> Lost:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    shown = value if isinstance(value, str) else repr(value)  # an error holds no open file
    return Lost(InvalidRequest(path, shown, f"{expected} ({why})"))
