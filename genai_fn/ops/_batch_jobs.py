"""What the two backends say of a batch, read as one `BatchJob`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from genai_fn import codec
from genai_fn.ops._batch_places import Input, Output, destination_in, source_in
from genai_fn.ops._parts import recast
from genai_fn.request import Answer, json
from genai_fn.schema import (
    BatchJob,
    BatchJobDestination,
    CompletionStats,
    ContentEmbedding,
    DeleteResourceJob,
    GenerateContentResponse,
    InlinedEmbedContentResponse,
    InlinedResponse,
    JobError,
    JobState,
    ListBatchJobsResponse,
    SingleEmbedContentResponse,
)
from genai_fn.schema._base import Message

__all__ = ["DELETION", "GEMINI_JOB", "GEMINI_JOBS", "VERTEX_JOB", "VERTEX_JOBS"]


class _Error(Message):
    code: int | None = None
    message: str | None = None
    details: tuple[Any, ...] = ()


def _why(said: _Error | None) -> JobError | None:
    if said is None:
        return None
    details = (each if isinstance(each, str) else codec.encode(each).decode() for each in said.details)
    return JobError(code=said.code, message=said.message, details=tuple(details))


# Gemini: an operation, with the batch in its metadata


class _Answered(GenerateContentResponse):
    """A response of either kind."""

    embedding: ContentEmbedding | None = None
    token_count: int | None = None


class _Inlined(Message):
    response: _Answered | None = None
    error: _Error | None = None
    metadata: Mapping[str, Any] | None = None


class _Inlines(Message):
    inlined_responses: tuple[_Inlined, ...] = ()


class _Output(Message):
    responses_file: str | None = None
    inlined_responses: _Inlines | None = None
    inlined_embed_content_responses: _Inlines | None = None


class _Counts(Message):
    successful_request_count: int | None = None
    failed_request_count: int | None = None
    pending_request_count: int | None = None


class _Batch(Message):
    display_name: str | None = None
    state: str | None = None
    create_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    model: str | None = None
    output: _Output | None = None
    batch_stats: _Counts | None = None


class _GeminiJob(Message):
    name: str | None = None
    metadata: _Batch | None = None
    error: _Error | None = None
    response: _Output | None = None


def _of_gemini(said: _GeminiJob) -> BatchJob:
    batch = said.metadata or _Batch()
    output = batch.output or said.response
    return BatchJob(
        name=said.name,
        display_name=batch.display_name,
        state=None if batch.state is None else _state(batch.state),
        error=_why(said.error),
        create_time=batch.create_time,
        end_time=batch.end_time,
        update_time=batch.update_time,
        model=batch.model,
        dest=None if output is None else _answers(output),
        completion_stats=None if batch.batch_stats is None else _stats(batch.batch_stats),
    )


def _state(text: str) -> JobState:
    """Read Gemini's ``BATCH_STATE_…`` as the job's state; one that nobody knows stays what it is."""
    return JobState.__members__.get(text.replace("BATCH_STATE_", "JOB_STATE_", 1)) or JobState(text)


def _stats(counts: _Counts) -> CompletionStats:
    return CompletionStats(
        successful_count=counts.successful_request_count,
        failed_count=counts.failed_request_count,
        incomplete_count=counts.pending_request_count,
    )


def _answers(output: _Output) -> BatchJobDestination:
    vectors = (output.inlined_embed_content_responses or _Inlines()).inlined_responses
    answers = (output.inlined_responses or _Inlines()).inlined_responses
    if any(each.response is not None and each.response.embedding is not None for each in answers):
        vectors, answers = answers, ()
    return BatchJobDestination(
        file_name=output.responses_file,
        inlined_responses=tuple(_inlined(each) for each in answers),
        inlined_embed_content_responses=tuple(_vector(each) for each in vectors),
    )


def _inlined(said: _Inlined) -> InlinedResponse:
    response = None if said.response is None else recast(GenerateContentResponse, said.response)
    return InlinedResponse(response=response, error=_why(said.error), metadata=said.metadata)


def _vector(said: _Inlined) -> InlinedEmbedContentResponse:
    response = None if said.response is None else recast(SingleEmbedContentResponse, said.response)
    return InlinedEmbedContentResponse(response=response, error=_why(said.error))


class _GeminiJobs(Message):
    operations: tuple[_GeminiJob, ...] = ()
    next_page_token: str | None = None


def _listed_by_gemini(said: _GeminiJobs) -> ListBatchJobsResponse:
    jobs = tuple(_of_gemini(each) for each in said.operations)
    return ListBatchJobsResponse(batch_jobs=jobs, next_page_token=said.next_page_token)


GEMINI_JOB: Final[Answer[BatchJob]] = json(_GeminiJob, _of_gemini)
GEMINI_JOBS: Final[Answer[ListBatchJobsResponse]] = json(_GeminiJobs, _listed_by_gemini)


# Vertex AI: the job itself, its places under other names


class _VertexJob(Message):
    name: str | None = None
    display_name: str | None = None
    state: str | None = None
    error: _Error | None = None
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    model: str | None = None
    input_config: Input | None = None
    output_config: Output | None = None
    completion_stats: CompletionStats | None = None


def _of_vertex(said: _VertexJob) -> BatchJob:
    return BatchJob(
        name=said.name,
        display_name=said.display_name,
        state=None if said.state is None else _state(said.state),
        error=_why(said.error),
        create_time=said.create_time,
        start_time=said.start_time,
        end_time=said.end_time,
        update_time=said.update_time,
        model=said.model,
        src=None if said.input_config is None else source_in(said.input_config),
        dest=None if said.output_config is None else destination_in(said.output_config),
        completion_stats=said.completion_stats,
    )


class _VertexJobs(Message):
    batch_prediction_jobs: tuple[_VertexJob, ...] = ()
    next_page_token: str | None = None


def _listed_by_vertex(said: _VertexJobs) -> ListBatchJobsResponse:
    jobs = tuple(_of_vertex(each) for each in said.batch_prediction_jobs)
    return ListBatchJobsResponse(batch_jobs=jobs, next_page_token=said.next_page_token)


VERTEX_JOB: Final[Answer[BatchJob]] = json(_VertexJob, _of_vertex)
VERTEX_JOBS: Final[Answer[ListBatchJobsResponse]] = json(_VertexJobs, _listed_by_vertex)


# Both


class _Deletion(Message):
    name: str | None = None
    done: bool | None = None
    error: _Error | None = None


def _deleted(said: _Deletion) -> DeleteResourceJob:
    return DeleteResourceJob(name=said.name, done=said.done, error=_why(said.error))


DELETION: Final[Answer[DeleteResourceJob]] = json(_Deletion, _deleted)
