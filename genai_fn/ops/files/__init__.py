"""
The Files API: the server stores a file for two days, and requests refer to it.

- `registration`: makes objects in Cloud Storage usable as files.
- `uploads`, `upload_flow`: the requests of a resumable upload, and the flow that sends them.
- `downloads`, `download_flow`: the request of a download, and the flow that writes it to memory or a file.
- `file_id`: the id of a file in a name or a URL.
"""

from typing import TYPE_CHECKING, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.files.download_flow import download
from genai_fn.ops.files.file_id import parse_file_id
from genai_fn.ops.files.registration import register_files
from genai_fn.ops.files.upload_flow import upload
from genai_fn.ops.request_parts import build_query
from genai_fn.request import DELETE, GET, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.convert import as_struct
from genai_fn.schema.files import DeleteFileResponse, File, ListFilesConfig, ListFilesResponse

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import ListFilesConfigLike

__all__ = [
    "DeleteFile",
    "GetFile",
    "ListFiles",
    "delete",
    "download",
    "get",
    "list",
    "parse_file_id",
    "register_files",
    "upload",
]


class GetFile(Operation[File]):
    """Get a file's metadata."""

    op: ClassVar = "files.get"
    is_lookup: ClassVar = True

    name: str

    def gemini(self, at: Gemini) -> Call[File]:
        return GET(f"files/{self.name}", read_json(File))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files exist only on the Gemini Developer API; Vertex AI reads from Cloud Storage")


def get(name: str) -> Request[File]:
    """
    Get a file's metadata: its state, size and expiry. ``| until_done()`` repeats this until the file is processed.

    Gemini Developer API only, as all of this module.

    Args:
        name: ``files/abc``, ``abc``, or the file's ``uri``.

    Raises:
        InvalidRequest: If the name is empty or invalid.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the file does not exist or has expired (403 or 404).

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
        return Refusal("files exist only on the Gemini Developer API; Vertex AI reads from Cloud Storage")


def delete(name: str) -> Request[DeleteFileResponse]:
    """
    Delete a file before it expires.

    Args:
        name: ``files/abc``, ``abc``, or the file's ``uri``.

    Raises:
        InvalidRequest: If the name is empty or invalid.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the file does not exist or has expired (403 or 404).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> file = run(upload(b"a text", {"mime_type": "text/plain"})).unwrap()
    >>> run(delete(file.name))
    <Success: DeleteFileResponse()>
    >>> run(delete(file.name)).failure().code
    403
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
        return Refusal("files exist only on the Gemini Developer API; Vertex AI reads from Cloud Storage")


def list(config: "ListFilesConfigLike | None" = None) -> Request[ListFilesResponse]:
    """
    List files, one page at a time; ``| items`` and ``| pages`` read all pages.

    Args:
        config: ``page_size`` and ``page_token``.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the server rejects the page token (400).

    >>> from genai_fn import Offline, collected, items
    >>> run = Offline()
    >>> file = run(upload(b"a text", {"mime_type": "text/plain", "display_name": "A text"})).unwrap()
    >>> [each.display_name for each in run(list({"page_size": 10}) | items | collected).unwrap()]
    ['A text']
    >>> run(list({"page_token": "wrong"})).failure().code
    400
    """
    return Request(ListFiles(config=as_struct(ListFilesConfig, config)))
