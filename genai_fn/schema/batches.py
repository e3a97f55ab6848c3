"""Batch jobs: many requests as one job, processed within 24 hours at half the price."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from genai_fn.schema.base import GeminiOnly, ListConfig, Message, OpenMessage, Page, VertexOnly
from genai_fn.schema.contents import ContentsLike, SeparateContentsLike
from genai_fn.schema.embeddings import EmbedContentConfig, SingleEmbedContentResponse
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.operations import ENDED_JOB_STATES, JobError, JobState, WebhookConfig
from genai_fn.schema.responses import GenerateContentResponse


class InlinedRequest(OpenMessage):
    """A request of a batch."""

    model: str | None = None
    contents: ContentsLike | None = None
    metadata: Mapping[str, str] | None = None
    """Your own key-value pairs; the response repeats them."""
    config: GenerateContentConfig | None = None


class BatchJobSource(OpenMessage):
    """Source of a batch's requests."""

    format: VertexOnly[str | None] = None
    """``jsonl``, ``bigquery`` or ``vertex-dataset``."""
    gcs_uri: VertexOnly[tuple[str, ...] | None] = None
    """Cloud Storage URIs, ``gs://…``."""
    bigquery_uri: VertexOnly[str | None] = None
    """``bq://project.dataset.table``."""
    file_name: GeminiOnly[str | None] = None
    """``files/…``."""
    inlined_requests: GeminiOnly[tuple[InlinedRequest, ...] | None] = None
    vertex_dataset_name: VertexOnly[str | None] = None
    """A multimodal dataset, ``projects/…/locations/…/datasets/…``."""

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"inlined_requests": cast("Sequence[Any]", value)}
        if isinstance(value, str) and DATASET_NAME.fullmatch(value):
            return {"vertex_dataset_name": value, "format": "vertex-dataset"}
        where = _parse_destination_uri(value)
        if where is not None and "gcs_uri" in where:
            return {**where, "gcs_uri": (value,)}
        return where or NotImplemented


DATASET_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/datasets/[^/]+")


class InlinedResponse(OpenMessage):
    """A response of a batch, or its error."""

    response: GenerateContentResponse | None = None
    error: JobError | None = None
    metadata: Mapping[str, Any] | None = None
    """The metadata of the request."""


class InlinedEmbedContentResponse(OpenMessage):
    """An embedding of a batch, or its error."""

    response: SingleEmbedContentResponse | None = None
    error: JobError | None = None
    metadata: Mapping[str, Any] | None = None
    """The metadata of the request."""


class VertexMultimodalDatasetDestination(OpenMessage):
    """A new multimodal dataset for a batch's responses."""

    bigquery_destination: str | None = None
    """``bq://project.dataset.table``, where the data is."""
    display_name: str | None = None


class BatchJobDestination(OpenMessage):
    """Destination of a batch's responses."""

    format: str | None = None
    """``jsonl`` or ``bigquery``."""
    gcs_uri: str | None = None
    """Cloud Storage prefix for the output, ``gs://…``."""
    bigquery_uri: str | None = None
    """``bq://project.dataset.table``."""
    file_name: GeminiOnly[str | None] = None
    """``files/…``."""
    inlined_responses: GeminiOnly[tuple[InlinedResponse, ...]] = ()
    """In the order of the requests."""
    inlined_embed_content_responses: GeminiOnly[tuple[InlinedEmbedContentResponse, ...]] = ()
    """In the order of the requests."""
    vertex_dataset: VertexOnly[VertexMultimodalDatasetDestination | None] = None

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
    """A `BatchJobDestination`, or its URI."""
else:
    BatchJobDestinationLike = BatchJobDestination


class CreateBatchJobConfig(Message):
    """Options of `batches.create`."""

    display_name: str | None = None
    dest: VertexOnly[BatchJobDestinationLike | None] = None
    """A `BatchJobDestination`, or its URI."""
    webhook_config: GeminiOnly[WebhookConfig | None] = None


class CompletionStats(OpenMessage):
    """Numbers of requests of a batch by outcome."""

    failed_count: int | None = None
    incomplete_count: int | None = None
    successful_count: int | None = None
    successful_forecast_point_count: int | None = None


class BatchJobOutputInfo(OpenMessage):
    """Location of a batch's responses; one field is set."""

    vertex_multimodal_dataset_name: str | None = None
    gcs_output_directory: str | None = None
    """``gs://…``."""
    bigquery_output_table: str | None = None


class BatchJob(OpenMessage):
    """A batch job."""

    name: str | None = None
    """``batches/…``, or a full Vertex AI name."""
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
    output_info: BatchJobOutputInfo | None = None

    @property
    def done(self) -> bool:
        """Whether the job has ended: it succeeded (perhaps in part), failed, was cancelled, or expired."""
        return self.state in ENDED_JOB_STATES


class EmbedContentBatch(Message):
    """Contents to embed in a batch."""

    contents: SeparateContentsLike | None = None
    """Each item of a list gets an embedding of its own."""
    config: EmbedContentConfig | None = None


class EmbeddingsBatchJobSource(Message):
    """Source of the contents of an embedding batch."""

    file_name: str | None = None
    """``files/…``."""
    inlined_requests: EmbedContentBatch | None = None


class CreateEmbeddingsBatchJobConfig(Message):
    """Options of `batches.create_embeddings`."""

    display_name: str | None = None


class GetBatchJobConfig(Message):
    """Options of `batches.get`; there are none."""


class CancelBatchJobConfig(Message):
    """Options of `batches.cancel`; there are none."""


class DeleteBatchJobConfig(Message):
    """Options of `batches.delete`; there are none."""


class DeleteResourceJob(OpenMessage):
    """The deletion of a batch: a long-running operation."""

    name: str | None = None
    done: bool | None = None
    error: JobError | None = None


class ListBatchJobsConfig(ListConfig):
    """Options of `batches.list`."""

    filter: VertexOnly[str | None] = None


class ListBatchJobsResponse(Page[BatchJob]):
    """A page of batch jobs."""

    batch_jobs: tuple[BatchJob, ...] = ()
