"""
Files: uploaded or generated ones are stored for two days, can be used in contents, and can be downloaded.

Registered ones refer to objects in Cloud Storage, which are not accessed.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import timedelta

from genai_fn.emulator.server.faults import EmulatedFault, make_invalid_argument, make_permission_denied
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, find_header, parse_body
from genai_fn.emulator.server.resource_ids import check_new_name
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, Int64, build_json_response
from genai_fn.emulator.server.resumable_uploads import EmulatedUpload, handle_upload
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.http import HttpResponse
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.schema.files import File, FileSource, FileState, RegisterFilesResponse
from genai_fn.schema.mime_types import guess_mime_type
from genai_fn.values import Value


class StoredFile(Value):
    """A file's metadata and its bytes."""

    resource: File
    data: bytes


def save_generated_file(
    state: EmulatorState,
    request: EmulatedRequest,
    data: bytes,
    mime_type: str,
    *,
    name: str | None = None,
    display_name: str | None = None,
) -> tuple[EmulatorState, File]:
    """Store bytes that the service has generated as a file, which can be downloaded from its ``download_uri``."""
    details = File(name=name, display_name=display_name, mime_type=mime_type)
    return _save_file(state, request, data, details, FileSource.GENERATED)


def find_file(state: EmulatorState, request: EmulatedRequest, name: str) -> StoredFile:
    """
    Return the file with a name.

    Raises:
        EmulatedFault: If there is no such file, or it has expired.
    """
    found = state.resources.get(name)
    if not isinstance(found, StoredFile) or _has_expired(found, request):
        file_id = name.removeprefix("files/")
        raise make_permission_denied(f"You do not have permission to access the File {file_id} or it may not exist.")
    return found


def _has_expired(file: StoredFile, request: EmulatedRequest) -> bool:
    return (file.resource.expiration_time or request.now) < request.now


def check_file_references(state: EmulatorState, request: EmulatedRequest, contents: Iterable[Content]) -> None:
    """
    Check that the files of this API that contents refer to exist. On Vertex AI, which has no such files, do nothing.

    Raises:
        EmulatedFault: If a file does not exist.
    """
    for content in () if request.is_vertex else contents:
        for part in content.parts or ():
            found = _FILE_URI_PATTERN.fullmatch((part.file_data and part.file_data.file_uri) or "")
            if found is not None:
                find_file(state, request, found[1])


_FILE_URI_PATTERN = re.compile(r"https?://[^?#]*/v[0-9]\w*/(files/[^/:?#]+)")


class _FileBody(Message):
    file: File | None = None


def _upload_file(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return handle_upload(state, request, _FileBody, _save_upload)


def _save_upload(state: EmulatorState, request: EmulatedRequest, upload: EmulatedUpload) -> RouteResult:
    requested: File = upload.metadata.file or File()
    mime_type = requested.mime_type or upload.mime_type
    if not mime_type:
        raise make_invalid_argument("Mime type must be specified for the file being uploaded.")
    details = File(
        name=requested.name, display_name=requested.display_name or upload.file_name or None, mime_type=mime_type
    )
    state, file = _save_file(state, request, upload.data, details, FileSource.UPLOADED)
    return state, build_json_response(_FileBody(file=file))


def _save_file(
    state: EmulatorState, request: EmulatedRequest, data: bytes, details: File, source: FileSource
) -> tuple[EmulatorState, File]:
    name = details.name
    if name is None:
        state, name = state.assign_name("files")
    else:
        name = check_new_name(state, "files", name)
    address = f"{request.api_root}/{name}"
    file = File(
        name=name,
        display_name=details.display_name,
        mime_type=details.mime_type,
        size_bytes=Int64(len(data)),
        create_time=request.now,
        expiration_time=request.now + _FILE_LIFETIME,
        update_time=request.now,
        sha256_hash=b64encode(hashlib.sha256(data).hexdigest().encode()).decode(),
        uri=address,
        download_uri=f"{address}:download?alt=media" if source is FileSource.GENERATED else None,
        state=FileState.ACTIVE,
        source=source,
    )
    return state.with_resource(name, StoredFile(file, data)), file


_FILE_LIFETIME = timedelta(days=2)


class _RegisterBody(Message):
    uris: tuple[str, ...] = ()


def _register_files(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Register objects in Cloud Storage: empty files, whose MIME types follow from their names."""
    if not find_header(request.headers, "authorization").startswith("Bearer "):
        raise EmulatedFault(401, "UNAUTHENTICATED", "An OAuth 2 access token is required to read from Cloud Storage.")
    uris = parse_body(request, _RegisterBody).uris
    if not uris:
        raise make_invalid_argument("* RegisterFilesRequest.uris: at least one is required")
    files: list[File] = []
    for uri in uris:
        if _OBJECT_PATTERN.fullmatch(uri) is None:
            raise make_invalid_argument(f"* RegisterFilesRequest.uris: {uri!r} is not gs://bucket/object")
        mime_type = guess_mime_type(uri) or "application/octet-stream"
        state, file = _save_file(state, request, b"", File(mime_type=mime_type), FileSource.REGISTERED)
        files.append(file)
    return state, build_json_response(RegisterFilesResponse(files=tuple(files)))


_OBJECT_PATTERN = re.compile(r"gs://[^/]+/.+")


def _get_file(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state, build_json_response(find_file(state, request, request.path_params["name"]).resource)


def _list_files(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    files = [each.resource for each in state.list_resources("files") if not _has_expired(each, request)]
    return state, build_page_response("files", files[::-1], request, default_size=10, max_size=100)


def _delete_file(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    find_file(state, request, request.path_params["name"])
    return state.without_resource(request.path_params["name"]), EMPTY_RESPONSE


def _download_file(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Return the bytes of a file. Unlike the real service, uploaded files can be downloaded, too."""
    found = find_file(state, request, request.path_params["name"])
    if request.query.get("alt") != "media":
        return state, build_json_response(found.resource)
    kind = found.resource.mime_type or "application/octet-stream"
    return state, HttpResponse(200, (("content-type", kind),), found.data)


ROUTES = (
    ("POST", "upload/files", _upload_file),
    ("POST", "files:register", _register_files),
    ("GET", "files", _list_files),
    ("GET", "{name=files/*}", _get_file),
    ("DELETE", "{name=files/*}", _delete_file),
    ("GET", "{name=files/*}:download", _download_file),
)
