"""
Embedding jobs: the vectors of any number of texts as Parquet files, which can be interrupted and resumed.

`EmbeddingJob` is a value, and its ``flow()`` runs on any interpreter. Three seams divide the work, so that another
engine can take the place of one.

- ``job``, ``job_summary``: `EmbeddingJob`, its parameters, and the summary of a run.
- ``sources``: reading rows: Parquet, Arrow, JSONL, CSV and text files, tables and iterables.
- ``job_flow``: turning rows into vectors: the flow that reads, embeds several batches at once, and stores the results.
- ``batch_flow``, ``batch_lines``: the same through batch jobs of the service: the flow of one, and its lines.
- ``output``: writing shards, and all else in the output folder.
- ``run_state``, ``run_progress``: what a run has read, sent and stored, and its counts.
- ``output_writer``: writes finished shards and the manifest, in the order that makes an interruption harmless.
- ``row_plan``, ``open_shard``: which texts are new, their batches, and the shards that lack results.
- ``rows``: batches of rows, and the texts in them that cannot be embedded.
- ``text_index``: finds texts that occur twice, on disk.
- ``engines``: the same for a column of a table on several workers: Ray Data and Daft.
- ``errors``: the errors of jobs.
- ``arrow``: imports pyarrow, numpy and filelock at their first use: the extra ``arrow``.
"""

from typing import TYPE_CHECKING

from genai_fn.lazy_names import defer_imports

if TYPE_CHECKING:
    from genai_fn.jobs.errors import (
        BatchFailed as BatchFailed,
        DimensionMismatch as DimensionMismatch,
        FolderLocked as FolderLocked,
        OutputError as OutputError,
        SettingsChanged as SettingsChanged,
        SourceError as SourceError,
        UnusableText as UnusableText,
    )
    from genai_fn.jobs.job import EmbeddingJob as EmbeddingJob
    from genai_fn.jobs.job_summary import JobSummary as JobSummary
    from genai_fn.jobs.output.manifest import (
        JobManifest as JobManifest,
        ShardEntry as ShardEntry,
        read_manifest as read_manifest,
    )
    from genai_fn.jobs.rows import hash_text as hash_text
else:
    __getattr__, __dir__ = defer_imports(globals())
