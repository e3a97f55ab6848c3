"""The settings that decide what is in the output of a job, and in what they differ from those of another."""

import hashlib

from genai_fn.codec import encode
from genai_fn.schema.embeddings import EmbedContentConfig
from genai_fn.values import Value

__all__ = ["JobSettings", "SourceFingerprint", "hash_settings", "list_changes"]


class SourceFingerprint(Value, kw_only=True):
    """
    What is known of a source before its rows are read.

    Of files, it contains their number, their bytes and a hash of their names and sizes. That the rows themselves are
    the same is checked as they are read, by the hash of those of each shard.
    """

    kind: str
    files: int = 0
    bytes: int = 0
    digest: str = ""


class JobSettings(Value, kw_only=True):
    """
    The settings of a job that decide what is in its output.

    Others, such as the concurrency, may change when a job is resumed.
    """

    model: str
    config: EmbedContentConfig
    source: SourceFingerprint
    text_column: str
    id_column: str | None
    columns: tuple[str, ...]
    keep_text: bool
    shard_size: int
    max_text_bytes: int


def list_changes(before: JobSettings, now: JobSettings) -> tuple[tuple[str, str, str], ...]:
    """List the settings that differ: the name of each, what it was, and what it is."""
    return tuple(
        (name, _show(getattr(before, name)), _show(getattr(now, name)))
        for name in JobSettings.__struct_fields__
        if getattr(before, name) != getattr(now, name)
    )


def hash_settings(settings: JobSettings) -> str:
    """Return a hash that only the same settings have."""
    return hashlib.sha256(encode(settings)).hexdigest()


def _show(value: object) -> str:
    return encode(value).decode()
