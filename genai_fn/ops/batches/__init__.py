"""Batches: many requests as one job, answered within a day, at half the price."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from genai_fn import codec
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.batches.embeddings import create_embeddings
from genai_fn.ops.batches.jobs import DELETION, GEMINI_JOB, GEMINI_JOBS, VERTEX_JOB, VERTEX_JOBS
from genai_fn.ops.batches.lines import join, jsonl
from genai_fn.ops.batches.places import BatchInputConfig, BatchOutputConfig, encode_destination, encode_source
from genai_fn.ops.batches.requests import InlinedRequestsBody, SourceLike, encode_requests, parse_source
from genai_fn.ops.request_parts import EMPTY_RESPONSE, as_type, build_query
from genai_fn.request import DELETE, GET, POST, Call, Operation, Request
from genai_fn.schema import (
    BatchJob,
    BatchJobDestination,
    BatchJobSource,
    CreateBatchJobConfig,
    DeleteResourceJob,
    ListBatchJobsConfig,
    ListBatchJobsResponse,
)
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.wire.resource_names import check_model_name, check_resource_name, resolve_model_name

__all__ = [
    "CancelBatch",
    "CreateBatch",
    "DeleteBatch",
    "GetBatch",
    "ListBatches",
    "cancel",
    "create",
    "create_embeddings",
    "delete",
    "get",
    "join",
    "jsonl",
    "list",
]


class CreateBatch(Operation[BatchJob]):
    """Begin a batch."""

    op: ClassVar = "batches.create"
    repeatable: ClassVar = False

    model: str
    src: BatchJobSource
    config: CreateBatchJobConfig = CreateBatchJobConfig()

    def gemini(self, at: Gemini) -> Call[BatchJob]:
        inlined = self.src.inlined_requests
        source = _GeminiBatchInput(
            file_name=self.src.file_name, requests=None if inlined is None else encode_requests(inlined, self.model, at)
        )
        body = _CreateGeminiBatchBody(batch=_GeminiBatch(display_name=self.config.display_name, input_config=source))
        return POST(f"{resolve_model_name(at, self.model)}:batchGenerateContent", body, GEMINI_JOB)

    def vertex(self, at: Vertex) -> Call[BatchJob]:
        name, dest = (
            self.config.display_name,
            as_type(BatchJobDestination, self.config.dest) or _derive_destination(self),
        )
        body = _CreateVertexBatchBody(
            display_name=f"genai_batch_job_{_compute_digest(self)}" if name is None else name,
            model=resolve_model_name(at, self.model),
            input_config=encode_source(self.src),
            output_config=None if dest is None else encode_destination(dest),
        )
        return POST("batchPredictionJobs", body, VERTEX_JOB)


def create(
    model: str, src: SourceLike, config: CreateBatchJobConfig | Mapping[str, Any] | None = None
) -> Request[BatchJob]:
    """
    Begin a batch, which may take a day: ask with ``batches.get`` how far it has come.

    ``batches.join`` gives each request its answer. On Vertex AI, what is not said is derived from the request: the
    display name, and where the answers go: beside the source.

    Args:
        model: As in ``generate``; all requests are for it.

        src: The requests. For Gemini: a list of ``generate`` requests or of `InlinedRequest`, or a file, ``files/…``.
            For Vertex AI: ``gs://….jsonl`` or ``bq://project.dataset.table``. ``batches.jsonl`` writes such files.

        config: What the batch is called, and where its answers go: ``dest``, ``gs://…`` or ``bq://…``.

    >>> from genai_fn import generate
    >>> questions = ["Why is the sky blue?", "Why is grass green?"]
    >>> batch = create("gemini-2.5-flash", [generate("gemini-2.5-flash", each) for each in questions])
    >>> [each.metadata for each in batch.operation.src.inlined_requests]
    [{'key': '0'}, {'key': '1'}]
    """
    model = check_model_name(model)
    return Request(
        CreateBatch(model=model, src=parse_source(src, model), config=as_struct(CreateBatchJobConfig, config))
    )


# Gemini: the requests, or a file of them


class _GeminiBatchInput(Message):
    file_name: str | None = None
    requests: InlinedRequestsBody | None = None


class _GeminiBatch(Message):
    input_config: _GeminiBatchInput
    display_name: str | None = None


class _CreateGeminiBatchBody(Message):
    batch: _GeminiBatch


# Vertex: where they are, and where the answers go


class _CreateVertexBatchBody(Message):
    display_name: str
    model: str
    input_config: BatchInputConfig
    output_config: BatchOutputConfig | None = None


def _derive_destination(operation: CreateBatch) -> BatchJobDestination | None:
    """Put the answers beside the source, where nobody says where they go."""
    src = operation.src
    if src.gcs_uri and src.gcs_uri[0].endswith(".jsonl"):
        return BatchJobDestination(format="jsonl", gcs_uri=f"{src.gcs_uri[0].removesuffix('.jsonl')}/dest")
    if src.bigquery_uri:
        return BatchJobDestination(
            format="bigquery", bigquery_uri=f"{src.bigquery_uri}_dest_{_compute_digest(operation)}"
        )
    return None


def _compute_digest(operation: CreateBatch) -> str:
    """Tell one batch from another, where google-genai reads the clock: the same request has the same."""
    src = operation.src
    told = (operation.model, src.format, src.gcs_uri, src.bigquery_uri, operation.config)
    return hashlib.sha256(codec.encode(told)).hexdigest()[:12]


class GetBatch(Operation[BatchJob]):
    """Ask how far a batch has come."""

    op: ClassVar = "batches.get"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[BatchJob]:
        return GET(_resolve_gemini_name(self.name), GEMINI_JOB)

    def vertex(self, at: Vertex) -> Call[BatchJob]:
        return GET(_resolve_vertex_name(self.name), VERTEX_JOB)


def get(name: str) -> Request[BatchJob]:
    """
    Ask how far a batch has come; once it is done, Gemini's job holds the answers, or says in which file they are.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.
    """
    return Request(GetBatch(name=_validate_name(name)))


class CancelBatch(Operation[None]):
    """Stop a batch."""

    op: ClassVar = "batches.cancel"

    name: str

    def gemini(self, at: Gemini) -> Call[None]:
        return POST(f"{_resolve_gemini_name(self.name)}:cancel", None, EMPTY_RESPONSE)

    def vertex(self, at: Vertex) -> Call[None]:
        return POST(f"{_resolve_vertex_name(self.name)}:cancel", None, EMPTY_RESPONSE)


def cancel(name: str) -> Request[None]:
    """
    Stop a batch that is waiting or under way; it takes a while until it has ended.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.
    """
    return Request(CancelBatch(name=_validate_name(name)))


class DeleteBatch(Operation[DeleteResourceJob]):
    """Delete a batch."""

    op: ClassVar = "batches.delete"

    name: str

    def gemini(self, at: Gemini) -> Call[DeleteResourceJob]:
        return DELETE(_resolve_gemini_name(self.name), DELETION)

    def vertex(self, at: Vertex) -> Call[DeleteResourceJob]:
        return DELETE(_resolve_vertex_name(self.name), DELETION)


def delete(name: str) -> Request[DeleteResourceJob]:
    """
    Delete a batch that has ended.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.
    """
    return Request(DeleteBatch(name=_validate_name(name)))


def _validate_name(name: str) -> str:
    expected = "batches/…; on Vertex AI a number, or projects/…/locations/…/batchPredictionJobs/…"
    if not _NAME_PATTERN.fullmatch(check_resource_name(name, "name", expected)):
        raise InvalidRequest("name", name, expected)
    return name


_NAME_PATTERN = re.compile(r"batches/[^/]+|[0-9]+|projects/[^/]+/locations/[^/]+/batchPredictionJobs/[^/]+")


def _resolve_gemini_name(name: str) -> str:
    if not name.startswith("batches/"):
        raise InvalidRequest("name", name, "batches/…, as the Gemini Developer API names it")
    return name


def _resolve_vertex_name(name: str) -> str:
    if name.startswith("batches/"):
        raise InvalidRequest("name", name, "a number, or projects/…/batchPredictionJobs/…, as Vertex AI names it")
    return f"batchPredictionJobs/{name}" if name.isdigit() else name


class ListBatches(Operation[ListBatchJobsResponse]):
    """List batches."""

    op: ClassVar = "batches.list"
    is_list: ClassVar = True

    config: ListBatchJobsConfig = ListBatchJobsConfig()

    def gemini(self, at: Gemini) -> Call[ListBatchJobsResponse]:
        return GET("batches", GEMINI_JOBS, query=build_query(self.config))

    def vertex(self, at: Vertex) -> Call[ListBatchJobsResponse]:
        return GET("batchPredictionJobs", VERTEX_JOBS, query=build_query(self.config))


def list(config: ListBatchJobsConfig | Mapping[str, Any] | None = None) -> Request[ListBatchJobsResponse]:
    """List batches, a page at a time."""
    return Request(ListBatches(config=as_struct(ListBatchJobsConfig, config)))
