"""Batches: many requests as one job, answered within a day, at half the price."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from genai_fn import codec
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.flows.batch_lines import join, jsonl
from genai_fn.names import model_name, valid_model, valid_name
from genai_fn.ops._batch_jobs import DELETION, GEMINI_JOB, GEMINI_JOBS, VERTEX_JOB, VERTEX_JOBS
from genai_fn.ops._batch_places import Input, Output, destination_out, source_out
from genai_fn.ops._batch_requests import Requests, SourceLike, as_source, requests
from genai_fn.ops._parts import NOTHING, query_of, settled
from genai_fn.ops.batch_embeddings import create_embeddings
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
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct

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
        source = _GeminiSource(
            file_name=self.src.file_name, requests=None if inlined is None else requests(inlined, self.model, at)
        )
        body = _GeminiBatch(batch=_Batch(display_name=self.config.display_name, input_config=source))
        return POST(f"{model_name(at, self.model)}:batchGenerateContent", body, GEMINI_JOB)

    def vertex(self, at: Vertex) -> Call[BatchJob]:
        name, dest = self.config.display_name, settled(BatchJobDestination, self.config.dest) or _beside(self)
        body = _VertexBatch(
            display_name=f"genai_batch_job_{_digest(self)}" if name is None else name,
            model=model_name(at, self.model),
            input_config=source_out(self.src),
            output_config=None if dest is None else destination_out(dest),
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
    model = valid_model(model)
    return Request(CreateBatch(model=model, src=as_source(src, model), config=as_struct(CreateBatchJobConfig, config)))


# Gemini: the requests, or a file of them


class _GeminiSource(Message):
    file_name: str | None = None
    requests: Requests | None = None


class _Batch(Message):
    input_config: _GeminiSource
    display_name: str | None = None


class _GeminiBatch(Message):
    batch: _Batch


# Vertex: where they are, and where the answers go


class _VertexBatch(Message):
    display_name: str
    model: str
    input_config: Input
    output_config: Output | None = None


def _beside(operation: CreateBatch) -> BatchJobDestination | None:
    """Put the answers beside the source, where nobody says where they go."""
    src = operation.src
    if src.gcs_uri and src.gcs_uri[0].endswith(".jsonl"):
        return BatchJobDestination(format="jsonl", gcs_uri=f"{src.gcs_uri[0].removesuffix('.jsonl')}/dest")
    if src.bigquery_uri:
        return BatchJobDestination(format="bigquery", bigquery_uri=f"{src.bigquery_uri}_dest_{_digest(operation)}")
    return None


def _digest(operation: CreateBatch) -> str:
    """Tell one batch from another, where google-genai reads the clock: the same request has the same."""
    src = operation.src
    told = (operation.model, src.format, src.gcs_uri, src.bigquery_uri, operation.config)
    return hashlib.sha256(codec.encode(told)).hexdigest()[:12]


class GetBatch(Operation[BatchJob]):
    """Ask how far a batch has come."""

    op: ClassVar = "batches.get"

    name: str

    def gemini(self, at: Gemini) -> Call[BatchJob]:
        return GET(_of_gemini(self.name), GEMINI_JOB)

    def vertex(self, at: Vertex) -> Call[BatchJob]:
        return GET(_of_vertex(self.name), VERTEX_JOB)


def get(name: str) -> Request[BatchJob]:
    """
    Ask how far a batch has come; once it is done, Gemini's job holds the answers, or says in which file they are.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.
    """
    return Request(GetBatch(name=_valid(name)))


class CancelBatch(Operation[None]):
    """Stop a batch."""

    op: ClassVar = "batches.cancel"

    name: str

    def gemini(self, at: Gemini) -> Call[None]:
        return POST(f"{_of_gemini(self.name)}:cancel", None, NOTHING)

    def vertex(self, at: Vertex) -> Call[None]:
        return POST(f"{_of_vertex(self.name)}:cancel", None, NOTHING)


def cancel(name: str) -> Request[None]:
    """
    Stop a batch that is waiting or under way; it takes a while until it has ended.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.
    """
    return Request(CancelBatch(name=_valid(name)))


class DeleteBatch(Operation[DeleteResourceJob]):
    """Delete a batch."""

    op: ClassVar = "batches.delete"

    name: str

    def gemini(self, at: Gemini) -> Call[DeleteResourceJob]:
        return DELETE(_of_gemini(self.name), DELETION)

    def vertex(self, at: Vertex) -> Call[DeleteResourceJob]:
        return DELETE(_of_vertex(self.name), DELETION)


def delete(name: str) -> Request[DeleteResourceJob]:
    """
    Delete a batch that has ended.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.
    """
    return Request(DeleteBatch(name=_valid(name)))


def _valid(name: str) -> str:
    expected = "batches/…; on Vertex AI a number, or projects/…/locations/…/batchPredictionJobs/…"
    if not _NAMES.fullmatch(valid_name(name, "name", expected)):
        raise InvalidRequest("name", name, expected)
    return name


_NAMES = re.compile(r"batches/[^/]+|[0-9]+|projects/[^/]+/locations/[^/]+/batchPredictionJobs/[^/]+")


def _of_gemini(name: str) -> str:
    if not name.startswith("batches/"):
        raise InvalidRequest("name", name, "batches/…, as the Gemini Developer API names it")
    return name


def _of_vertex(name: str) -> str:
    if name.startswith("batches/"):
        raise InvalidRequest("name", name, "a number, or projects/…/batchPredictionJobs/…, as Vertex AI names it")
    return f"batchPredictionJobs/{name}" if name.isdigit() else name


class ListBatches(Operation[ListBatchJobsResponse]):
    """List batches."""

    op: ClassVar = "batches.list"

    config: ListBatchJobsConfig = ListBatchJobsConfig()

    def gemini(self, at: Gemini) -> Call[ListBatchJobsResponse]:
        return GET("batches", GEMINI_JOBS, query=query_of(self.config))

    def vertex(self, at: Vertex) -> Call[ListBatchJobsResponse]:
        return GET("batchPredictionJobs", VERTEX_JOBS, query=query_of(self.config))


def list(config: ListBatchJobsConfig | Mapping[str, Any] | None = None) -> Request[ListBatchJobsResponse]:
    """List batches, a page at a time."""
    return Request(ListBatches(config=as_struct(ListBatchJobsConfig, config)))
