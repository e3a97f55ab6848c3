"""
The resumable protocol, for whatever is uploaded: a start, pieces in order, and at any time how far it has come.

A route leads here with the type of the start's body, and with what is to become of the bytes once all are here. The
session's address is that of the start, with ``upload_id``.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from genai_fn.emulator.server.faults import EmulatedFault, make_invalid_argument, make_not_found
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import Headers, HttpResponse
from genai_fn.values import Value

__all__ = ["EmulatedUpload", "handle_upload"]


class EmulatedUpload(Value):
    """An upload: what its start said, and the bytes that have come since."""

    path: str
    metadata: Any
    """The body of the start."""
    mime_type: str
    file_name: str
    size: int | None
    """What the start said that would come."""
    chunks: tuple[bytes, ...] = ()
    received_size: int = 0
    final_response: HttpResponse | None = None

    @property
    def data(self) -> bytes:
        """All bytes, in one piece."""
        return b"".join(self.chunks)


S = TypeVar("S", bound=msgspec.Struct)

FinishUpload = Callable[[EmulatorState, EmulatedRequest, EmulatedUpload], tuple[EmulatorState, HttpResponse]]


def handle_upload(
    state: EmulatorState, asked: EmulatedRequest, kind: type[S], finish: FinishUpload
) -> tuple[EmulatorState, HttpResponse]:
    """
    Do what the command asks: start, ``upload``, ``upload, finalize``, ``finalize``, ``query``, ``cancel``.

    Args:
        state: As ever.

        asked: As ever.

        kind: The type of the start's body, which the upload keeps as ``about``.

        ending: Makes of a whole upload what it is to become, and says so.
    """
    commands = {each.strip().lower() for each in asked.get_header("x-goog-upload-command").split(",")}
    if "upload_id" not in asked.query:
        return _start_upload(state, asked, commands, parse_body(asked, kind))
    name = f"uploads/{asked.query['upload_id']}"
    under_way = state.resources.get(name)
    if not isinstance(under_way, EmulatedUpload) or under_way.path != asked.path:
        raise make_not_found(name)
    if commands == {"query"} or under_way.final_response is not None:
        return state, _build_status_response(under_way)
    if commands == {"cancel"}:
        return state.without_resource(name), HttpResponse(200, (("x-goog-upload-status", "cancelled"),))
    if not commands or commands - {"upload", "finalize"}:
        raise make_invalid_argument(
            f"X-Goog-Upload-Command cannot be {asked.get_header('x-goog-upload-command')!r} here."
        )
    if "upload" in commands:
        under_way = _append_chunk(under_way, asked)
    if "finalize" not in commands:
        return state.with_resource(name, under_way), _build_status_response(under_way)
    return _finish_upload(state.with_resource(name, under_way), asked, name, under_way, finish)


def _start_upload(
    state: EmulatorState, asked: EmulatedRequest, commands: set[str], about: Any
) -> tuple[EmulatorState, HttpResponse]:
    if asked.get_header("x-goog-upload-protocol").lower() != "resumable" or commands != {"start"}:
        raise make_invalid_argument("X-Goog-Upload-Protocol has to be resumable, and X-Goog-Upload-Command start.")
    size = asked.get_header("x-goog-upload-header-content-length")
    state, name = state.assign_name("uploads")
    begun = EmulatedUpload(
        path=asked.path,
        metadata=about,
        mime_type=asked.get_header("x-goog-upload-header-content-type"),
        file_name=asked.get_header("x-goog-upload-file-name"),
        size=_parse_number(size, "X-Goog-Upload-Header-Content-Length") if size else None,
    )
    address = f"{asked.origin}{asked.path}?upload_id={name.removeprefix('uploads/')}&upload_protocol=resumable"
    headers: Headers = (
        ("x-goog-upload-url", address),
        ("x-goog-upload-control-url", address),
        ("x-goog-upload-status", "active"),
        ("x-goog-upload-chunk-granularity", str(_CHUNK_GRANULARITY)),
    )
    return state.with_resource(name, begun), HttpResponse(200, headers)


_CHUNK_GRANULARITY = 256 * 1024


def _append_chunk(under_way: EmulatedUpload, asked: EmulatedRequest) -> EmulatedUpload:
    """Take a piece, which begins where the last has ended."""
    data = asked.body_bytes
    offset = _parse_number(asked.get_header("x-goog-upload-offset"), "X-Goog-Upload-Offset")
    if offset != under_way.received_size:
        raise make_invalid_argument(
            f"X-Goog-Upload-Offset is {offset}, but {under_way.received_size} bytes have been received."
        )
    received = offset + len(data)
    if under_way.size is not None and received > under_way.size:
        raise make_invalid_argument(
            f"{received} bytes are more than the {under_way.size} that the upload started with."
        )
    return replace(under_way, chunks=(*under_way.chunks, data), received_size=received)


def _finish_upload(
    state: EmulatorState, asked: EmulatedRequest, name: str, whole: EmulatedUpload, ending: FinishUpload
) -> tuple[EmulatorState, HttpResponse]:
    if whole.size is not None and whole.received_size != whole.size:
        raise make_invalid_argument(
            f"The upload is finalized with {whole.received_size} bytes, but started with {whole.size}."
        )
    state, response = ending(state, asked, whole)
    final: Headers = (("x-goog-upload-status", "final"), ("x-goog-upload-size-received", str(whole.received_size)))
    response = replace(response, headers=(*response.headers, *final))
    return state.with_resource(name, replace(whole, chunks=(), final_response=response)), response


def _build_status_response(under_way: EmulatedUpload) -> HttpResponse:
    if under_way.final_response is not None:
        return under_way.final_response
    received = ("x-goog-upload-size-received", str(under_way.received_size))
    return HttpResponse(200, (("x-goog-upload-status", "active"), received))


def _parse_number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS):
        raise EmulatedFault(400, "INVALID_ARGUMENT", f"{name} has to be a number, not {text!r}.")
    return int(text)


_MAX_DIGITS = 16
