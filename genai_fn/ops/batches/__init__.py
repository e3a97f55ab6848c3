"""
Batches: many requests as one job, which ends within 24 hours, at half the price.

- `embeddings`: batches of embeddings.
- `lines`: source files, and the results of a job or a result file in order.
- `requests`: the requests of a batch, as they are passed and sent.
- `places`: source and destination of a batch on Vertex AI.
- `jobs`: decodes the jobs of both backends.
"""

import hashlib
import re
from typing import TYPE_CHECKING, ClassVar

from genai_fn import codec
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.batches.embeddings import create_embeddings
from genai_fn.ops.batches.jobs import DELETION, GEMINI_JOB, GEMINI_JOBS, VERTEX_JOB, VERTEX_JOBS
from genai_fn.ops.batches.lines import join, jsonl
from genai_fn.ops.batches.places import BatchInputConfig, BatchOutputConfig, encode_destination, encode_source
from genai_fn.ops.batches.requests import (
    CreateGeminiBatchBody,
    GeminiBatch,
    GeminiBatchInput,
    SourceLike,
    encode_requests,
    parse_source,
)
from genai_fn.ops.request_parts import EMPTY_RESPONSE, as_type, build_query
from genai_fn.request import DELETE, GET, POST, Call, Operation, Request
from genai_fn.schema.base import Message
from genai_fn.schema.batches import (
    BatchJob,
    BatchJobDestination,
    BatchJobSource,
    CreateBatchJobConfig,
    DeleteResourceJob,
    ListBatchJobsConfig,
    ListBatchJobsResponse,
)
from genai_fn.schema.convert import as_struct
from genai_fn.wire.resource_names import check_model_name, check_resource_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import CreateBatchJobConfigLike, ListBatchJobsConfigLike

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
    """Create a batch job."""

    op: ClassVar = "batches.create"
    repeatable: ClassVar = False

    model: str
    src: BatchJobSource
    config: CreateBatchJobConfig = CreateBatchJobConfig()

    def gemini(self, at: Gemini) -> Call[BatchJob]:
        inlined = self.src.inlined_requests
        source = GeminiBatchInput(
            file_name=self.src.file_name,
            requests=None if inlined is None else encode_requests(inlined, self.model, at),
            extra=self.src.extra,
        )
        batch = GeminiBatch(
            display_name=self.config.display_name, input_config=source, webhook_config=self.config.webhook_config
        )
        path = f"{resolve_model_name(at, self.model)}:batchGenerateContent"
        return POST(path, CreateGeminiBatchBody(batch=batch), GEMINI_JOB)

    def vertex(self, at: Vertex) -> Call[BatchJob]:
        name = self.config.display_name
        dest = as_type(BatchJobDestination, self.config.dest) or _derive_destination(self)
        body = _CreateVertexBatchBody(
            display_name=f"genai_batch_job_{_compute_digest(self)}" if name is None else name,
            model=resolve_model_name(at, self.model),
            input_config=encode_source(self.src),
            output_config=None if dest is None else encode_destination(dest),
        )
        return POST("batchPredictionJobs", body, VERTEX_JOB)


def create(model: str, src: SourceLike, config: "CreateBatchJobConfigLike | None" = None) -> Request[BatchJob]:
    """
    Create a batch job; ``| until_done()`` waits for its end, which may take a day.

    ``batches.join`` matches the results to the requests.

    On Vertex AI, the display name and the destination are derived from the source if they are not set.

    Args:
        model: As in ``generate``; all requests of a batch have the same model.

        src: The requests. On Gemini a list of ``generate`` requests or of `InlinedRequest`, or a file, ``files/…``. On
            Vertex AI ``gs://….jsonl``, ``bq://project.dataset.table`` or a multimodal dataset,
            ``projects/…/locations/…/datasets/…``. ``batches.jsonl`` writes such files.

        config: ``display_name``; on Vertex AI the destination, ``dest``: ``gs://…``, ``bq://…`` or ``vertex_dataset``;
            on Gemini ``webhook_config``, whose URIs are called when the batch ends.

    Raises:
        InvalidRequest: If the model name is empty or invalid, ``src`` is not exactly one source, a request cannot be
            part of a batch or has another model, or a field of ``config`` is unknown or has the wrong type.

    Fails with:
        Unsupported: If the backend does not have the source, or a field of a request; the error lists the paths.

        ClientError: If the model or the file does not exist (404), or the server rejects the batch (400).

        OperationFailed: After ``| until_done()``, if the job has failed, has expired or was cancelled.

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


# Vertex AI: source and destination


class _CreateVertexBatchBody(Message):
    display_name: str
    model: str
    input_config: BatchInputConfig
    output_config: BatchOutputConfig | None = None


def _derive_destination(operation: CreateBatch) -> BatchJobDestination | None:
    """Return a destination beside the source, for a batch without one."""
    src = operation.src
    if src.gcs_uri and src.gcs_uri[0].endswith(".jsonl"):
        return BatchJobDestination(format="jsonl", gcs_uri=f"{src.gcs_uri[0].removesuffix('.jsonl')}/dest")
    if src.bigquery_uri:
        return BatchJobDestination(
            format="bigquery", bigquery_uri=f"{src.bigquery_uri}_dest_{_compute_digest(operation)}"
        )
    return None


def _compute_digest(operation: CreateBatch) -> str:
    """Return a digest of the request, for names; google-genai uses the time instead."""
    src = operation.src
    identity = (operation.model, src.format, src.gcs_uri, src.bigquery_uri or src.vertex_dataset_name, operation.config)
    return hashlib.sha256(codec.encode(identity)).hexdigest()[:12]


class GetBatch(Operation[BatchJob]):
    """Get a batch job."""

    op: ClassVar = "batches.get"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[BatchJob]:
        return GET(_resolve_gemini_name(self.name), GEMINI_JOB)

    def vertex(self, at: Vertex) -> Call[BatchJob]:
        return GET(_resolve_vertex_name(self.name), VERTEX_JOB)


def get(name: str) -> Request[BatchJob]:
    """
    Get a batch job and its state; ``| until_done()`` repeats this until the job has ended.

    On Gemini, the job then contains the results, or the name of the result file.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.

    Raises:
        InvalidRequest: If the name is not that of a batch.

    Fails with:
        InvalidRequest: If the name is that of the other backend.

        ClientError: If the job does not exist (404).

    >>> from genai_fn import Offline, until_done
    >>> run = Offline()
    >>> job = run(create("gemini-2.5-flash", [{"contents": "hi"}])).unwrap()
    >>> run(get(job.name) | until_done()).unwrap().state
    <JobState.JOB_STATE_SUCCEEDED: 'JOB_STATE_SUCCEEDED'>
    >>> run(get("batches/gone")).failure().code
    404
    """
    return Request(GetBatch(name=_validate_name(name)))


class CancelBatch(Operation[None]):
    """Cancel a batch job."""

    op: ClassVar = "batches.cancel"

    name: str

    def gemini(self, at: Gemini) -> Call[None]:
        return POST(f"{_resolve_gemini_name(self.name)}:cancel", None, EMPTY_RESPONSE)

    def vertex(self, at: Vertex) -> Call[None]:
        return POST(f"{_resolve_vertex_name(self.name)}:cancel", None, EMPTY_RESPONSE)


def cancel(name: str) -> Request[None]:
    """
    Cancel a batch job. The job may run for some time after the request has succeeded.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.

    Raises:
        InvalidRequest: If the name is not that of a batch.

    Fails with:
        InvalidRequest: If the name is that of the other backend.

        ClientError: If the job does not exist (404), or has already ended (400).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> job = run(create("gemini-2.5-flash", [{"contents": "hi"}])).unwrap()
    >>> run(cancel(job.name))
    <Success: None>
    >>> run(cancel("batches/gone")).failure().code
    404
    """
    return Request(CancelBatch(name=_validate_name(name)))


class DeleteBatch(Operation[DeleteResourceJob]):
    """Delete a batch job."""

    op: ClassVar = "batches.delete"

    name: str

    def gemini(self, at: Gemini) -> Call[DeleteResourceJob]:
        return DELETE(_resolve_gemini_name(self.name), DELETION)

    def vertex(self, at: Vertex) -> Call[DeleteResourceJob]:
        return DELETE(_resolve_vertex_name(self.name), DELETION)


def delete(name: str) -> Request[DeleteResourceJob]:
    """
    Delete a batch job that has ended.

    Args:
        name: ``batches/abc``; on Vertex AI a number, or a full name.

    Raises:
        InvalidRequest: If the name is not that of a batch.

    Fails with:
        InvalidRequest: If the name is that of the other backend.

        ClientError: If the job does not exist (404), or has not ended (400).

    >>> from genai_fn import Offline, until_done
    >>> run = Offline()
    >>> job = run(create("gemini-2.5-flash", [{"contents": "hi"}])).unwrap()
    >>> ended = run(get(job.name) | until_done())
    >>> run(delete(job.name)).unwrap().error is None
    True
    >>> run(delete("batches/gone")).failure().code
    404
    """
    return Request(DeleteBatch(name=_validate_name(name)))


def _validate_name(name: str) -> str:
    expected = "batches/…; on Vertex AI a number, or projects/…/locations/…/batchPredictionJobs/…"
    return check_resource_name(name, "name", expected, _NAME_PATTERN)


_NAME_PATTERN = re.compile(r"batches/[^/]+|[0-9]+|projects/[^/]+/locations/[^/]+/batchPredictionJobs/[^/]+")


def _resolve_gemini_name(name: str) -> str:
    if not name.startswith("batches/"):
        raise InvalidRequest("name", name, "a name of the Gemini Developer API, batches/…")
    return name


def _resolve_vertex_name(name: str) -> str:
    if name.startswith("batches/"):
        raise InvalidRequest("name", name, "a Vertex AI name: a number, or projects/…/batchPredictionJobs/…")
    return f"batchPredictionJobs/{name}" if name.isdigit() else name


class ListBatches(Operation[ListBatchJobsResponse]):
    """List batch jobs."""

    op: ClassVar = "batches.list"
    is_list: ClassVar = True

    config: ListBatchJobsConfig = ListBatchJobsConfig()

    def gemini(self, at: Gemini) -> Call[ListBatchJobsResponse]:
        return GET("batches", GEMINI_JOBS, query=build_query(self.config))

    def vertex(self, at: Vertex) -> Call[ListBatchJobsResponse]:
        return GET("batchPredictionJobs", VERTEX_JOBS, query=build_query(self.config))


def list(config: "ListBatchJobsConfigLike | None" = None) -> Request[ListBatchJobsResponse]:
    """
    List batch jobs, one page at a time; ``| items`` and ``| pages`` read all pages.

    Args:
        config: ``page_size``, ``page_token`` and, on Vertex AI, ``filter``.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type.

    Fails with:
        Unsupported: If a field is set that the backend does not have.

        ClientError: If the server rejects the page token or the filter (400).

    >>> from genai_fn import Offline, collected, items
    >>> run = Offline()
    >>> job = run(create("gemini-2.5-flash", [{"contents": "hi"}])).unwrap()
    >>> [each.name == job.name for each in run(list({"page_size": 10}) | items | collected).unwrap()]
    [True]
    >>> run(list({"page_token": "wrong"})).failure().code
    400
    """
    return Request(ListBatches(config=as_struct(ListBatchJobsConfig, config)))
