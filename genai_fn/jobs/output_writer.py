"""Writes shards, dead letters and the manifest, in the order that makes an interruption harmless."""

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from genai_fn.codec import encode
from genai_fn.jobs.open_shard import OpenShard
from genai_fn.jobs.output.dead_letters import encode_dead_letters
from genai_fn.jobs.output.disk import NewFile
from genai_fn.jobs.output.folder import OutputFolder
from genai_fn.jobs.output.manifest import FORMAT, JobManifest, ShardEntry
from genai_fn.jobs.output.shards import ShardRow, write_shard
from genai_fn.jobs.output.vector_array import write_vector_array
from genai_fn.jobs.text_index import TextIndex

if TYPE_CHECKING:
    from genai_fn.jobs.job import EmbeddingJob

__all__ = ["OutputWriter"]


class OutputWriter:
    """
    Writes the output of a job.

    A shard has its name before the manifest lists it, and only then its journal is removed. `manifest` is the one that
    was saved last.
    """

    def __init__(self, job: "EmbeddingJob", folder: OutputFolder, manifest: JobManifest) -> None:
        self.manifest = manifest
        self._job = job
        self._folder = folder

    def write_shard(self, shard: OpenShard, index: TextIndex, dimensions: int | None) -> None:
        """Write a shard and its dead letters, list it in the manifest, and remove its journal."""
        found = shard.borrow_vectors(self._folder, self._job.shard_size, index)
        rows, letters = shard.sort_rows(found)
        file = self._write_rows(shard, rows, dimensions) if rows else None
        entry = ShardEntry(
            first_row=shard.first_row,
            rows=shard.rows,
            embedded=len(rows),
            failed=len(letters),
            duplicates=sum(each.origin != each.row for each in rows),
            tokens=shard.journal.tokens,
            name=None if file is None else self._folder.get_shard(shard.number).name,
            bytes=0 if file is None else file.size,
            sha256="" if file is None else file.checksum,
            rows_digest=shard.rows_digest,
        )
        before = self.manifest
        size = self._folder.append_dead_letters(encode_dead_letters(letters), before.dead_letter_bytes)
        manifest = replace(
            before,
            shards=(*before.shards, entry),
            dead_letter_bytes=size,
            dimensions=before.dimensions or (dimensions if rows else None),
        )
        self._save(manifest)
        errors = [(encode(each.error).decode(), bytes.fromhex(each.text_hash)) for each in letters if each.text_hash]
        index.set_errors(errors)
        shard.journal.remove()

    def _write_rows(self, shard: OpenShard, rows: list[ShardRow], dimensions: int | None) -> NewFile:
        with self._folder.create_file(self._folder.get_shard(shard.number)) as file:
            write_shard(
                file,
                rows,
                shard.build_table(),
                dimensions or 0,
                shard.journal.read_vectors,
                {"genai_fn.format": str(FORMAT), "genai_fn.model": self._job.model},
                keep_text=self._job.keep_text,
            )
        return file

    def finish(self) -> JobManifest:
        """Write the array of all vectors, if it is wanted, and complete the manifest."""
        manifest = self.manifest
        if self._job.npy and (manifest.npy is None or not self._folder.npy.exists()):
            shape = (manifest.embedded, manifest.dimensions or 0)
            with self._folder.create_file(self._folder.npy) as file:
                write_vector_array(file, self.list_shards(), shape)
            manifest = replace(manifest, npy=self._folder.npy.name)
        manifest = replace(manifest, is_finished=True)
        if manifest != self.manifest:
            self._save(manifest)
        return manifest

    def list_shards(self) -> list[Path]:
        """List the files of the shards, in order."""
        return [self._folder.path / each.name for each in self.manifest.shards if each.name is not None]

    def _save(self, manifest: JobManifest) -> None:
        self._folder.save_manifest(manifest)
        self.manifest = manifest
