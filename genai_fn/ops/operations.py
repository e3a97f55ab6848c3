"""Operations: how far work has come that goes on at the service."""

from typing import Any, ClassVar, TypeVar, overload

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.names import named, valid_name
from genai_fn.ops.videos import FILMED
from genai_fn.request import GET, POST, Call, Operation, Refusal, Request, json
from genai_fn.schema import (
    GenerateVideosOperation,
    ImportFileOperation,
    ProjectOperation,
    UploadToFileSearchStoreOperation,
)
from genai_fn.schema._base import Message

__all__ = ["GetImport", "GetProjectOperation", "GetUpload", "GetVideos", "get"]

O = TypeVar(  # noqa: E741  # for an operation
    "O",
    bound=GenerateVideosOperation | ImportFileOperation | UploadToFileSearchStoreOperation | ProjectOperation,
)


class GetVideos(Operation[GenerateVideosOperation]):
    """Ask how far the making of videos has come."""

    op: ClassVar = "operations.get"

    name: str

    def gemini(self, at: Gemini) -> Call[GenerateVideosOperation]:
        return GET(self.name, FILMED)

    def vertex(self, at: Vertex) -> Call[GenerateVideosOperation]:
        model = _model(self.name)
        return POST(f"{model}:fetchPredictOperation", _Fetch(operation_name=self.name), FILMED)


class GetImport(Operation[ImportFileOperation]):
    """Ask how far the reading of a file into a store has come."""

    op: ClassVar = "operations.get.import"

    name: str

    def gemini(self, at: Gemini) -> Call[ImportFileOperation]:
        return GET(self.name, json(ImportFileOperation))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores are the Gemini Developer API's alone")


class GetUpload(Operation[UploadToFileSearchStoreOperation]):
    """Ask how far the reading of an upload into a store has come."""

    op: ClassVar = "operations.get.upload"

    name: str

    def gemini(self, at: Gemini) -> Call[UploadToFileSearchStoreOperation]:
        return GET(self.name, json(UploadToFileSearchStoreOperation))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores are the Gemini Developer API's alone")


class GetProjectOperation(Operation[ProjectOperation]):
    """Ask how far some work in a project has come."""

    op: ClassVar = "operations.get.project"

    name: str

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("projects are Vertex AI's alone")

    def vertex(self, at: Vertex) -> Call[ProjectOperation]:
        return GET(named("projects/{project}/locations/{location}/operations", self.name), json(ProjectOperation))


@overload
def get(operation: O) -> Request[O]: ...
@overload
def get(operation: str, kind: type[O]) -> Request[O]: ...
def get(operation: Any, kind: Any = None) -> Request[Any]:
    """
    Ask how far some work has come.

    Args:
        operation: What the work's beginning answered, or what this did; or its name alone, as kept in a file, say.

        kind: Beside a name, the type that belongs to it.

    >>> name = "models/veo-3.1-generate-preview/operations/1"
    >>> get(name, GenerateVideosOperation) == get(GenerateVideosOperation(name=name))
    True
    """
    if kind is None and not isinstance(operation, str):
        return _asked(type(operation), getattr(operation, "name", None), "operation")
    return _asked(kind, operation, "kind")


def _asked(kind: Any, name: Any, path: str) -> Request[Any]:
    asking = _ASKING.get(kind) if isinstance(kind, type) else None
    if asking is None:
        raise InvalidRequest(path, kind, " or ".join(each.__name__ for each in _ASKING))
    return Request(asking(name=valid_name(name, "operation", "the name of an operation")))


_ASKING: dict[Any, Any] = {
    GenerateVideosOperation: GetVideos,
    ImportFileOperation: GetImport,
    UploadToFileSearchStoreOperation: GetUpload,
    ProjectOperation: GetProjectOperation,
}


class _Fetch(Message):
    operation_name: str


def _model(name: str) -> str:
    """Cut the model's name out of that of its operation."""
    model, _, identity = name.rpartition("/operations/")
    if not model or not identity:
        raise InvalidRequest("operation", name, "…/models/…/operations/…, as Vertex AI names it")
    return model
