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
from genai_fn.schema._base import Message
from genai_fn.testing.strategies.arguments import STORES, names
from genai_fn.testing.strategies.types import json, of, texts
from genai_fn.testing.strategies.weights import Ways, weighed

__all__ = ["batches", "deletions", "documents", "files", "imports", "projects", "told", "tunings", "uploads", "videos"]

M = TypeVar("M", bound=Message)


def told(kind: type[M], **given: SearchStrategy[Any]) -> SearchStrategy[M]:
    """Draw a message some of whose fields are given; the rest is left out as often as not."""
    rest = st.just(kind()) | of(kind)
    return st.builds(_replaced, rest, st.fixed_dictionaries(given))


def _replaced(message: M, fields: dict[str, Any]) -> M:
    return replace(message, **fields)


_CODES = st.integers(1, 16)
_NOTHING: SearchStrategy[Any] = st.none()


def files(name: SearchStrategy[str]) -> SearchStrategy[File]:
    """Draw files in each state."""
    failure = st.builds(FileStatus, code=_CODES, message=texts)
    return weighed(_files(name, failure))


def _files(name: SearchStrategy[str], failure: SearchStrategy[Any]) -> Ways:
    def at(state: SearchStrategy[FileState], error: SearchStrategy[Any] = _NOTHING) -> SearchStrategy[File]:
        return told(File, name=name, state=state, error=error)

    return {
        "an active file": (6, at(st.just(FileState.ACTIVE))),
        "a file in processing": (3, at(st.just(FileState.PROCESSING))),
        "a failed file": (1, at(st.just(FileState.FAILED), failure)),
        "a file in some state": (1, at(of(FileState))),
    }


def documents(name: SearchStrategy[str]) -> SearchStrategy[Document]:
    """Draw documents in each state."""
    states = [DocumentState.STATE_ACTIVE, DocumentState.STATE_PENDING, DocumentState.STATE_FAILED]
    return told(Document, name=name, state=st.one_of(st.sampled_from(states), of(DocumentState)))


# Jobs


_GOOD = [JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_PARTIALLY_SUCCEEDED]
_OPEN = [JobState.JOB_STATE_RUNNING, JobState.JOB_STATE_PENDING, JobState.JOB_STATE_QUEUED]
_BAD = [JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_EXPIRED]


def batches(name: SearchStrategy[str]) -> SearchStrategy[BatchJob]:
    """Draw batches in each state; those that went well say where their answers are."""
    answers = st.builds(BatchJobDestination, file_name=names("files/")) | of(BatchJobDestination)
    return _jobs(BatchJob, {"name": name}, {"dest": answers}, st.builds(JobError, code=_CODES, message=texts))


def deletions(name: SearchStrategy[str]) -> SearchStrategy[DeleteResourceJob]:
    """Draw deletions of jobs."""
    failure = st.builds(JobError, code=_CODES, message=texts)
    return st.one_of(
        st.builds(DeleteResourceJob, name=name, done=st.none() | st.booleans()),
        st.builds(DeleteResourceJob, name=name, done=st.just(value=True), error=failure),
    )


def tunings(name: SearchStrategy[str]) -> SearchStrategy[TuningJob]:
    """Draw tunings in each state; those that went well name what has come of them."""
    model = names("tunedModels/").map(lambda model: TunedModel(model=model, endpoint=model))
    failure = st.builds(GoogleRpcStatus, code=_CODES, message=texts)
    return _jobs(TuningJob, {"name": name}, {"tuned_model": model}, failure)


def _jobs(
    kind: type[M],
    given: Mapping[str, SearchStrategy[Any]],
    result: Mapping[str, SearchStrategy[Any]],
    failure: SearchStrategy[Any],
) -> SearchStrategy[M]:
    nothing = {each: st.just(getattr(kind(), each)) for each in result}

    def at(state: SearchStrategy[JobState], error: SearchStrategy[Any], result: Any) -> SearchStrategy[M]:
        return told(kind, **given, state=state, error=error, **result)

    ways: Ways = {
        "a job well done": (5, at(st.sampled_from(_GOOD), _NOTHING, result)),
        "a job under way": (4, at(st.sampled_from(_OPEN), _NOTHING, nothing)),
        "a failed job": (2, at(st.sampled_from(_BAD), failure | _NOTHING, nothing)),
        "a job in some state": (1, at(of(JobState), _NOTHING, nothing)),
    }
    return weighed(ways)


# Operations


def videos(name: SearchStrategy[str], response: SearchStrategy[GenerateVideosResponse]) -> SearchStrategy[Any]:
    """Draw the making of videos."""
    return _operations(GenerateVideosOperation, name, response).map(lambda work: replace(work, result=work.response))


def imports(name: SearchStrategy[str]) -> SearchStrategy[ImportFileOperation]:
    """Draw imports into a store."""
    response = st.builds(ImportFileResponse, parent=STORES, document_name=names("fileSearchStores/s/documents/"))
    return _operations(ImportFileOperation, name, response)


def uploads(name: SearchStrategy[str]) -> SearchStrategy[UploadToFileSearchStoreOperation]:
    """Draw the reading in of uploads."""
    kind = UploadToFileSearchStoreResponse
    response = st.builds(kind, parent=STORES, document_name=names("fileSearchStores/s/documents/"))
    return _operations(UploadToFileSearchStoreOperation, name, response)


def projects(name: SearchStrategy[str]) -> SearchStrategy[ProjectOperation]:
    """Draw work in a project."""
    return _operations(ProjectOperation, name, None)


def _operations(kind: type[M], name: SearchStrategy[str], response: SearchStrategy[Any] | None) -> SearchStrategy[M]:
    metadata = _NOTHING | st.dictionaries(texts, json, max_size=2)
    failure = st.fixed_dictionaries({"code": _CODES, "message": texts})

    def at(done: SearchStrategy[Any], **what: SearchStrategy[Any]) -> SearchStrategy[M]:
        return st.builds(kind, name=name, metadata=metadata, done=done, **what)

    is_done = st.just(value=True)
    result = {} if response is None else {"response": response}
    ways: Ways = {
        "an operation that is done": (5, at(is_done, **result)),
        "an operation under way": (4, at(_NOTHING | st.just(value=False))),
        "a failed operation": (2, at(is_done, error=failure)),
    }
    return weighed(ways)
