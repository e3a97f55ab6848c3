"""Decodes the batch jobs of both backends into `BatchJob`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec import field

from genai_fn import codec
from genai_fn.ops.batches.places import BatchInputConfig, BatchOutputConfig, decode_destination, decode_source
from genai_fn.ops.request_parts import copy_fields, merge_extra
from genai_fn.request import ResponseReader, read_json
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.batches import (
    BatchJob,
    BatchJobDestination,
    BatchJobOutputInfo,
    CompletionStats,
    DeleteResourceJob,
    InlinedEmbedContentResponse,
    InlinedResponse,
    ListBatchJobsResponse,
)
from genai_fn.schema.embeddings import ContentEmbedding
from genai_fn.schema.operations import JobError, JobState
from genai_fn.schema.responses import GenerateContentResponse

__all__ = ["DELETION", "GEMINI_JOB", "GEMINI_JOBS", "VERTEX_JOB", "VERTEX_JOBS"]

M = TypeVar("M", bound=Message)


class _JobErrorBody(OpenMessage):
    code: int | None = None
    message: str | None = None
    details: tuple[Any, ...] = ()


def _decode_error(wire: _JobErrorBody | None) -> JobError | None:
    if wire is None:
        return None
    details = (each if isinstance(each, str) else codec.encode(each).decode() for each in wire.details)
    return copy_fields(JobError, wire, details=tuple(details))


# Gemini: an operation, whose metadata contains the batch


class _InlinedResult(GenerateContentResponse):
    """A response of a generate request or of an embedding."""

    embedding: ContentEmbedding | None = None
    token_count: int | None = None


class _InlinedItem(OpenMessage):
    response: _InlinedResult | None = None
    error: _JobErrorBody | None = None
    metadata: Mapping[str, Any] | None = None


class _InlinedItems(OpenMessage):
    inlined_responses: tuple[_InlinedItem, ...] = ()


class _GeminiBatchOutput(OpenMessage):
    type_url: str | None = field(default=None, name="@type")
    """Names the message, as it is inside an ``Any``."""
    responses_file: str | None = None
    inlined_responses: _InlinedItems | None = None
    inlined_embed_content_responses: _InlinedItems | None = None


class _GeminiBatchStats(OpenMessage):
    successful_count: int | None = field(default=None, name="successfulRequestCount")
    failed_count: int | None = field(default=None, name="failedRequestCount")
    incomplete_count: int | None = field(default=None, name="pendingRequestCount")


class _GeminiBatchMetadata(OpenMessage):
    type_url: str | None = field(default=None, name="@type")
    display_name: str | None = None
    state: JobState | None = None
    create_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    model: str | None = None
    output: _GeminiBatchOutput | None = None
    completion_stats: _GeminiBatchStats | None = field(default=None, name="batchStats")


class _GeminiBatchOperation(OpenMessage):
    name: str | None = None
    done: bool | None = None
    metadata: _GeminiBatchMetadata | None = None
    error: _JobErrorBody | None = None
    response: _GeminiBatchOutput | None = None


def _job_from_gemini(wire: _GeminiBatchOperation) -> BatchJob:
    batch = wire.metadata or _GeminiBatchMetadata()
    output = batch.output or wire.response
    return copy_fields(
        BatchJob,
        batch,
        name=wire.name,
        state=_decode_state(batch.state),
        error=_decode_error(wire.error),
        dest=None if output is None else _decode_destination(output),
        extra=merge_extra(wire, wire.metadata),
    )


def _decode_state(text: str | None) -> JobState | None:
    """Decode a state; Gemini's ``BATCH_STATE_…`` becomes ``JOB_STATE_…``, and unknown states are kept."""
    if text is None:
        return None
    return JobState.__members__.get(text.replace("BATCH_STATE_", "JOB_STATE_", 1)) or JobState(text)


def _decode_destination(output: _GeminiBatchOutput) -> BatchJobDestination:
    embeddings = (output.inlined_embed_content_responses or _InlinedItems()).inlined_responses
    responses = (output.inlined_responses or _InlinedItems()).inlined_responses
    if any(each.response is not None and each.response.embedding is not None for each in responses):
        embeddings, responses = responses, ()
    return BatchJobDestination(
        file_name=output.responses_file,
        inlined_responses=tuple(_decode_item(InlinedResponse, each) for each in responses),
        inlined_embed_content_responses=tuple(_decode_item(InlinedEmbedContentResponse, each) for each in embeddings),
        extra=merge_extra(output, output.inlined_responses or output.inlined_embed_content_responses),
    )


def _decode_item(kind: type[M], wire: _InlinedItem) -> M:
    """Decode a result as a message of type `kind`, whose ``response`` has its type."""
    return copy_fields(kind, wire, error=_decode_error(wire.error))


class _GeminiBatchOperations(OpenMessage):
    operations: tuple[_GeminiBatchOperation, ...] = ()
    next_page_token: str | None = None


def _jobs_from_gemini(wire: _GeminiBatchOperations) -> ListBatchJobsResponse:
    return copy_fields(ListBatchJobsResponse, wire, batch_jobs=tuple(map(_job_from_gemini, wire.operations)))


GEMINI_JOB: Final[ResponseReader[BatchJob]] = read_json(_GeminiBatchOperation, _job_from_gemini)
GEMINI_JOBS: Final[ResponseReader[ListBatchJobsResponse]] = read_json(_GeminiBatchOperations, _jobs_from_gemini)


# Vertex AI: the job; source and destination have other names


class _VertexBatchJob(OpenMessage):
    name: str | None = None
    display_name: str | None = None
    state: JobState | None = None
    error: _JobErrorBody | None = None
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    model: str | None = None
    input_config: BatchInputConfig | None = None
    output_config: BatchOutputConfig | None = None
    completion_stats: CompletionStats | None = None
    output_info: BatchJobOutputInfo | None = None


def _job_from_vertex(wire: _VertexBatchJob) -> BatchJob:
    return copy_fields(
        BatchJob,
        wire,
        state=_decode_state(wire.state),
        error=_decode_error(wire.error),
        src=None if wire.input_config is None else decode_source(wire.input_config),
        dest=None if wire.output_config is None else decode_destination(wire.output_config),
    )


class _VertexBatchJobs(OpenMessage):
    batch_prediction_jobs: tuple[_VertexBatchJob, ...] = ()
    next_page_token: str | None = None


def _jobs_from_vertex(wire: _VertexBatchJobs) -> ListBatchJobsResponse:
    return copy_fields(ListBatchJobsResponse, wire, batch_jobs=tuple(map(_job_from_vertex, wire.batch_prediction_jobs)))


VERTEX_JOB: Final[ResponseReader[BatchJob]] = read_json(_VertexBatchJob, _job_from_vertex)
VERTEX_JOBS: Final[ResponseReader[ListBatchJobsResponse]] = read_json(_VertexBatchJobs, _jobs_from_vertex)


# Both


class _DeletionBody(OpenMessage):
    name: str | None = None
    done: bool | None = None
    error: _JobErrorBody | None = None


def _decode_deletion(wire: _DeletionBody) -> DeleteResourceJob:
    return copy_fields(DeleteResourceJob, wire, error=_decode_error(wire.error))


DELETION: Final[ResponseReader[DeleteResourceJob]] = read_json(_DeletionBody, _decode_deletion)
