"""Files: what the service keeps for two days, to be named in contents."""

from collections.abc import Mapping
from typing import Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.files.download_flow import download
from genai_fn.ops.files.file_id import parse_file_id
from genai_fn.ops.files.upload_flow import upload
from genai_fn.ops.request_parts import build_query
from genai_fn.request import DELETE, GET, Call, Operation, Refusal, Request, read_json
from genai_fn.schema import DeleteFileResponse, File, ListFilesConfig, ListFilesResponse
from genai_fn.schema.convert import as_struct

__all__ = ["DeleteFile", "GetFile", "ListFiles", "delete", "download", "get", "list", "parse_file_id", "upload"]


class GetFile(Operation[File]):
    """Look a file up."""

    op: ClassVar = "files.get"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[File]:
        return GET(f"files/{self.name}", read_json(File))

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
    return Request(GetFile(name=parse_file_id(name)))


class DeleteFile(Operation[DeleteFileResponse]):
    """Delete a file."""

    op: ClassVar = "files.delete"

    name: str

    def gemini(self, at: Gemini) -> Call[DeleteFileResponse]:
        return DELETE(f"files/{self.name}", read_json(DeleteFileResponse))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI reads from Cloud Storage")


def delete(name: str) -> Request[DeleteFileResponse]:
    """
    Delete a file before its two days are over.

    Args:
        name: ``files/abc``, ``abc``, or the file's ``uri``.
    """
    return Request(DeleteFile(name=parse_file_id(name)))


class ListFiles(Operation[ListFilesResponse]):
    """List files."""

    op: ClassVar = "files.list"
    is_list: ClassVar = True

    config: ListFilesConfig = ListFilesConfig()

    def gemini(self, at: Gemini) -> Call[ListFilesResponse]:
        return GET("files", read_json(ListFilesResponse), query=build_query(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI reads from Cloud Storage")


def list(config: ListFilesConfig | Mapping[str, Any] | None = None) -> Request[ListFilesResponse]:
    """List files, a page at a time."""
    return Request(ListFiles(config=as_struct(ListFilesConfig, config)))
