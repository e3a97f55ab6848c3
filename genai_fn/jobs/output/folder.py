"""The output folder of a job: its layout, its lock, and the manifest in it."""

import hashlib
import re
from pathlib import Path
from typing import Any

from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.errors import FolderLocked, OutputError
from genai_fn.jobs.output.dead_letters import DEAD_LETTERS_NAME
from genai_fn.jobs.output.disk import NewFile, append_bytes, make_folder, remove_file, sync_file, truncate_file
from genai_fn.jobs.output.manifest import MANIFEST_NAME, JobManifest, encode_manifest, load_manifest

__all__ = ["OutputFolder"]

WORK_NAME = "_job"
"""Folder of the lock, the journals, and the files that are not complete."""
NPY_NAME = "_vectors.npy"


class OutputFolder:
    """
    An output folder, which its lock keeps from other jobs; a process that is killed leaves no lock behind.

    Names other than those of the shards begin with an underscore, which readers of datasets ignore.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.work = self.path / WORK_NAME
        self.dead_letters = self.path / DEAD_LETTERS_NAME
        self.npy = self.path / NPY_NAME
        self.text_index = self.work / "texts.sqlite"
        self._lock: Any = None

    def get_shard(self, number: int) -> Path:
        """Return the path of a shard."""
        return self.path / f"shard-{number:05}.parquet"

    def get_journal(self, number: int) -> Path:
        """Return the path of the journal of a shard."""
        return self.work / f"shard-{number:05}.journal"

    def get_batch_state(self, key: str) -> Path:
        """Return the path of what is known of a batch job."""
        return self.work / f"{key}.json"

    def get_batch_requests(self, key: str) -> Path:
        """Return the path of the source file of a batch job."""
        return self.work / f"{key}.requests.jsonl"

    def get_batch_results(self, key: str) -> Path:
        """Return the path of the results of a batch job; it exists once they are complete."""
        return self.work / f"{key}.results.jsonl"

    def create_file(self, path: Path) -> NewFile:
        """Create a file, which has a temporary name while it is incomplete."""
        return NewFile(path, self.work / f"{path.name}.part")

    def acquire(self) -> None:
        """
        Create the folder, and lock it.

        Raises:
            FolderLocked: If another job has locked it.

            OutputError: If it is no folder of a job.
        """
        filelock = load_package("filelock")
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(str(self.path), "not a folder")
        if self.path.is_dir() and not self.work.is_dir() and next(self.path.iterdir(), None) is not None:
            raise OutputError(str(self.path), "not empty, and not the output of an embedding job")
        make_folder(self.work)
        lock = filelock.FileLock(self.work / "lock", timeout=0, thread_local=False)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise FolderLocked(str(self.path)) from None
        self._lock = lock

    def release(self) -> None:
        """Unlock the folder. The file of the lock stays: another job may have opened it already."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def load_manifest(self) -> JobManifest | None:
        """Load the manifest; None if there is none."""
        try:
            return load_manifest(self.path / MANIFEST_NAME)
        except FileNotFoundError:
            return None

    def save_manifest(self, manifest: JobManifest) -> None:
        """Replace the manifest, atomically."""
        with self.create_file(self.path / MANIFEST_NAME) as file:
            file.write(encode_manifest(manifest))

    def append_dead_letters(self, data: bytes, size: int) -> int:
        """Append lines to the first bytes of the file of dead letters, and return the new size."""
        if _measure_file(self.dead_letters) > size:
            truncate_file(self.dead_letters, size)
        if data:
            with self.dead_letters.open("ab", buffering=0) as file:
                size += append_bytes(file, data)
                sync_file(file)
        return size

    def check_files(self, manifest: JobManifest, *, with_checksums: bool = False) -> None:
        """Raise `OutputError` if a shard of the manifest has another size or checksum, or a dead letter is missing."""
        shards = {self.path / each.name: each for each in manifest.shards if each.name is not None}
        for path, entry in shards.items():
            if _measure_file(path) != entry.bytes:
                raise OutputError(str(path), f"missing or changed: the manifest has it with {entry.bytes} bytes")
            if with_checksums and _compute_checksum(path) != entry.sha256:
                raise OutputError(str(path), "changed: the manifest has it with another checksum")
        if _measure_file(self.dead_letters) < manifest.dead_letter_bytes:
            expected = f"{manifest.dead_letter_bytes} bytes"
            raise OutputError(str(self.dead_letters), f"missing or cut: the manifest has it with {expected}")

    def remove_leftovers(self, shards: int) -> None:
        """Remove incomplete files, and the journals of the first shards, which are written."""
        journals = {self.get_journal(number) for number in range(shards)}
        for path in sorted(self.work.iterdir()):
            if path.suffix == ".part" or path in journals:
                remove_file(path)

    def remove_output(self) -> None:
        """Remove all that a job has written, first the manifest."""
        remove_file(self.path / MANIFEST_NAME)
        shards = [path for path in sorted(self.path.iterdir()) if _SHARD_NAME.fullmatch(path.name)]
        for path in (self.dead_letters, self.npy, *shards):
            remove_file(path)
        for path in sorted(self.work.iterdir()):
            if path.suffix in (".journal", ".part"):
                remove_file(path)


def _compute_checksum(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _measure_file(path: Path) -> int:
    """Return the size of a file, 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


_SHARD_NAME = re.compile(r"shard-[0-9]{5,}\.parquet")
