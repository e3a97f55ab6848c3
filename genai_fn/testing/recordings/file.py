"""The files that recordings are in: a note a line, as JSON that people can read, compare and mend."""

import threading
from operator import attrgetter
from pathlib import Path

from msgspec import UNSET

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.testing.recordings.serialize import RecordedCall

__all__ = ["RecordingFile", "create_recording_file", "open_recording_file", "read_calls"]


class RecordingFile:
    """A file that notes are added to, from any thread: each is written out, whole, before anything goes on."""

    def __init__(self, path: Path, number: int = 0) -> None:
        self._path = path
        self._number = number
        self._lock = threading.Lock()

    def assign_number(self) -> int:
        """Give an exchange that begins its number."""
        with self._lock:
            self._number += 1
            return self._number

    def write_call(self, note: RecordedCall) -> None:
        """Add a line."""
        line = codec.format_json(codec.encode(note), indent=0)
        with self._lock, self._path.open("ab", buffering=0) as file:
            file.write(line + b"\n")


def create_recording_file(path: Path) -> RecordingFile:
    """Begin a file anew; what was in it is gone."""
    try:
        path.write_bytes(b"")
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        raise InvalidRequest("path", str(path), f"a place where a file can be written ({error})") from None
    return RecordingFile(path)


def open_recording_file(path: Path) -> tuple[RecordingFile, list[RecordedCall]]:
    """Go on with a file, or begin it, and give what it has; a last line that was cut off is taken away."""
    try:
        path.open("ab").close()
    except (OSError, ValueError) as error:
        raise InvalidRequest("path", str(path), f"a place where a file can be written ({error})") from None
    notes, cut = read_calls(path)
    data = path.read_bytes()
    whole = data[: len(data) - cut]
    ending = b"\n" if whole and not whole.endswith(b"\n") else b""
    if cut or ending:
        path.write_bytes(whole + ending)
    return RecordingFile(path, max((note.number for note in notes), default=0)), notes


def read_calls(path: Path) -> tuple[list[RecordedCall], int]:
    """
    Give what a file has, in the order in which it began, and how many bytes of a line are at its end that was cut off,
    as by a crash.
    """
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except (OSError, ValueError) as error:
        raise InvalidRequest("path", str(path), f"a recording ({error})") from None
    cut = len(last) if _is_truncated(last) else 0
    lines += [] if cut else [last]
    notes = [_parse_call(line, f"{path.name}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    return sorted(notes, key=attrgetter("number")), cut


def _is_truncated(line: bytes) -> bool:
    try:
        codec.decode(line or b"{}")
    except ValueError:
        return True
    return False


def _parse_call(line: bytes, where: str) -> RecordedCall:
    try:
        note = codec.decode(line, RecordedCall)
    except ValueError as error:
        raise InvalidRequest(where, line.decode("utf-8", "replace"), f"a line of a recording ({error})") from None
    if all(told is UNSET for told in (note.answer, note.chunks, note.live, note.error)):
        raise InvalidRequest(where, line.decode("utf-8", "replace"), "an answer, chunks, a live session, or an error")
    return note
