"""Long-running operations: read their state."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, overload

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops import batches, files, tunings
from genai_fn.ops.videos import VIDEOS_OPERATION
from genai_fn.request import GET, POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.batches import BatchJob
from genai_fn.schema.files import File
from genai_fn.schema.operations import ProjectOperation
from genai_fn.schema.stores import ImportFileOperation, UploadToFileSearchStoreOperation
from genai_fn.schema.tunings import TuningJob
from genai_fn.schema.videos import GenerateVideosOperation
from genai_fn.wire.resource_names import check_resource_name, complete_resource_name

__all__ = [
    "GetImportOperation",
    "GetProjectOperation",
    "GetUploadOperation",
    "GetVideosOperation",
    "build_lookup",
    "get",
]

O = TypeVar(  # noqa: E741  # for an operation
    "O",
    bound=GenerateVideosOperation | ImportFileOperation | UploadToFileSearchStoreOperation | ProjectOperation,
)


class GetVideosOperation(Operation[GenerateVideosOperation]):
    """Get the state of a video generation."""

    op: ClassVar = "operations.get"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[GenerateVideosOperation]:
        return GET(self.name, VIDEOS_OPERATION)

    def vertex(self, at: Vertex) -> Call[GenerateVideosOperation]:
        model = _parse_model_name(self.name)
        return POST(f"{model}:fetchPredictOperation", _FetchOperationBody(operation_name=self.name), VIDEOS_OPERATION)


class _FetchOperationBody(Message):
    operation_name: str


def _parse_model_name(name: str) -> str:
    """Return the model's name, which is the first part of its operation's name."""
    model, _, identity = name.rpartition("/operations/")
    if not model or not identity:
        raise InvalidRequest("operation", name, "a Vertex AI name, …/models/…/operations/…")
    return model


class GetImportOperation(Operation[ImportFileOperation]):
    """Get the state of a file's import into a store."""

    op: ClassVar = "operations.get.import"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[ImportFileOperation]:
        return GET(self.name, read_json(ImportFileOperation))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


class GetUploadOperation(Operation[UploadToFileSearchStoreOperation]):
    """Get the state of an upload into a store."""

    op: ClassVar = "operations.get.upload"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[UploadToFileSearchStoreOperation]:
        return GET(self.name, read_json(UploadToFileSearchStoreOperation))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


class GetProjectOperation(Operation[ProjectOperation]):
    """Get the state of an operation of a Vertex AI project."""

    op: ClassVar = "operations.get.project"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("projects exist only on Vertex AI")

    def vertex(self, at: Vertex) -> Call[ProjectOperation]:
        return GET(
            complete_resource_name("projects/{project}/locations/{location}/operations", self.name),
            read_json(ProjectOperation),
        )


@overload
def get(operation: O) -> Request[O]: ...
@overload
def get(operation: str, kind: type[O]) -> Request[O]: ...
def get(operation: Any, kind: Any = None) -> Request[Any]:
    """
    Get the state of a long-running operation. ``| until_done()`` repeats this until the operation has ended.

    Args:
        operation: The operation that started the work or an earlier ``get`` returned; or its name.

        kind: With a name, the type of the operation.

    Raises:
        InvalidRequest: If the type is not that of an operation, or the name is empty or invalid.

    Fails with:
        Unsupported: If the backend does not have operations of this kind.

        ClientError: If the operation does not exist (404).

    >>> name = "models/veo-3.1-generate-preview/operations/1"
    >>> get(name, GenerateVideosOperation) == get(GenerateVideosOperation(name=name))
    True
    """
    path, name = "kind", operation
    if kind is None and not isinstance(operation, str):
        path, name, kind = "operation", getattr(operation, "name", None), operation.__class__
    lookup = _OPERATION_BY_TYPE.get(kind) if isinstance(kind, type) else None
    if lookup is None:
        raise InvalidRequest(path, kind, " or ".join(each.__name__ for each in _OPERATION_BY_TYPE))
    return Request(lookup(name=check_resource_name(name, "operation", "the name of an operation")))


_OPERATION_BY_TYPE: dict[Any, Any] = {
    GenerateVideosOperation: GetVideosOperation,
    ImportFileOperation: GetImportOperation,
    UploadToFileSearchStoreOperation: GetUploadOperation,
    ProjectOperation: GetProjectOperation,
}


def build_lookup(work: Any) -> Request[Any]:
    """
    Build the request that reads the state of long-running work, by its type and its name.

    Args:
        work: A file, a job or an operation.

    Raises:
        InvalidRequest: If the work has no name, or one that is not valid.

    Fails with:
        ClientError: If the work does not exist (404).

    >>> build_lookup(File(name="files/abc")) == files.get("abc")
    True
    """
    lookup = _RESOURCE_LOOKUP_BY_TYPE.get(type(work))
    return get(work) if lookup is None else lookup(work.name)


_RESOURCE_LOOKUP_BY_TYPE: dict[Any, Callable[[Any], Request[Any]]] = {
    File: files.get,
    BatchJob: batches.get,
    TuningJob: tunings.get,
}
"""Work whose state is that of a resource, and not of an operation."""
