"""The manifest of an output folder: which job it belongs to, its shards, and how far the job has got."""

import os
from pathlib import Path

import msgspec

from genai_fn.codec import decode, encode, format_json
from genai_fn.jobs.errors import OutputError
from genai_fn.jobs.output.settings import JobSettings
from genai_fn.values import Value

__all__ = ["FORMAT", "MANIFEST_NAME", "JobManifest", "ShardEntry", "encode_manifest", "load_manifest", "read_manifest"]

FORMAT = 1
"""Version of the layout of an output folder."""
MANIFEST_NAME = "_manifest.json"
"""Readers of datasets ignore names that begin with an underscore."""


class ShardEntry(Value, kw_only=True):
    """
    What became of consecutive rows of the source: those with a vector are in one file.

    `name` is None, and there is no file, if no row has a vector. `rows_digest` is the hash of the hashes of all its
    texts, by which a resumed job recognizes the rows.

    >>> import tempfile
    >>> from genai_fn import Offline
    >>> from genai_fn.jobs import EmbeddingJob, read_manifest
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = EmbeddingJob(source=["a cat", "a dog"], output=folder, model="gemini-embedding-001", shard_size=1)
    ...     _ = Offline()(job.flow()).unwrap()
    ...     [(shard.first_row, shard.rows, shard.embedded) for shard in read_manifest(folder).shards]
    [(0, 1, 1), (1, 1, 1)]
    """

    first_row: int
    rows: int
    embedded: int
    failed: int
    duplicates: int
    tokens: int
    name: str | None
    bytes: int
    sha256: str
    rows_digest: str


class JobManifest(Value, kw_only=True):
    """
    The content of ``_manifest.json``.

    `dead_letter_bytes` is the size of the file of dead letters; what follows is of a run that was interrupted.
    `dimensions` is None as long as there is no vector. `npy` is the name of the file with all vectors, if there is one.

    >>> import tempfile
    >>> from genai_fn import Offline
    >>> from genai_fn.jobs import EmbeddingJob, read_manifest
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = EmbeddingJob(source=["a cat", ""], output=folder, model="gemini-embedding-001")
    ...     _ = Offline()(job.flow()).unwrap()
    ...     manifest = read_manifest(folder)
    >>> manifest.is_finished, manifest.rows, manifest.embedded, manifest.failed
    (True, 2, 1, 1)
    """

    format: int = FORMAT
    settings: JobSettings
    is_finished: bool = False
    dimensions: int | None = None
    shards: tuple[ShardEntry, ...] = ()
    dead_letter_bytes: int = 0
    npy: str | None = None

    @property
    def rows(self) -> int:
        """How many rows the shards account for."""
        return sum(each.rows for each in self.shards)

    @property
    def embedded(self) -> int:
        """How many rows have a vector."""
        return sum(each.embedded for each in self.shards)

    @property
    def failed(self) -> int:
        """How many rows have none, and are dead letters."""
        return sum(each.failed for each in self.shards)

    @property
    def duplicates(self) -> int:
        """How many of the rows with a vector have that of an earlier row with the same text."""
        return sum(each.duplicates for each in self.shards)

    @property
    def tokens(self) -> int:
        """How many tokens the server has counted, where it counts them."""
        return sum(each.tokens for each in self.shards)


def read_manifest(output: str | os.PathLike[str]) -> JobManifest:
    """
    Read the manifest of an output folder.

    Args:
        output: The output folder of an `EmbeddingJob`.

    Raises:
        OutputError: If there is none, or it is of a later version of this package or damaged.

    >>> import tempfile
    >>> from genai_fn import Offline
    >>> from genai_fn.jobs import EmbeddingJob
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = EmbeddingJob(source=["a cat", "a dog"], output=folder, model="gemini-embedding-001")
    ...     _ = Offline()(job.flow()).unwrap()
    ...     [shard.rows for shard in read_manifest(folder).shards]
    [2]
    """
    path = Path(output) / MANIFEST_NAME
    try:
        return load_manifest(path)
    except OSError as error:
        raise OutputError(str(path), error.strerror or str(error)) from None


def load_manifest(path: Path) -> JobManifest:
    """Load a manifest. Raises OSError if it cannot be read, and `OutputError` if it is not a manifest."""
    data = path.read_bytes()
    try:
        version = decode(data, _Version).format
        if version != FORMAT:
            raise OutputError(str(path), f"the folder has format {version}, and this package writes format {FORMAT}")
        return decode(data, JobManifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OutputError(str(path), f"not a manifest: {error}") from None


class _Version(Value):
    format: int


def encode_manifest(manifest: JobManifest) -> bytes:
    """Encode a manifest as JSON with line breaks."""
    return format_json(encode(manifest)) + b"\n"
