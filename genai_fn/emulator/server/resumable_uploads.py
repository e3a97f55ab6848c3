"""
The resumable upload protocol: start, chunks in order, queries of the received size, and finalize.

The routes of files and stores call `handle_upload` with the type of the start request's body and a function that stores
the finished upload. The URL of an upload session is the URL of its start request plus ``upload_id``.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from genai_fn.emulator.server.faults import make_invalid_argument, make_resource_not_found
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.http import Headers, HttpResponse
from genai_fn.values import Value


class EmulatedUpload(Value):
    """An upload session: the metadata of its start request, and the chunks received so far."""

    path: str
    metadata: Any
    """The parsed body of the start request."""
    mime_type: str
    file_name: str
    size: int | None
    """Total size in bytes, if the start request declares it."""
    chunks: tuple[bytes, ...] = ()
    received_size: int = 0
    final_response: HttpResponse | None = None

    @property
    def data(self) -> bytes:
        """All received bytes."""
        return b"".join(self.chunks)


FinishUpload = Callable[[EmulatorState, EmulatedRequest, EmulatedUpload], RouteResult]


def handle_upload(
    state: EmulatorState, request: EmulatedRequest, metadata_type: type[msgspec.Struct], finish: FinishUpload
) -> RouteResult:
    """
    Execute an upload command: ``start``, ``upload``, ``upload, finalize``, ``finalize``, ``query`` or ``cancel``.

    Args:
        state: The state before the request.

        request: Its headers contain the command.

        metadata_type: Type of the start request's body.

        finish: Stores a finished upload and builds the response.
    """
    commands = {each.strip().lower() for each in request.get_header("x-goog-upload-command").split(",")}
    if "upload_id" not in request.query:
        return _start_upload(state, request, commands, parse_body(request, metadata_type))
    name = f"uploads/{request.query['upload_id']}"
    upload = state.resources.get(name)
    if not isinstance(upload, EmulatedUpload) or upload.path != request.path:
        raise make_resource_not_found(name)
    if commands == {"query"} or upload.final_response is not None:
        return state, _build_status_response(upload)
    if commands == {"cancel"}:
        return state.without_resource(name), HttpResponse(200, (("x-goog-upload-status", "cancelled"),))
    if not commands or commands - {"upload", "finalize"}:
        raise make_invalid_argument(
            f"X-Goog-Upload-Command cannot be {request.get_header('x-goog-upload-command')!r} here."
        )
    if "upload" in commands:
        upload = _append_chunk(upload, request)
    if "finalize" not in commands:
        return state.with_resource(name, upload), _build_status_response(upload)
    return _finish_upload(state.with_resource(name, upload), request, name, upload, finish)


def _start_upload(state: EmulatorState, request: EmulatedRequest, commands: set[str], metadata: Any) -> RouteResult:
    if request.get_header("x-goog-upload-protocol").lower() != "resumable" or commands != {"start"}:
        raise make_invalid_argument(
            "X-Goog-Upload-Protocol must be resumable, and X-Goog-Upload-Command must be start."
        )
    size = request.get_header("x-goog-upload-header-content-length")
    state, name = state.assign_name("uploads")
    upload = EmulatedUpload(
        path=request.path,
        metadata=metadata,
        mime_type=request.get_header("x-goog-upload-header-content-type"),
        file_name=request.get_header("x-goog-upload-file-name"),
        size=_parse_number(size, "X-Goog-Upload-Header-Content-Length") if size else None,
    )
    address = f"{request.origin}{request.path}?upload_id={name.removeprefix('uploads/')}&upload_protocol=resumable"
    headers: Headers = (
        ("x-goog-upload-url", address),
        ("x-goog-upload-control-url", address),
        ("x-goog-upload-status", "active"),
        ("x-goog-upload-chunk-granularity", str(_CHUNK_GRANULARITY)),
    )
    return state.with_resource(name, upload).with_newest("uploads", _MAX_SESSIONS), HttpResponse(200, headers)


_MAX_SESSIONS = 1000
"""Older sessions, finished or not, are forgotten."""
_CHUNK_GRANULARITY = 256 * 1024


def _append_chunk(upload: EmulatedUpload, request: EmulatedRequest) -> EmulatedUpload:
    """Append a chunk; its offset must be the size received so far."""
    data = request.body_bytes
    offset = _parse_number(request.get_header("x-goog-upload-offset"), "X-Goog-Upload-Offset")
    if offset != upload.received_size:
        raise make_invalid_argument(
            f"X-Goog-Upload-Offset is {offset}, but {upload.received_size} bytes have been received."
        )
    received = offset + len(data)
    if upload.size is not None and received > upload.size:
        raise make_invalid_argument(f"{received} bytes exceed the declared size of {upload.size} bytes.")
    return replace(upload, chunks=(*upload.chunks, data), received_size=received)


def _finish_upload(
    state: EmulatorState, request: EmulatedRequest, name: str, upload: EmulatedUpload, finish: FinishUpload
) -> RouteResult:
    if upload.size is not None and upload.received_size != upload.size:
        raise make_invalid_argument(
            f"The upload was finalized with {upload.received_size} bytes, but its declared size is {upload.size}."
        )
    state, response = finish(state, request, upload)
    final: Headers = (("x-goog-upload-status", "final"), ("x-goog-upload-size-received", str(upload.received_size)))
    response = replace(response, headers=(*response.headers, *final))
    return state.with_resource(name, replace(upload, chunks=(), final_response=response)), response


def _build_status_response(upload: EmulatedUpload) -> HttpResponse:
    if upload.final_response is not None:
        return upload.final_response
    received = ("x-goog-upload-size-received", str(upload.received_size))
    return HttpResponse(200, (("x-goog-upload-status", "active"), received))


def _parse_number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS):
        raise make_invalid_argument(f"{name} must be a number, not {text!r}.")
    return int(text)


_MAX_DIGITS = 16
