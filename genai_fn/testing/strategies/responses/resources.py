"""Strategies for files, documents, jobs and long-running operations, in each of their states."""

from collections.abc import Mapping
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
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices

M = TypeVar("M", bound=Message)


def messages_with(kind: type[M], **fields: SearchStrategy[Any]) -> SearchStrategy[M]:
    """Draw messages. The given fields are drawn from their strategies; the others are either all unset or arbitrary."""
    return st.builds(_replace_fields, st.just(kind()) | from_type(kind), st.fixed_dictionaries(fields))


def _replace_fields(message: M, fields: dict[str, Any]) -> M:
    return replace(message, **fields)


_ERROR_CODES = st.integers(1, 16)
_NONE_VALUES: SearchStrategy[Any] = st.none()


def files(name: SearchStrategy[str]) -> SearchStrategy[File]:
    """Draw files in each state."""
    errors = st.builds(FileStatus, code=_ERROR_CODES, message=texts)

    def files_in(state: SearchStrategy[FileState], error: SearchStrategy[Any] = _NONE_VALUES) -> SearchStrategy[File]:
        return messages_with(File, name=name, state=state, error=error)

    choices: WeightedChoices = {
        "an active file": (6, files_in(st.just(FileState.ACTIVE))),
        "a file in processing": (3, files_in(st.just(FileState.PROCESSING))),
        "a failed file": (1, files_in(st.just(FileState.FAILED), errors)),
        "a file in any state": (1, files_in(from_type(FileState))),
    }
    return weighted_choices(choices)


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
    errors = st.builds(GoogleRpcStatus, code=_ERROR_CODES, message=texts)
    failed = st.builds(ReinforcementTuningRewardInfo, error_status=errors)
    choices: WeightedChoices = {
        "a reward": (4, st.builds(ValidateRewardResponse, overall_reward=values, reward_info_details=details)),
        "an error": (
            1,
            st.builds(ValidateRewardResponse, error=texts, reward_info_details=st.dictionaries(texts, failed)),
        ),
    }
    return weighted_choices(choices)


# Jobs


_SUCCEEDED_STATES = [JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_PARTIALLY_SUCCEEDED]
_RUNNING_STATES = [JobState.JOB_STATE_RUNNING, JobState.JOB_STATE_PENDING, JobState.JOB_STATE_QUEUED]
_FAILED_STATES = [JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_EXPIRED]


def batches(name: SearchStrategy[str]) -> SearchStrategy[BatchJob]:
    """Draw batch jobs in each state; successful ones contain the destination of the responses."""
    destinations = st.builds(BatchJobDestination, file_name=names("files/")) | from_type(BatchJobDestination)
    return _jobs(BatchJob, name, {"dest": destinations}, st.builds(JobError, code=_ERROR_CODES, message=texts))


def deletions(name: SearchStrategy[str]) -> SearchStrategy[DeleteResourceJob]:
    """Draw the results of deleting a job."""
    errors = st.builds(JobError, code=_ERROR_CODES, message=texts)
    return st.one_of(
        st.builds(DeleteResourceJob, name=name, done=st.none() | st.booleans()),
        st.builds(DeleteResourceJob, name=name, done=st.just(value=True), error=errors),
    )


def tunings(name: SearchStrategy[str]) -> SearchStrategy[TuningJob]:
    """Draw tuning jobs in each state; successful ones contain the tuned model."""
    model = names("tunedModels/").map(lambda model: TunedModel(model=model, endpoint=model))
    errors = st.builds(GoogleRpcStatus, code=_ERROR_CODES, message=texts)
    return _jobs(TuningJob, name, {"tuned_model": model}, errors)


def _jobs(
    kind: type[M],
    name: SearchStrategy[str],
    result: Mapping[str, SearchStrategy[Any]],
    errors: SearchStrategy[Any],
) -> SearchStrategy[M]:
    no_result = {field: st.just(getattr(kind(), field)) for field in result}

    def jobs_in(state: SearchStrategy[JobState], error: SearchStrategy[Any], result: Any) -> SearchStrategy[M]:
        return messages_with(kind, name=name, state=state, error=error, **result)

    choices: WeightedChoices = {
        "a successful job": (5, jobs_in(st.sampled_from(_SUCCEEDED_STATES), _NONE_VALUES, result)),
        "a running job": (4, jobs_in(st.sampled_from(_RUNNING_STATES), _NONE_VALUES, no_result)),
        "a failed job": (2, jobs_in(st.sampled_from(_FAILED_STATES), errors | _NONE_VALUES, no_result)),
        "a job in any state": (1, jobs_in(from_type(JobState), _NONE_VALUES, no_result)),
    }
    return weighted_choices(choices)


# Operations


def video_operations(
    name: SearchStrategy[str], response: SearchStrategy[GenerateVideosResponse]
) -> SearchStrategy[Any]:
    """Draw operations of a video generation, in each state."""
    return _operations(GenerateVideosOperation, name, response).map(_copy_response_to_result)


def _copy_response_to_result(operation: GenerateVideosOperation) -> GenerateVideosOperation:
    return replace(operation, result=operation.response)


_STORE_RESPONSE_TYPES: Mapping[type[Any], type[Any]] = {
    ImportFileOperation: ImportFileResponse,
    UploadToFileSearchStoreOperation: UploadToFileSearchStoreResponse,
}


def store_operations(kind: type[M], name: SearchStrategy[str]) -> SearchStrategy[M]:
    """Draw operations of an import or upload into a file search store, in each state."""
    response_type = _STORE_RESPONSE_TYPES[kind]
    document_names = names("fileSearchStores/s/documents/")
    return _operations(kind, name, st.builds(response_type, parent=STORE_NAMES, document_name=document_names))


def project_operations(name: SearchStrategy[str]) -> SearchStrategy[ProjectOperation]:
    """Draw operations of a Vertex AI project, in each state."""
    return _operations(ProjectOperation, name, None)


def _operations(kind: type[M], name: SearchStrategy[str], response: SearchStrategy[Any] | None) -> SearchStrategy[M]:
    metadata = _NONE_VALUES | st.dictionaries(texts, json, max_size=2)
    errors = st.fixed_dictionaries({"code": _ERROR_CODES, "message": texts})

    def operations_with(done: SearchStrategy[Any], **fields: SearchStrategy[Any]) -> SearchStrategy[M]:
        return st.builds(kind, name=name, metadata=metadata, done=done, **fields)

    is_done = st.just(value=True)
    result = {} if response is None else {"response": response}
    choices: WeightedChoices = {
        "a successful operation": (5, operations_with(is_done, **result)),
        "a running operation": (4, operations_with(_NONE_VALUES | st.just(value=False))),
        "a failed operation": (2, operations_with(is_done, error=errors)),
    }
    return weighted_choices(choices)
