"""Work at the service in each of its states: files, jobs, and operations that are done, under way, or failed."""

from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace

from genai_fn.schema import (
    BatchJob,
    BatchJobDestination,
    DeleteResourceJob,
    Document,
    DocumentState,
    File,
    FileState,
    FileStatus,
    GenerateVideosOperation,
    GenerateVideosResponse,
    GoogleRpcStatus,
    ImportFileOperation,
    ImportFileResponse,
    JobError,
    JobState,
    ProjectOperation,
    TunedModel,
    TuningJob,
    UploadToFileSearchStoreOperation,
    UploadToFileSearchStoreResponse,
)
from genai_fn.schema.base import Message
from genai_fn.testing.strategies.arguments import STORE_NAMES, names
from genai_fn.testing.strategies.values.types import from_type, json, texts
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices

__all__ = [
    "batches",
    "deletions",
    "documents",
    "files",
    "import_operations",
    "messages_with",
    "project_operations",
    "tunings",
    "upload_operations",
    "video_operations",
]

M = TypeVar("M", bound=Message)


def messages_with(kind: type[M], **given: SearchStrategy[Any]) -> SearchStrategy[M]:
    """Draw a message some of whose fields are given; the rest is left out as often as not."""
    rest = st.just(kind()) | from_type(kind)
    return st.builds(_replace_fields, rest, st.fixed_dictionaries(given))


def _replace_fields(message: M, fields: dict[str, Any]) -> M:
    return replace(message, **fields)


_ERROR_CODES = st.integers(1, 16)
_NONE_VALUES: SearchStrategy[Any] = st.none()


def files(name: SearchStrategy[str]) -> SearchStrategy[File]:
    """Draw files in each state."""
    failure = st.builds(FileStatus, code=_ERROR_CODES, message=texts)
    return weighted_choices(_list_file_choices(name, failure))


def _list_file_choices(name: SearchStrategy[str], failure: SearchStrategy[Any]) -> WeightedChoices:
    def at(state: SearchStrategy[FileState], error: SearchStrategy[Any] = _NONE_VALUES) -> SearchStrategy[File]:
        return messages_with(File, name=name, state=state, error=error)

    return {
        "an active file": (6, at(st.just(FileState.ACTIVE))),
        "a file in processing": (3, at(st.just(FileState.PROCESSING))),
        "a failed file": (1, at(st.just(FileState.FAILED), failure)),
        "a file in some state": (1, at(from_type(FileState))),
    }


def documents(name: SearchStrategy[str]) -> SearchStrategy[Document]:
    """Draw documents in each state."""
    states = [DocumentState.STATE_ACTIVE, DocumentState.STATE_PENDING, DocumentState.STATE_FAILED]
    return messages_with(Document, name=name, state=st.one_of(st.sampled_from(states), from_type(DocumentState)))


# Jobs


_SUCCEEDED_STATES = [JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_PARTIALLY_SUCCEEDED]
_RUNNING_STATES = [JobState.JOB_STATE_RUNNING, JobState.JOB_STATE_PENDING, JobState.JOB_STATE_QUEUED]
_FAILED_STATES = [JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_EXPIRED]


def batches(name: SearchStrategy[str]) -> SearchStrategy[BatchJob]:
    """Draw batches in each state; those that went well say where their answers are."""
    answers = st.builds(BatchJobDestination, file_name=names("files/")) | from_type(BatchJobDestination)
    return _jobs(BatchJob, {"name": name}, {"dest": answers}, st.builds(JobError, code=_ERROR_CODES, message=texts))


def deletions(name: SearchStrategy[str]) -> SearchStrategy[DeleteResourceJob]:
    """Draw deletions of jobs."""
    failure = st.builds(JobError, code=_ERROR_CODES, message=texts)
    return st.one_of(
        st.builds(DeleteResourceJob, name=name, done=st.none() | st.booleans()),
        st.builds(DeleteResourceJob, name=name, done=st.just(value=True), error=failure),
    )


def tunings(name: SearchStrategy[str]) -> SearchStrategy[TuningJob]:
    """Draw tunings in each state; those that went well name what has come of them."""
    model = names("tunedModels/").map(lambda model: TunedModel(model=model, endpoint=model))
    failure = st.builds(GoogleRpcStatus, code=_ERROR_CODES, message=texts)
    return _jobs(TuningJob, {"name": name}, {"tuned_model": model}, failure)


def _jobs(
    kind: type[M],
    given: Mapping[str, SearchStrategy[Any]],
    result: Mapping[str, SearchStrategy[Any]],
    failure: SearchStrategy[Any],
) -> SearchStrategy[M]:
    nothing = {each: st.just(getattr(kind(), each)) for each in result}

    def at(state: SearchStrategy[JobState], error: SearchStrategy[Any], result: Any) -> SearchStrategy[M]:
        return messages_with(kind, **given, state=state, error=error, **result)

    ways: WeightedChoices = {
        "a job well done": (5, at(st.sampled_from(_SUCCEEDED_STATES), _NONE_VALUES, result)),
        "a job under way": (4, at(st.sampled_from(_RUNNING_STATES), _NONE_VALUES, nothing)),
        "a failed job": (2, at(st.sampled_from(_FAILED_STATES), failure | _NONE_VALUES, nothing)),
        "a job in some state": (1, at(from_type(JobState), _NONE_VALUES, nothing)),
    }
    return weighted_choices(ways)


# Operations


def video_operations(
    name: SearchStrategy[str], response: SearchStrategy[GenerateVideosResponse]
) -> SearchStrategy[Any]:
    """Draw the making of videos."""
    return _operations(GenerateVideosOperation, name, response).map(lambda work: replace(work, result=work.response))


def import_operations(name: SearchStrategy[str]) -> SearchStrategy[ImportFileOperation]:
    """Draw imports into a store."""
    response = st.builds(ImportFileResponse, parent=STORE_NAMES, document_name=names("fileSearchStores/s/documents/"))
    return _operations(ImportFileOperation, name, response)


def upload_operations(name: SearchStrategy[str]) -> SearchStrategy[UploadToFileSearchStoreOperation]:
    """Draw the reading in of uploads."""
    kind = UploadToFileSearchStoreResponse
    response = st.builds(kind, parent=STORE_NAMES, document_name=names("fileSearchStores/s/documents/"))
    return _operations(UploadToFileSearchStoreOperation, name, response)


def project_operations(name: SearchStrategy[str]) -> SearchStrategy[ProjectOperation]:
    """Draw work in a project."""
    return _operations(ProjectOperation, name, None)


def _operations(kind: type[M], name: SearchStrategy[str], response: SearchStrategy[Any] | None) -> SearchStrategy[M]:
    metadata = _NONE_VALUES | st.dictionaries(texts, json, max_size=2)
    failure = st.fixed_dictionaries({"code": _ERROR_CODES, "message": texts})

    def at(done: SearchStrategy[Any], **what: SearchStrategy[Any]) -> SearchStrategy[M]:
        return st.builds(kind, name=name, metadata=metadata, done=done, **what)

    is_done = st.just(value=True)
    result = {} if response is None else {"response": response}
    ways: WeightedChoices = {
        "an operation that is done": (5, at(is_done, **result)),
        "an operation under way": (4, at(_NONE_VALUES | st.just(value=False))),
        "a failed operation": (2, at(is_done, error=failure)),
    }
    return weighted_choices(ways)
