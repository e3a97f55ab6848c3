"""Many requests as one job, answered within a day, at half the price."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from genai_fn.schema.base import GeminiOnly, Message, Page, VertexOnly
from genai_fn.schema.contents import ContentsLike, SeparateContentsLike
from genai_fn.schema.embeddings import EmbedContentConfig, SingleEmbedContentResponse
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.operations import ENDED_JOB_STATES, JobError, JobState
from genai_fn.schema.responses import GenerateContentResponse

__all__ = [
    "BatchJob",
    "BatchJobDestination",
    "BatchJobSource",
    "CancelBatchJobConfig",
    "CompletionStats",
    "CreateBatchJobConfig",
    "CreateEmbeddingsBatchJobConfig",
    "DeleteBatchJobConfig",
    "DeleteResourceJob",
    "EmbedContentBatch",
    "EmbeddingsBatchJobSource",
    "GetBatchJobConfig",
    "InlinedEmbedContentResponse",
    "InlinedRequest",
    "InlinedResponse",
    "ListBatchJobsConfig",
    "ListBatchJobsResponse",
]


class InlinedRequest(Message):
    """One request of a batch."""

    model: str | None = None
    contents: ContentsLike | None = None
    metadata: Mapping[str, str] | None = None
    """Of one's own, to tell the answers apart."""
    config: GenerateContentConfig | None = None


class BatchJobSource(Message):
    """Where the requests of a batch are."""

    format: VertexOnly[str | None] = None
    """``jsonl`` or ``bigquery``."""
    gcs_uri: VertexOnly[tuple[str, ...] | None] = None
    """``gs://…`` each."""
    bigquery_uri: VertexOnly[str | None] = None
    """``bq://project.dataset.table``."""
    file_name: GeminiOnly[str | None] = None
    """``files/…``."""
    inlined_requests: GeminiOnly[tuple[InlinedRequest, ...] | None] = None

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"inlined_requests": cast("Sequence[Any]", value)}
        where = _parse_destination_uri(value)
        if where is not None and "gcs_uri" in where:
            return {**where, "gcs_uri": (value,)}
        return where or NotImplemented


class InlinedResponse(Message):
    """One answer of a batch, or why there is none."""

    response: GenerateContentResponse | None = None
    error: JobError | None = None
    metadata: Mapping[str, Any] | None = None
    """What the request had, to tell whose answer this is."""


class InlinedEmbedContentResponse(Message):
    """One vector of a batch, or why there is none."""

    response: SingleEmbedContentResponse | None = None
    error: JobError | None = None


class BatchJobDestination(Message):
    """Where the answers of a batch are."""

    format: str | None = None
    """``jsonl`` or ``bigquery``."""
    gcs_uri: str | None = None
    """``gs://…`` under which they are stored."""
    bigquery_uri: str | None = None
    """``bq://project.dataset.table``."""
    file_name: GeminiOnly[str | None] = None
    """``files/…``."""
    inlined_responses: GeminiOnly[tuple[InlinedResponse, ...]] = ()
    """In the order of the requests."""
    inlined_embed_content_responses: GeminiOnly[tuple[InlinedEmbedContentResponse, ...]] = ()
    """In the order of the requests."""

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        return _parse_destination_uri(value) or NotImplemented


def _parse_destination_uri(value: object) -> dict[str, Any] | None:
    if not isinstance(value, str):
        return None
    if value.startswith("gs://"):
        return {"gcs_uri": value, "format": "jsonl"}
    if value.startswith("bq://"):
        return {"bigquery_uri": value, "format": "bigquery"}
    return {"file_name": value}


if TYPE_CHECKING:
    BatchJobDestinationLike: TypeAlias = BatchJobDestination | Mapping[str, Any] | str
    """A `BatchJobDestination`, or just its address."""
else:
    BatchJobDestinationLike = BatchJobDestination


class CreateBatchJobConfig(Message):
    """What a batch is called, and where its answers go."""

    display_name: str | None = None
    dest: VertexOnly[BatchJobDestinationLike | None] = None
    """A `BatchJobDestination`, or just its address."""


class CompletionStats(Message):
    """How many requests of a batch went how."""

    failed_count: int | None = None
    incomplete_count: int | None = None
    successful_count: int | None = None
    successful_forecast_point_count: int | None = None


class BatchJob(Message):
    """Many requests as one job."""

    name: str | None = None
    """``batches/…`` or a full Vertex name."""
    display_name: str | None = None
    state: JobState | None = None
    error: JobError | None = None
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    model: str | None = None
    src: BatchJobSource | None = None
    dest: BatchJobDestination | None = None
    completion_stats: CompletionStats | None = None

    @property
    def done(self) -> bool:
        """Whether the job will not go on by itself any more."""
        return self.state in ENDED_JOB_STATES


class EmbedContentBatch(Message):
    """Contents that all get their vectors in one batch."""

    contents: SeparateContentsLike | None = None
    """A vector for each item of a list."""
    config: EmbedContentConfig | None = None


class EmbeddingsBatchJobSource(Message):
    """Where the contents of a batch of vectors are."""

    file_name: str | None = None
    """``files/…``."""
    inlined_requests: EmbedContentBatch | None = None


class CreateEmbeddingsBatchJobConfig(Message):
    """What a batch of vectors is called."""

    display_name: str | None = None


class GetBatchJobConfig(Message):
    """How a batch is looked up: nothing to be said."""


class CancelBatchJobConfig(Message):
    """How a batch is cancelled: nothing to be said."""


class DeleteBatchJobConfig(Message):
    """How a batch is deleted: nothing to be said."""


class DeleteResourceJob(Message):
    """The deletion of a batch, which goes on at the service."""

    name: str | None = None
    done: bool | None = None
    error: JobError | None = None


class ListBatchJobsConfig(Message):
    """Which page of the batches."""

    page_size: int | None = None
    """How many on a page, at most."""
    page_token: str | None = None
    """The ``next_page_token`` of the page before."""
    filter: VertexOnly[str | None] = None


class ListBatchJobsResponse(Page[BatchJob]):
    """A page of batches."""

    batch_jobs: tuple[BatchJob, ...] = ()
