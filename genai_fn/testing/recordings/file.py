"""Recording files: one line of JSON for each call, which people can read, compare and edit."""

from operator import attrgetter
from pathlib import Path

from msgspec import UNSET, ValidationError

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.testing.recordings.foreign.formats import is_foreign_recording, read_recording_bytes
from genai_fn.testing.recordings.foreign.trees import MAX_FILE_DEPTH
from genai_fn.testing.recordings.serialize import RecordedCall


class RecordingFile:
    """
    A file that calls are appended to, from any thread or signal handler.

    A call is written whole, or not at all if that fails. The lock is the one that forks wait for, so that a child
    process never inherits it locked.
    """

    def __init__(self, path: Path, number: int = 0) -> None:
        register_fork_delay()
        self._path = path
        self._number = number

    def assign_number(self) -> int:
        """Return the number of the next call."""
        with delay_forks:
            self._number += 1
            return self._number

    def write_call(self, call: RecordedCall) -> None:
        """Append a call. Raises OSError if it cannot be written whole, as on a full disk."""
        line = memoryview(codec.format_json(codec.encode(call), indent=0) + b"\n")
        with delay_forks, self._path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                while line:
                    line = line[file.write(line) :]
            except OSError:
                file.truncate(size)
                raise


def create_recording_file(path: Path) -> RecordingFile:
    """
    Create an empty file, or empty an existing one.

    Raises:
        InvalidRequest: If the file cannot be written.
    """
    _open_for_writing(path, "wb")
    return RecordingFile(path)


def open_recording_file(path: Path) -> tuple[RecordingFile, list[RecordedCall]]:
    """
    Open a file to append to it, or create it, and return its calls. An incomplete last line is removed.

    Raises:
        InvalidRequest: If the file cannot be read or written, or is not a recording.
    """
    _open_for_writing(path, "ab")
    calls, truncated_bytes = read_calls(path)
    data = path.read_bytes()
    complete = data[: len(data) - truncated_bytes]
    ending = b"\n" if complete and not complete.endswith(b"\n") else b""
    if truncated_bytes or ending:
        path.write_bytes(complete + ending)
    return RecordingFile(path, max((call.number for call in calls), default=0)), calls


def _open_for_writing(path: Path, mode: str) -> None:
    """Create or empty a file, by the mode of ``open``."""
    try:
        path.open(mode).close()
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        raise InvalidRequest("path", str(path), f"the path of a file that can be written ({error})") from None


def read_calls(path: Path) -> tuple[list[RecordedCall], int]:
    """
    Return the calls of a file in the order of their numbers, and the size of an incomplete last line in bytes.

    A crash while a line is written leaves such a line.

    Raises:
        InvalidRequest: If the file cannot be read, or is not a recording.
    """
    data = read_recording_bytes(path)
    if is_foreign_recording(data):
        raise InvalidRequest(
            "path", str(path), "a recording of this library; only Replay reads those of other programs"
        )
    *lines, last = data.split(b"\n")
    truncated_bytes = len(last) if _is_truncated(last) else 0
    lines += [] if truncated_bytes else [last]
    calls = [_parse_call(line, f"{path.name}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    return sorted(calls, key=attrgetter("number")), truncated_bytes


def _is_truncated(line: bytes) -> bool:
    try:
        codec.decode(line or b"{}")
    except ValidationError:  # a complete line, which nests too deep
        return False
    except ValueError:
        return True
    return False


def _parse_call(line: bytes, where: str) -> RecordedCall:
    try:
        call = codec.decode(line, RecordedCall, max_depth=MAX_FILE_DEPTH)
    except ValueError as error:
        raise InvalidRequest(where, line.decode("utf-8", "replace"), f"a line of a recording ({error})") from None
    if all(each is UNSET for each in (call.answer, call.chunks, call.live, call.error)):
        raise InvalidRequest(where, line.decode("utf-8", "replace"), "an answer, chunks, a live session, or an error")
    return call
