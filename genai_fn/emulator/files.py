"""Files: uploaded or made, kept for two days, named in contents and fetched."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import timedelta

from genai_fn.emulator.server.faults import make_invalid_argument, make_permission_denied
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.resource_ids import check_new_name
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, Int64, build_json_response
from genai_fn.emulator.server.resumable_uploads import EmulatedUpload, handle_upload
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema import Content, File, FileSource, FileState
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = ["ROUTES", "StoredFile", "check_file_references", "find_file", "save_generated_file"]


class StoredFile(Value):
    """A file and what is in it."""

    resource: File
    data: bytes


def save_generated_file(
    state: EmulatorState,
    asked: EmulatedRequest,
    data: bytes,
    mime_type: str,
    *,
    name: str | None = None,
    display_name: str | None = None,
) -> tuple[EmulatorState, File]:
    """Keep what the service has made as a file, which can be fetched at its ``download_uri``."""
    return _save_file(state, asked, data, File(name=name, display_name=display_name, mime_type=mime_type), is_made=True)


def find_file(state: EmulatorState, asked: EmulatedRequest, name: str) -> StoredFile:
    """
    Find a file by its name.

    Raises:
        Fault: where there is none, or none any more.
    """
    found = state.resources.get(name)
    if not isinstance(found, StoredFile) or (found.resource.expiration_time or asked.now) < asked.now:
        identity = name.removeprefix("files/")
        raise make_permission_denied(f"You do not have permission to access the File {identity} or it may not exist.")
    return found


def check_file_references(state: EmulatorState, asked: EmulatedRequest, contents: Iterable[Content]) -> None:
    """
    Find the files that contents name by their address here; Vertex AI has none, and looks elsewhere.

    Raises:
        Fault: where one is not there.
    """
    for content in () if asked.is_vertex else contents:
        for part in content.parts or ():
            found = _FILE_URI_PATTERN.fullmatch((part.file_data and part.file_data.file_uri) or "")
            if found is not None:
                find_file(state, asked, found[1])


_FILE_URI_PATTERN = re.compile(r"https?://[^?#]*/v[0-9]\w*/(files/[^/:?#]+)")


# Methods


class _FileBody(Message):
    file: File | None = None


def _upload_file(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    return handle_upload(state, asked, _FileBody, _save_upload)


def _save_upload(
    state: EmulatorState, asked: EmulatedRequest, whole: EmulatedUpload
) -> tuple[EmulatorState, HttpResponse]:
    said: File = whole.metadata.file or File()
    mime_type = said.mime_type or whole.mime_type
    if not mime_type:
        raise make_invalid_argument("Mime type must be specified for the file being uploaded.")
    about = File(name=said.name, display_name=said.display_name or whole.file_name or None, mime_type=mime_type)
    state, file = _save_file(state, asked, whole.data, about, is_made=False)
    return state, build_json_response(_FileBody(file=file))


def _save_file(
    state: EmulatorState, asked: EmulatedRequest, data: bytes, about: File, *, is_made: bool
) -> tuple[EmulatorState, File]:
    name = about.name
    if name is None:
        state, name = state.assign_name("files")
    else:
        name = check_new_name(state, "files", name)
    address = f"{asked.api_root}/{name}"
    file = File(
        name=name,
        display_name=about.display_name,
        mime_type=about.mime_type,
        size_bytes=Int64(len(data)),
        create_time=asked.now,
        expiration_time=asked.now + _FILE_LIFETIME,
        update_time=asked.now,
        sha256_hash=b64encode(hashlib.sha256(data).hexdigest().encode()).decode(),
        uri=address,
        download_uri=f"{address}:download?alt=media" if is_made else None,
        state=FileState.ACTIVE,
        source=FileSource.GENERATED if is_made else FileSource.UPLOADED,
    )
    return state.with_resource(name, StoredFile(file, data)), file


_FILE_LIFETIME = timedelta(days=2)


def _get_file(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    return state, build_json_response(find_file(state, asked, asked.path_params["name"]).resource)


def _list_files(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    files = [
        each.resource
        for each in state.list_resources("files")
        if (each.resource.expiration_time or asked.now) >= asked.now
    ]
    return state, build_page_response("files", files[::-1], asked, default_size=10, max_size=100)


def _delete_file(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    find_file(state, asked, asked.path_params["name"])
    return state.without_resource(asked.path_params["name"]), EMPTY_RESPONSE


def _download_file(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Answer the bytes; uploaded files come back, too, other than from the service."""
    found = find_file(state, asked, asked.path_params["name"])
    if asked.query.get("alt") != "media":
        return state, build_json_response(found.resource)
    kind = found.resource.mime_type or "application/octet-stream"
    return state, HttpResponse(200, (("content-type", kind),), found.data)


ROUTES = (
    ("POST", "upload/files", _upload_file),
    ("GET", "files", _list_files),
    ("GET", "{name=files/*}", _get_file),
    ("DELETE", "{name=files/*}", _delete_file),
    ("GET", "{name=files/*}:download", _download_file),
)
