"""The summary of a run of a job."""

from pathlib import Path

from genai_fn.values import Value

__all__ = ["JobSummary"]


class JobSummary(Value, kw_only=True):
    """
    What a job has written, and what this run has contributed.

    ``rows == embedded + failed``. `sent` and `seconds` are those of this run, all others those of the whole job.

    >>> import tempfile
    >>> from genai_fn import Offline
    >>> from genai_fn.jobs import EmbeddingJob
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = EmbeddingJob(source=["a cat", "a dog", "a cat"], output=folder, model="gemini-embedding-001")
    ...     summary = Offline()(job.flow()).unwrap()
    >>> summary.rows, summary.embedded, summary.duplicates, summary.sent, summary.dimensions
    (3, 3, 1, 2, 3072)
    """

    output: Path
    rows: int
    embedded: int
    failed: int
    """Rows without a vector, which are in ``_dead_letters.jsonl``."""
    duplicates: int
    """Rows whose vector is that of an earlier row with the same text."""
    tokens: int
    """Tokens that the server has counted, where it counts them."""
    sent: int
    """Texts whose results this run has received; those of the runs before are not sent again."""
    seconds: float
    dimensions: int | None
    """None if no row has a vector."""
    shards: tuple[str, ...]
    """Names of the shards, in order."""
    npy: str | None
