"""
The errors of embedding jobs: of sources, of texts, of the output folder, and of the server's vectors.

They are here, and not with all others, as only jobs have files.
"""

from dataclasses import dataclass

from genai_fn.errors import GenaiError

__all__ = [
    "BatchFailed",
    "DimensionMismatch",
    "FolderLocked",
    "OutputError",
    "SettingsChanged",
    "SourceError",
    "UnusableText",
]


@dataclass(eq=False, repr=False)
class SourceError(GenaiError):
    """
    A source cannot be read. It ends the job; all that is stored stays stored.

    Args:
        file: The file, or the kind of source if it is none.

        row: The row in the file from which on it cannot be read, counted from 0; None if it is all of the file.

        reason: Why.

    >>> import tempfile
    >>> from genai_fn import Offline
    >>> from genai_fn.jobs import EmbeddingJob
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = EmbeddingJob(source="gone.jsonl", output=folder, model="gemini-embedding-001")
    ...     Offline()(job.flow()).failure()
    SourceError(file='gone.jsonl', row=None, reason='there is no such file or folder')
    """

    file: str
    row: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.file}{'' if self.row is None else f', row {self.row}'}: {self.reason}"


@dataclass(eq=False, repr=False)
class UnusableText(GenaiError):
    """
    A row has no text that can be embedded: it is null, empty, too long or not UTF-8. No request was sent for it.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from genai_fn import Offline
    >>> from genai_fn.jobs import EmbeddingJob
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = EmbeddingJob(source=["a cat", ""], output=folder, model="gemini-embedding-001")
    ...     print(Offline()(job.flow()).unwrap().failed, "row:", Path(folder, "_dead_letters.jsonl").read_text())
    1 row: {...}
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False, repr=False)
class OutputError(GenaiError):
    """
    A file of the output folder cannot be written or read, or the folder belongs to something else.

    Args:
        path: The file or folder.

        reason: Why, such as ``No space left on device``.

    >>> from genai_fn.jobs import read_manifest
    >>> try:
    ...     read_manifest("gone")
    ... except OutputError as error:
    ...     print(error.reason)
    No such file or directory
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(eq=False, repr=False)
class FolderLocked(GenaiError):
    """Another job writes to the same output folder."""

    path: str

    def __str__(self) -> str:
        return f"{self.path}: another job is writing to this folder"


@dataclass(eq=False, repr=False)
class SettingsChanged(GenaiError):
    """
    A folder contains the output of a job with other settings, or the source has changed since.

    Args:
        path: The output folder.

        changes: What differs: the name of each setting, what it was, and what it is.

    >>> import tempfile
    >>> from genai_fn import Offline
    >>> from genai_fn.jobs import EmbeddingJob
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for model in ("gemini-embedding-001", "text-embedding-004"):
    ...         result = Offline()(EmbeddingJob(source=["a cat"], output=folder, model=model).flow())
    >>> result.failure().names
    ('model',)
    """

    path: str
    changes: tuple[tuple[str, str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the settings that differ."""
        return tuple(name for name, _, _ in self.changes)

    def __str__(self) -> str:
        shown = "; ".join(f"{name} was {before}, and is {now}" for name, before, now in self.changes)
        return f"{self.path} contains the output of another job: {shown}"


@dataclass(eq=False, repr=False)
class DimensionMismatch(GenaiError):
    """
    A vector has another number of dimensions than requested, or than the vectors before it.

    Args:
        expected: How many it should have; None if the first vector of all is empty.

        got: How many it has.
    """

    expected: int | None
    got: int

    def __str__(self) -> str:
        return f"expected a vector of {self.expected or 'some'} dimensions, got {self.got}"


@dataclass(eq=False, repr=False)
class BatchFailed(GenaiError):
    """
    Some rows could not be embedded, though not because of their texts. It ends the job; resume it to try them again.

    Args:
        file: File of the first of these rows; an empty text if the source is no file.

        row: Number of this row in the file, counted from 0.

        count: How many rows of its batch have failed.

        error: The error of this row.

    >>> import tempfile
    >>> from genai_fn import ServerError
    >>> from genai_fn.jobs import EmbeddingJob
    >>> from genai_fn.testing import Fake
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = EmbeddingJob(source=["a cat", "a dog"], output=folder, model="gemini-embedding-001")
    ...     error = Fake({"embed.numpy": ServerError(503)})(job.flow()).failure()
    >>> error.row, error.count, error.error.code
    (0, 2, 503)
    """

    file: str
    row: int
    count: int
    error: GenaiError

    def __post_init__(self) -> None:
        self.__cause__ = self.error

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}" if self.file else f"row {self.row}"
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        return f"{place}{more}: {self.error}"
