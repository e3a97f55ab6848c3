"""`EmbeddingJob`: the parameters of a job, as a value, and its flow."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from msgspec.structs import force_setattr, replace

from genai_fn.errors import InvalidRequest
from genai_fn.jobs.arrow import check_arrow
from genai_fn.jobs.job_flow import run_embedding_job
from genai_fn.jobs.job_summary import JobSummary
from genai_fn.jobs.output.settings import JobSettings, SourceFingerprint
from genai_fn.jobs.output.shards import RESERVED_COLUMNS
from genai_fn.jobs.sources.columns import RowColumns, check_column_name
from genai_fn.jobs.sources.files import FILE_FORMATS, FileFormat
from genai_fn.jobs.sources.source_kinds import check_source
from genai_fn.ops.embed.batches import BatchLimits
from genai_fn.options import check_at_least_one, check_positive, check_type
from genai_fn.request import Flow
from genai_fn.schema.convert import as_struct
from genai_fn.schema.embeddings import EmbedContentConfig
from genai_fn.values import Value
from genai_fn.wire.resource_names import check_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import EmbedContentConfigLike

__all__ = ["EmbeddingJob", "EmbeddingMethod", "ExistingOutput"]

ExistingOutput: TypeAlias = Literal["resume", "fail", "restart"]
EmbeddingMethod: TypeAlias = Literal["online", "batch"]
"""By which of the service's methods texts are embedded."""


class EmbeddingJob(Value, kw_only=True):
    """
    A job that embeds the texts of a source, and writes their vectors to a folder of Parquet files.

    It is a value: ``run(job.flow())`` runs it, with any interpreter, and returns a `JobSummary`. It may be interrupted
    at any moment; the same job then continues where it was. What is written is the same as without an interruption, if
    the vectors of the server are. No text is sent again whose batch was stored; that are all but the batches in flight,
    at most `concurrency`. A text that occurs several times is sent once.

    The folder contains

    - ``shard-00000.parquet`` and so on: a row for each row of the source that has a vector, in order, from `shard_size`
      rows of the source each. The columns are ``row`` (number in the whole source, from 0), ``file`` and ``file_row``,
      ``text_hash`` (16 bytes, see `hash_text`), ``text`` if it is kept, ``id``, the kept columns, and ``vector``, a
      fixed-size list of float32;
    - ``_dead_letters.jsonl``: a line for each row without a vector, with the reason;
    - ``_manifest.json``: settings, counts, and the checksums of the shards, see `read_manifest`;
    - ``_vectors.npy``, if `npy` is set: all vectors as one array, in the order of the shards;
    - ``_job``: the lock, and what is not finished.

    A row becomes a dead letter, and the job goes on, if its text is null, empty, longer than `max_text_bytes`, or not
    UTF-8; if a line of JSONL is no JSON object; and if the server refuses the text by itself. All else ends the job,
    with all that is finished stored: see `flow`. So do 20 refused texts before there is any vector, as the request must
    be wrong then.

    Args:
        model: As in ``embed``.

        source: What to embed:

            - a path, a folder or a pattern such as ``"texts/**/*.parquet"``: files of Parquet, Arrow IPC, JSONL or CSV,
              or text files, of which each is one text. Those of a folder are read in the order of their names;
            - a table or frame that exports Arrow, such as those of pyarrow, Polars and pandas;
            - an iterable of texts, or of mappings. It is read once, so pass a new one to resume.

        output: Folder of the output; it is created. One that contains anything else is refused.

        text_column: Name of the column or field with the texts.

        id_column: Name of a column that identifies rows; the output has it as ``id``.

        columns: Names of columns to keep. Those of JSONL, CSV and mappings are kept as texts; those of Parquet, Arrow
            and tables must have a type that Parquet has.

        config: As in ``embed``.

        keep_text: Whether the output contains the texts.

        npy: Whether to write ``_vectors.npy`` at the end. It may be added to a job that is finished.

        if_exists: What to do with an output of the same job: ``"resume"`` it, which only returns the summary if the job
            is finished; ``"fail"``; or ``"restart"``: remove what the job wrote, and start over.

        source_format: Format of all files, whatever their names are: ``"parquet"``, ``"arrow"``, ``"jsonl"``,
            ``"csv"``, ``"tsv"`` or ``"text"``. By default it follows from the name.

        shard_size: How many rows of the source are in a shard.

        max_text_bytes: The most bytes that a text may have in UTF-8; a longer one becomes a dead letter.

        concurrency: Number of requests that run at once.

        batch_size, max_batch_tokens, max_batch_bytes: As in ``embed_many``; or the limits of a batch job, by default
            50,000 texts and 64 MiB.

        through: ``"online"`` requests, or ``"batch"`` jobs of the service, which take up to a day, at half the price.
            Gemini Developer API only. A batch job has the texts of at most one shard, and `concurrency` of them run at
            once, so larger values of both make a large source faster; the service runs up to 100. A job that is resumed
            through the other cancels the batch jobs that are left, or embeds what lacks a vector by batch jobs.

        poll_interval: Seconds between two looks at a batch job.

        verify_checksums: Whether a job that is resumed compares the checksums of all shards, which reads all of them;
            otherwise it compares their sizes, and reads their hashes of texts.

    Raises:
        InvalidRequest: If a parameter has the wrong type or value, or the output would have a column twice.

        MissingExtra: If pyarrow, numpy or filelock is not installed: the extra ``arrow``.

    >>> EmbeddingJob(model="gemini-embedding-001", source=["a text"], output="vectors").shard_size
    8192
    """

    model: str
    source: Any
    output: str | os.PathLike[str]
    text_column: str = "text"
    id_column: str | None = None
    columns: Sequence[str] = ()
    config: "EmbedContentConfigLike | None" = None
    keep_text: bool = False
    npy: bool = False
    if_exists: ExistingOutput = "resume"
    source_format: FileFormat | None = None
    shard_size: int = 8192
    max_text_bytes: int = 1 << 20
    concurrency: int = 8
    batch_size: int | None = None
    max_batch_tokens: int | None = None
    max_batch_bytes: int | None = None
    through: EmbeddingMethod = "online"
    poll_interval: float = 60.0
    verify_checksums: bool = False

    def __post_init__(self) -> None:
        force_setattr(self, "model", check_model_name(self.model))
        force_setattr(self, "source", check_source(self.source))
        force_setattr(self, "output", _check_path(self.output))
        force_setattr(self, "config", as_struct(EmbedContentConfig, self.config))
        force_setattr(self, "columns", _check_columns(self.columns))
        check_column_name("text_column", self.text_column)
        if self.id_column is not None:
            check_column_name("id_column", self.id_column)
        _check_output_columns(self.row_columns)
        for name in ("shard_size", "max_text_bytes", "concurrency"):
            check_at_least_one(name, getattr(self, name))
        for name in ("batch_size", "max_batch_tokens", "max_batch_bytes"):
            if getattr(self, name) is not None:
                check_at_least_one(name, getattr(self, name))
        for name in ("keep_text", "npy", "verify_checksums"):
            check_type(bool, name, getattr(self, name))
        if self.if_exists not in get_args(ExistingOutput):
            raise InvalidRequest("if_exists", self.if_exists, '"resume", "fail" or "restart"')
        if self.through not in get_args(EmbeddingMethod):
            raise InvalidRequest("through", self.through, '"online" or "batch"')
        check_positive("poll_interval", self.poll_interval)
        if self.source_format is not None and self.source_format not in FILE_FORMATS:
            raise InvalidRequest("source_format", self.source_format, f"one of {', '.join(FILE_FORMATS)}")
        check_arrow()

    def flow(self) -> Flow[JobSummary]:
        """
        Return the flow that runs the job, for any interpreter. It emits `events.EmbeddingProgress`.

        A failure leaves all that is finished stored, so that the job can be resumed. Batches that were sent before it
        are awaited and stored; batch jobs go on without the run, and a resumed job finds them again.

        Fails with:
            BatchFailed: If rows could not be embedded for another reason than their texts: it has the file, the row and
                the error. Such are a key that is wrong, a quota that is spent, an error that remains after all
                retries, a response with too few vectors (`CountMismatch`) or of another dimension than requested or
                before (`DimensionMismatch`).

                With ``through="batch"`` also `OperationFailed`, if a batch job has failed, has expired or was
                cancelled: it stays on the server, and a resumed job creates another.

            Unsupported: With ``through="batch"`` on Vertex AI, or if the config has a field that Gemini does not have.

            SourceError: If a file is damaged, has no such column or several of its name, or a column of another type or
                of one that cannot be kept.

            SettingsChanged: If the folder has the output of a job with other settings, or the source has changed.

            FolderLocked: If another job is writing to the folder.

            OutputError: If the disk is full, or the folder or a file in it is not of a job, missing or damaged.
        """
        return run_embedding_job(self)

    @property
    def embed_config(self) -> EmbedContentConfig:
        """The config, converted."""
        return as_struct(EmbedContentConfig, self.config)

    @property
    def row_columns(self) -> RowColumns:
        """The columns that are read."""
        identifier = () if self.id_column is None else ((self.id_column, "id"),)
        kept = (*identifier, *((name, name) for name in self.columns))
        return RowColumns(text=self.text_column, kept=kept, max_text_bytes=self.max_text_bytes)

    def build_settings(self, source: SourceFingerprint) -> JobSettings:
        """Build the settings that decide what is in the output."""
        return JobSettings(
            model=self.model,
            config=self.embed_config,
            source=source,
            text_column=self.text_column,
            id_column=self.id_column,
            columns=tuple(self.columns),
            keep_text=self.keep_text,
            shard_size=self.shard_size,
            max_text_bytes=self.max_text_bytes,
        )

    def apply_limits(self, limits: BatchLimits) -> BatchLimits:
        """Return the limits of a batch with those that the job sets."""
        given = {"texts": self.batch_size, "tokens": self.max_batch_tokens, "size": self.max_batch_bytes}
        return replace(limits, **{name: number for name, number in given.items() if number is not None})


def _check_path(path: object) -> str:
    text: Any = os.fspath(path) if isinstance(path, os.PathLike) else path  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # of any type
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidRequest("output", path, "the path of a folder")
    return text


def _check_columns(columns: Any) -> tuple[str, ...]:
    if isinstance(columns, str) or not isinstance(columns, Sequence):
        raise InvalidRequest("columns", columns, "a list of names")
    names: tuple[Any, ...] = tuple(columns)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]  # of anything
    for index, each in enumerate(names):
        check_column_name(f"columns[{index}]", each)
    return names


def _check_output_columns(columns: RowColumns) -> None:
    """Raise `InvalidRequest` if the output would have two columns of one name."""
    names = [name for _, name in columns.kept]
    for name in names:
        if name in RESERVED_COLUMNS or names.count(name) > 1:
            raise InvalidRequest("columns", name, "names that differ from each other and from those of the output")
