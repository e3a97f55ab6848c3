"""Strategies for files, documents, jobs and long-running operations, in each of their states."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace

from genai_fn.schema.base import Message
from genai_fn.schema.batches import BatchJob, BatchJobDestination, DeleteResourceJob
from genai_fn.schema.files import File, FileState, FileStatus, RegisterFilesResponse
from genai_fn.schema.operations import GoogleRpcStatus, JobError, JobState, ProjectOperation
from genai_fn.schema.rewards import (
    CompositeReinforcementTuningRewardConfig,
    ReinforcementTuningRewardInfo,
    ValidateRewardResponse,
)
from genai_fn.schema.stores import (
    Document,
    DocumentState,
    ImportFileOperation,
    ImportFileResponse,
    UploadToFileSearchStoreOperation,
    UploadToFileSearchStoreResponse,
)
from genai_fn.schema.tunings import TunedModel, TuningJob
from genai_fn.schema.videos import GenerateVideosOperation, GenerateVideosResponse
from genai_fn.testing.strategies.arguments import STORE_NAMES, names
from genai_fn.testing.strategies.values.types import from_type, json, texts
from genai_fn.testing.strategies.weighted import weighted_choices

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def messages_with(kind: type[M], **fields: SearchStrategy[Any]) -> SearchStrategy[M]:
    """Draw messages. The given fields are drawn from their strategies; the others are either all unset or arbitrary."""
    return st.builds(_replace_fields, st.just(kind()) | from_type(kind), st.fixed_dictionaries(fields))


def _replace_fields(message: M, fields: dict[str, Any]) -> M:
    return replace(message, **fields)


_NONE_VALUES: SearchStrategy[Any] = st.none()


def _errors(kind: Callable[..., T]) -> SearchStrategy[T]:
    return st.builds(kind, code=st.integers(1, 16), message=texts)


def files(name: SearchStrategy[str]) -> SearchStrategy[File]:
    """Draw files in each state."""

    def files_in(state: SearchStrategy[FileState], error: SearchStrategy[Any] = _NONE_VALUES) -> SearchStrategy[File]:
        return messages_with(File, name=name, state=state, error=error)

    return weighted_choices(
        {
            "an active file": (6, files_in(st.just(FileState.ACTIVE))),
            "a file in processing": (3, files_in(st.just(FileState.PROCESSING))),
            "a failed file": (1, files_in(st.just(FileState.FAILED), _errors(FileStatus))),
            "a file in any state": (1, files_in(from_type(FileState))),
        }
    )


def documents(name: SearchStrategy[str]) -> SearchStrategy[Document]:
    """Draw documents in each state."""
    states = [DocumentState.STATE_ACTIVE, DocumentState.STATE_PENDING, DocumentState.STATE_FAILED]
    return messages_with(Document, name=name, state=st.one_of(st.sampled_from(states), from_type(DocumentState)))


def registrations(count: int) -> SearchStrategy[RegisterFilesResponse]:
    """Draw the files that a number of URIs become."""
    drawn = st.lists(files(names("files/")), min_size=count, max_size=count)
    return drawn.map(lambda registered: RegisterFilesResponse(files=tuple(registered)))


def rewards(composite: CompositeReinforcementTuningRewardConfig | None) -> SearchStrategy[ValidateRewardResponse]:
    """Draw rewards of a sample response, as many as are composed, or the error of one."""
    count = 1 if composite is None else len(composite.weighted_reward_configs or ())
    values = st.floats(-1, 1)
    info = st.builds(ReinforcementTuningRewardInfo, reward=values)
    details = st.dictionaries(texts, info, min_size=min(count, 1), max_size=count)
    failed = st.dictionaries(texts, st.builds(ReinforcementTuningRewardInfo, error_status=_errors(GoogleRpcStatus)))
    return weighted_choices(
        {
            "a reward": (4, st.builds(ValidateRewardResponse, overall_reward=values, reward_info_details=details)),
            "an error": (1, st.builds(ValidateRewardResponse, error=texts, reward_info_details=failed)),
        }
    )


# Jobs


_SUCCEEDED_STATES = [JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_PARTIALLY_SUCCEEDED]
_RUNNING_STATES = [JobState.JOB_STATE_RUNNING, JobState.JOB_STATE_PENDING, JobState.JOB_STATE_QUEUED]
_FAILED_STATES = [JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_EXPIRED]


def batches(name: SearchStrategy[str]) -> SearchStrategy[BatchJob]:
    """Draw batch jobs in each state; successful ones contain the destination of the responses."""
    destinations = st.builds(BatchJobDestination, file_name=names("files/")) | from_type(BatchJobDestination)
    return _jobs(BatchJob, name, {"dest": destinations}, _errors(JobError))


def deletions(name: SearchStrategy[str]) -> SearchStrategy[DeleteResourceJob]:
    """Draw the results of deleting a job."""
    running = st.builds(DeleteResourceJob, name=name, done=st.none() | st.booleans())
    return running | st.builds(DeleteResourceJob, name=name, done=st.just(value=True), error=_errors(JobError))


def tunings(name: SearchStrategy[str]) -> SearchStrategy[TuningJob]:
    """Draw tuning jobs in each state; successful ones contain the tuned model."""
    model = names("tunedModels/").map(lambda model: TunedModel(model=model, endpoint=model))
    return _jobs(TuningJob, name, {"tuned_model": model}, _errors(GoogleRpcStatus))


def _jobs(
    kind: type[M], name: SearchStrategy[str], result: dict[str, SearchStrategy[Any]], errors: SearchStrategy[Any]
) -> SearchStrategy[M]:
    unfinished = {"error": _NONE_VALUES, **{field: st.just(getattr(kind(), field)) for field in result}}

    def jobs_in(state: SearchStrategy[JobState], **fields: SearchStrategy[Any]) -> SearchStrategy[M]:
        return messages_with(kind, name=name, state=state, **(unfinished | fields))

    return weighted_choices(
        {
            "a successful job": (5, jobs_in(st.sampled_from(_SUCCEEDED_STATES), **result)),
            "a running job": (4, jobs_in(st.sampled_from(_RUNNING_STATES))),
            "a failed job": (2, jobs_in(st.sampled_from(_FAILED_STATES), error=errors | _NONE_VALUES)),
            "a job in any state": (1, jobs_in(from_type(JobState))),
        }
    )


# Operations


def video_operations(
    name: SearchStrategy[str], response: SearchStrategy[GenerateVideosResponse]
) -> SearchStrategy[Any]:
    """Draw operations of a video generation, in each state."""
    return _operations(GenerateVideosOperation, name, response).map(_copy_response_to_result)


def _copy_response_to_result(operation: GenerateVideosOperation) -> GenerateVideosOperation:
    return replace(operation, result=operation.response)


def import_operations(name: SearchStrategy[str]) -> SearchStrategy[ImportFileOperation]:
    """Draw operations of an import into a file search store, in each state."""
    return _operations(ImportFileOperation, name, _stored_documents(ImportFileResponse))


def upload_operations(name: SearchStrategy[str]) -> SearchStrategy[UploadToFileSearchStoreOperation]:
    """Draw operations of an upload into a file search store, in each state."""
    return _operations(UploadToFileSearchStoreOperation, name, _stored_documents(UploadToFileSearchStoreResponse))


def _stored_documents(kind: type[M]) -> SearchStrategy[M]:
    return st.builds(kind, parent=STORE_NAMES, document_name=names("fileSearchStores/s/documents/"))


def project_operations(name: SearchStrategy[str]) -> SearchStrategy[ProjectOperation]:
    """Draw operations of a Vertex AI project, in each state."""
    return _operations(ProjectOperation, name, None)


def _operations(kind: type[M], name: SearchStrategy[str], response: SearchStrategy[Any] | None) -> SearchStrategy[M]:
    metadata = _NONE_VALUES | st.dictionaries(texts, json, max_size=2)

    def operations_with(done: SearchStrategy[Any], **fields: SearchStrategy[Any]) -> SearchStrategy[M]:
        return st.builds(kind, name=name, metadata=metadata, done=done, **fields)

    is_done = st.just(value=True)
    result = {} if response is None else {"response": response}
    return weighted_choices(
        {
            "a successful operation": (5, operations_with(is_done, **result)),
            "a running operation": (4, operations_with(_NONE_VALUES | st.just(value=False))),
            "a failed operation": (2, operations_with(is_done, error=_errors(dict[str, Any]))),
        }
    )
