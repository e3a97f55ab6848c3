"""One job of a batch, from its creation to the results of its requests."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.backend import EXAMPLE_BACKENDS, Backend, Vertex
from genai_fn.commands import attempt, get_backend
from genai_fn.effects import CallFunction
from genai_fn.errors import (
    AuthError,
    BudgetExceeded,
    ClientError,
    ConnectError,
    CountMismatch,
    DecodeError,
    GenaiError,
    InvalidRequest,
    OperationFailed,
    QuotaExceeded,
    Unsupported,
)
from genai_fn.flows.polling import until_done
from genai_fn.ops import batches, files
from genai_fn.ops.embed import EmbedContent
from genai_fn.request import Action, FlowGenerator, Request, flow
from genai_fn.schema.batches import (
    BatchJob,
    BatchJobDestination,
    CreateBatchJobConfig,
    CreateEmbeddingsBatchJobConfig,
    EmbedContentBatch,
    EmbeddingsBatchJobSource,
    InlinedEmbedContentResponse,
)
from genai_fn.schema.embeddings import ContentEmbedding, EmbedContentResponse
from genai_fn.schema.files import UploadFileConfig
from genai_fn.schema.operations import JobError
from genai_fn.values import Value

T = TypeVar("T")

_Results: TypeAlias = tuple[Result[Any, GenaiError], ...]


class BatchOptions(Value):
    """The parameters of ``batched(…)``, which documents them."""

    every: float
    timeout: float | None
    display_name: str | None
    on_job: Callable[[BatchJob], object] | None
    max_inline_bytes: int


@flow
def run_job(requests: tuple[Request[Any], ...], options: BatchOptions) -> FlowGenerator[Result[_Results, GenaiError]]:
    """Run the requests of a group as one job, and return their results in order."""
    backend = (yield from get_backend()) or EXAMPLE_BACKENDS[0]
    if isinstance(backend, Vertex):
        return Failure(Unsupported(backend.title, ("batched",), _VERTEX_HINT))
    if isinstance(requests[0].operation, EmbedContent):
        return (yield from _run_embeddings(requests, options))
    return (yield from _run_generation(requests, backend, options))


_VERTEX_HINT = (
    "its batches are read from Cloud Storage or BigQuery: put the file that batches.jsonl(…) writes there, and use "
    "batches.create(…)"
)


# Jobs of generate requests


def _run_generation(
    requests: tuple[Request[Any], ...], backend: Backend, options: BatchOptions
) -> FlowGenerator[Result[_Results, GenaiError]]:
    try:
        lines = batches.jsonl(requests, backend)
    except GenaiError as error:
        return Failure(error)
    if len(lines) > options.max_inline_bytes:
        return (yield from _run_from_file(requests, lines, options))
    _, ended = yield from _run_to_end(_create_job(requests, requests, options), options)
    return (yield from _read_results(requests, ended))


def _run_from_file(
    requests: tuple[Request[Any], ...], lines: bytes, options: BatchOptions
) -> FlowGenerator[Result[_Results, GenaiError]]:
    """Upload the requests, run a job that reads them, and delete the file unless the job may still read it."""
    config = UploadFileConfig(mime_type="application/jsonl", display_name=options.display_name)
    uploaded = yield from attempt(files.upload(lines, config))
    if isinstance(uploaded, Failure):
        return uploaded
    file_name = uploaded.unwrap().name or ""
    try:
        create, delete = _create_job(requests, file_name, options), files.delete(file_name)
    except InvalidRequest as error:  # the server returned this name
        return Failure(DecodeError(error.expected, "file.name", file_name[:_MAX_SHOWN_CHARACTERS]))
    created, ended = yield from _run_to_end(create, options)
    results = yield from _read_results(requests, ended)
    if _is_source_unused(created, ended):
        yield from attempt(delete)
    return results


_MAX_SHOWN_CHARACTERS = 500


def _is_source_unused(created: Result[BatchJob, GenaiError], ended: Result[BatchJob, GenaiError]) -> bool:
    """Whether no job reads the source: the job has ended, or the request for it was refused or not sent."""
    if isinstance(created, Failure):
        return isinstance(created.failure(), _NOT_CREATED)
    return isinstance(ended, Success) or isinstance(ended.failure(), OperationFailed)


_NOT_CREATED = (AuthError, BudgetExceeded, ClientError, ConnectError, InvalidRequest, QuotaExceeded, Unsupported)
"""Errors after which there is no job. After another one, such as a lost connection, there may be one."""


def _create_job(requests: tuple[Request[Any], ...], source: Any, options: BatchOptions) -> Request[BatchJob]:
    operation: Any = requests[0].operation
    return batches.create(operation.model, source, CreateBatchJobConfig(display_name=options.display_name))


def _read_results(
    requests: tuple[Request[Any], ...], finished: Result[BatchJob, GenaiError]
) -> FlowGenerator[Result[_Results, GenaiError]]:
    """Read the results of a job, from the job itself or from its result file."""
    if isinstance(finished, Failure):
        return finished
    job = finished.unwrap()
    dest = job.dest or BatchJobDestination()
    if dest.inlined_responses or dest.file_name is None:
        return Success(batches.join(requests, job))
    try:
        download = files.download(dest.file_name)
    except InvalidRequest as error:  # the server returned this name
        return Failure(DecodeError(error.expected, "dest.file_name", dest.file_name[:_MAX_SHOWN_CHARACTERS]))
    content = yield from attempt(download)
    return content.map(lambda data: batches.join(requests, data))


# Jobs of embeddings


def _run_embeddings(
    requests: tuple[Request[Any], ...], options: BatchOptions
) -> FlowGenerator[Result[_Results, GenaiError]]:
    operations: list[Any] = [each.operation for each in requests]
    contents = tuple(content for each in operations for content in each.contents)
    source = EmbeddingsBatchJobSource(
        inlined_requests=EmbedContentBatch(contents=contents, config=operations[0].config)
    )
    config = CreateEmbeddingsBatchJobConfig(display_name=options.display_name)
    create = batches.create_embeddings(operations[0].model, source, config)
    _, ended = yield from _run_to_end(create, options)
    if isinstance(ended, Failure):
        return ended
    answers = (ended.unwrap().dest or BatchJobDestination()).inlined_embed_content_responses
    if len(answers) != len(contents):
        return Failure(CountMismatch(len(contents), len(answers)))
    remaining = iter(answers)
    counts = (len(each.contents) for each in operations)
    return Success(tuple(_merge_embeddings([next(remaining) for _ in range(count)]) for count in counts))


def _merge_embeddings(answers: list[InlinedEmbedContentResponse]) -> Result[EmbedContentResponse, GenaiError]:
    """Merge the answers to the contents of one request, or return the failure of the first that has failed."""
    embeddings: list[ContentEmbedding] = []
    for index, each in enumerate(answers):
        if each.error is not None or each.response is None or each.response.embedding is None:
            error = each.error or JobError()
            return Failure(OperationFailed(f"content {index}", error.code, error.message or "no embedding"))
        embeddings.append(each.response.embedding)
    return Success(EmbedContentResponse(embeddings=tuple(embeddings)))


# Every job


def _run_to_end(
    create: Action[BatchJob], options: BatchOptions
) -> FlowGenerator[tuple[Result[BatchJob, GenaiError], Result[BatchJob, GenaiError]]]:
    """Create a job, report it, and wait until it has ended; returns it as it was created, and as it has ended."""
    created = yield from attempt(create)
    if isinstance(created, Failure):
        return created, created
    if options.on_job is not None:
        yield CallFunction(options.on_job, (created.unwrap(),), in_thread=True)
    polling = return_result(created) | until_done(every=options.every, timeout=options.timeout)
    return created, (yield from attempt(polling))


@flow
def return_result(result: Result[T, GenaiError]) -> FlowGenerator[Result[T, GenaiError]]:
    """Return a known result, as a flow that modifiers can be applied to."""
    yield from ()
    return result
