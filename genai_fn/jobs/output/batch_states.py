"""
The batch jobs of the service that are not finished: what is known of each, in a file of its own.

The file is there before anything is sent, under a key that is the display name of the job and the name of its source.
So a run that is resumed finds again what an earlier one has created, even if that was killed before it knew.
"""

import secrets
from collections.abc import Iterable
from itertools import islice

import msgspec

from genai_fn.codec import decode, encode
from genai_fn.jobs.errors import OutputError
from genai_fn.jobs.output.disk import remove_file
from genai_fn.jobs.output.folder import OutputFolder
from genai_fn.values import Value

__all__ = ["BatchState", "create_key", "load_states", "remove_batch_files", "save_state", "write_requests"]


class BatchState(Value, kw_only=True):
    """
    A batch job: the rows whose texts are in it, with the hash of each, and what exists on the server.

    `settings` is the hash of the settings of the run that began it. `name` is None until the job is known to exist, and
    `results_file` until it is known to have ended with one.
    """

    key: str
    shard: int
    rows: tuple[int, ...]
    digests: tuple[bytes, ...]
    settings: str
    is_inlined: bool
    """Whether the requests are sent with the job, and not in a file."""
    name: str | None = None
    results_file: str | None = None

    @property
    def source_file(self) -> str:
        """Name of the uploaded file."""
        return f"files/{self.key}"


def create_key() -> str:
    """Create a key that no other job has: up to 40 lower-case letters, digits and dashes, as the id of a file."""
    return f"{_PREFIX}{secrets.token_hex(12)}"


_PREFIX = "embedding-job-"


def save_state(folder: OutputFolder, state: BatchState) -> None:
    """Replace the file of a batch job, atomically."""
    with folder.create_file(folder.get_batch_state(state.key)) as file:
        file.write(encode(state))


def load_states(folder: OutputFolder) -> tuple[BatchState, ...]:
    """Load the states that earlier runs have left, and remove files of requests and results that have no state."""
    states: list[BatchState] = []
    for path in sorted(folder.work.glob(f"{_PREFIX}*.json")):
        try:
            states.append(decode(path.read_bytes(), BatchState))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise OutputError(str(path), f"damaged: {error}") from None
    known = {each.key for each in states}
    for path in sorted(folder.work.glob(f"{_PREFIX}*.jsonl")):
        if path.name.partition(".")[0] not in known:
            remove_file(path)
    return tuple(states)


def write_requests(folder: OutputFolder, key: str, lines: Iterable[bytes]) -> None:
    """
    Write the requests of a batch job, for its upload.

    Raises:
        OutputError: If the file is larger than the service accepts.
    """
    path = folder.get_batch_requests(key)
    with folder.create_file(path) as file:
        unwritten = iter(lines)
        while part := b"".join(islice(unwritten, _LINES_AT_ONCE)):
            file.write(part)
            if file.size > _MAX_FILE_BYTES:
                raise OutputError(str(path), "more than the 2 GB that the service accepts: decrease max_batch_bytes")


_LINES_AT_ONCE = 64
_MAX_FILE_BYTES = 2_000_000_000
"""2 GB for a source file (https://ai.google.dev/gemini-api/docs/rate-limits#batch-api)."""


def remove_batch_files(folder: OutputFolder, key: str) -> None:
    """Remove all files of a batch job: its state first, since `load_states` removes files without one."""
    for path in (folder.get_batch_state(key), folder.get_batch_results(key), folder.get_batch_requests(key)):
        remove_file(path)
