"""Files: what the service keeps for two days, to be named in contents."""

from collections.abc import Mapping
from typing import Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.flows.downloads import download
from genai_fn.flows.uploads import upload
from genai_fn.ops._file_id import file_id
from genai_fn.ops._parts import query_of
from genai_fn.request import DELETE, GET, Call, Operation, Refusal, Request, json
from genai_fn.schema import DeleteFileResponse, File, ListFilesConfig, ListFilesResponse
from genai_fn.schema._convert import as_struct

__all__ = ["DeleteFile", "GetFile", "ListFiles", "delete", "download", "file_id", "get", "list", "upload"]


class GetFile(Operation[File]):
    """Look a file up."""

    op: ClassVar = "files.get"

    name: str

    def gemini(self, at: Gemini) -> Call[File]:
        return GET(f"files/{self.name}", json(File))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI reads from Cloud Storage")


def get(name: str) -> Request[File]:
    """
    Look a file up: whether it is ready, and until when it is kept.

    Args:
        name: ``files/abc``, ``abc``, or the file's ``uri``.

    >>> get("files/abc") == get("https://generativelanguage.googleapis.com/v1beta/files/abc")
    True
    """
    return Request(GetFile(name=file_id(name)))


class DeleteFile(Operation[DeleteFileResponse]):
    """Delete a file."""

    op: ClassVar = "files.delete"

    name: str

    def gemini(self, at: Gemini) -> Call[DeleteFileResponse]:
        return DELETE(f"files/{self.name}", json(DeleteFileResponse))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI reads from Cloud Storage")


def delete(name: str) -> Request[DeleteFileResponse]:
    """
    Delete a file before its two days are over.

    Args:
        name: ``files/abc``, ``abc``, or the file's ``uri``.
    """
    return Request(DeleteFile(name=file_id(name)))


class ListFiles(Operation[ListFilesResponse]):
    """List files."""

    op: ClassVar = "files.list"

    config: ListFilesConfig = ListFilesConfig()

    def gemini(self, at: Gemini) -> Call[ListFilesResponse]:
        return GET("files", json(ListFilesResponse), query=query_of(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI reads from Cloud Storage")


def list(config: ListFilesConfig | Mapping[str, Any] | None = None) -> Request[ListFilesResponse]:
    """List files, a page at a time."""
    return Request(ListFiles(config=as_struct(ListFilesConfig, config)))
