"""
The requests of a resumable upload: start a session, send chunks, and query how many bytes have arrived.

The start returns the session's URL. The chunks are sent to it in order, the last one with ``is_last``. If a chunk
fails, a query returns the number of bytes received, and the upload continues from there. The response to the last chunk
contains the created resource.
"""

import re
from typing import ClassVar, TypeVar
from urllib.parse import quote

from returns.result import Failure, Result, Success

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import DecodeError, GenaiError
from genai_fn.http import FileSlice, Headers, HttpResponse, mask_url
from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.request import POST, Call, Operation, Refusal, read_whole_response
from genai_fn.schema.base import Message
from genai_fn.schema.files import File, UploadFileConfig
from genai_fn.schema.stores import (
    ChunkingConfig,
    CustomMetadata,
    UploadToFileSearchStoreConfig,
    UploadToFileSearchStoreOperation,
)
from genai_fn.values import Value
from genai_fn.wire.lenient_json import build_decode_error, parse_json

__all__ = [
    "QueryUpload",
    "SendUploadChunk",
    "StartStoreUpload",
    "StartUpload",
    "UploadProgress",
    "decode_store_operation",
    "decode_uploaded_file",
]

T = TypeVar("T")


class StartUpload(Operation[str]):
    """Start the upload of a file; returns the URL of the session."""

    op: ClassVar = "files.upload.start"

    size: int
    mime_type: str
    file_name: str = ""
    config: UploadFileConfig = UploadFileConfig()

    def gemini(self, at: Gemini) -> Call[str]:
        url = _build_upload_url(at, "upload/{version}/files")
        headers = _build_start_headers(self.size, self.mime_type, self.file_name)
        return POST(url, _encode_file(self), read_whole_response(_parse_session_url), headers=headers, absolute=True)

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files exist only on the Gemini Developer API; Vertex AI reads from Cloud Storage")


class _FileBody(Message):
    file: File


def _encode_file(operation: StartUpload) -> _FileBody:
    config = operation.config
    name = config.name if config.name is None or config.name.startswith("files/") else f"files/{config.name}"
    return _FileBody(
        file=File(
            name=name,
            display_name=_resolve_display_name(config.display_name, operation.file_name),
            mime_type=operation.mime_type,
            size_bytes=operation.size,
        )
    )


class StartStoreUpload(Operation[str]):
    """Start the upload of a file into a store; returns the URL of the session."""

    op: ClassVar = "stores.upload.start"

    file_search_store_name: str
    size: int
    mime_type: str
    file_name: str = ""
    config: UploadToFileSearchStoreConfig = UploadToFileSearchStoreConfig()

    def gemini(self, at: Gemini) -> Call[str]:
        url = _build_upload_url(at, f"upload/{{version}}/{quote(self.file_search_store_name)}:uploadToFileSearchStore")
        headers = _build_start_headers(self.size, self.mime_type, self.file_name)
        return POST(
            url, _encode_document(self), read_whole_response(_parse_session_url), headers=headers, absolute=True
        )

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


class _DocumentBody(Message):
    display_name: str | None = None
    mime_type: str | None = None
    custom_metadata: tuple[CustomMetadata, ...] | None = None
    chunking_config: ChunkingConfig | None = None


def _encode_document(operation: StartStoreUpload) -> _DocumentBody | None:
    name = _resolve_display_name(operation.config.display_name, operation.file_name)
    return omit_if_empty(copy_fields(_DocumentBody, operation.config, display_name=name))


def _build_upload_url(at: Gemini, path: str) -> str:
    """Build a URL that has ``upload/`` before the API version; without a version, ``{version}/`` is omitted."""
    return f"{at.base_url}/{path.replace('{version}/', f'{at.api_version}/' if at.api_version else '')}"


def _build_start_headers(size: int, mime_type: str, file_name: str) -> Headers:
    name_header: Headers = (("x-goog-upload-file-name", file_name),) if file_name and _is_header_safe(file_name) else ()
    return (
        ("x-goog-upload-protocol", "resumable"),
        ("x-goog-upload-command", "start"),
        ("x-goog-upload-header-content-length", str(size)),
        ("x-goog-upload-header-content-type", mime_type),
        *name_header,
    )


def _resolve_display_name(given: str | None, file_name: str) -> str | None:
    """Return the given display name; without one, a file name that the header cannot contain, or else None."""
    return file_name if given is None and not _is_header_safe(file_name) else given


def _is_header_safe(file_name: str) -> bool:
    return file_name.isascii() and file_name.isprintable() and file_name == file_name.strip()


def _parse_session_url(response: HttpResponse) -> str:
    url = response.get_header("x-goog-upload-url") or ""
    if not url.startswith(("https://", "http://")):
        raise DecodeError("a URL in the header x-goog-upload-url", "", mask_url(url))
    return url


class UploadProgress(Value):
    """
    Upload progress: bytes received so far, if the server states them; once final, `body` contains the created resource.
    """

    is_final: bool
    received: int | None = None
    body: bytes = b""


class SendUploadChunk(Operation[UploadProgress]):
    """Send a chunk of an upload."""

    op: ClassVar = "files.upload.send"
    repeatable: ClassVar = False
    resumable: ClassVar = True

    session: str
    offset: int
    data: bytes | FileSlice
    is_last: bool

    def __repr__(self) -> str:
        return _redact_session_url(self.session, Message.__repr__(self))

    def gemini(self, at: Gemini) -> Call[UploadProgress]:
        headers = (
            ("x-goog-upload-command", "upload, finalize" if self.is_last else "upload"),
            ("x-goog-upload-offset", str(self.offset)),
        )
        return POST(self.session, self.data, read_whole_response(_parse_progress), headers=headers, absolute=True)

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files exist only on the Gemini Developer API; Vertex AI reads from Cloud Storage")


class QueryUpload(Operation[UploadProgress]):
    """Query how many bytes of an upload have arrived."""

    op: ClassVar = "files.upload.query"

    session: str

    def __repr__(self) -> str:
        return _redact_session_url(self.session, Message.__repr__(self))

    def gemini(self, at: Gemini) -> Call[UploadProgress]:
        headers = (("x-goog-upload-command", "query"),)
        return POST(self.session, b"", read_whole_response(_parse_progress), headers=headers, absolute=True)

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files exist only on the Gemini Developer API; Vertex AI reads from Cloud Storage")


def _redact_session_url(session: str, shown: str) -> str:
    """Mask the URL of a session in a repr, except for its host: anyone who has the URL can continue the upload."""
    scheme, separator, rest = session.partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return shown.replace(repr(session), repr(f"{scheme}://{host}/***" if separator else "***"))


def _parse_progress(response: HttpResponse) -> UploadProgress:
    status = response.get_header("x-goog-upload-status")
    if status not in ("active", "final"):
        raise DecodeError("active or final in the header x-goog-upload-status", "", status or "")
    received = response.get_header("x-goog-upload-size-received")
    return UploadProgress(status == "final", None if received is None else int(received), response.body)


# The created resource


def decode_uploaded_file(progress: UploadProgress) -> Result[File, GenaiError]:
    """Decode the file that an upload has created; `DecodeError` if the upload is not final."""
    return _decode_final_body(progress, _FileBody).map(_get_file)


def decode_store_operation(progress: UploadProgress) -> Result[UploadToFileSearchStoreOperation, GenaiError]:
    """Decode the operation that an upload into a store has started; `DecodeError` if the upload is not final."""
    return _decode_final_body(progress, UploadToFileSearchStoreOperation)


def _decode_final_body(progress: UploadProgress, kind: type[T]) -> Result[T, GenaiError]:
    if not progress.is_final:
        return Failure(DecodeError("the status final, as all bytes were sent"))
    try:
        return Success(parse_json(kind, progress.body))
    except (ValueError, RecursionError) as error:  # msgspec's own are ValueErrors, and so is text that is not UTF-8
        return Failure(build_decode_error(error, progress.body))


def _get_file(wire: _FileBody) -> File:
    return wire.file
