"""
The resumable protocol, for whatever is uploaded: a start, pieces in order, and at any time how far it has come.

A route leads here with the type of the start's body, and with what is to become of the bytes once all are here. The
session's address is that of the start, with ``upload_id``.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from genai_fn.emulator.faults import Fault, invalid, missing
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.state import State
from genai_fn.http import Headers, HttpResponse
from genai_fn.schema._base import Value

__all__ = ["Upload", "upload"]


class Upload(Value):
    """An upload: what its start said, and the bytes that have come since."""

    path: str
    about: Any
    """The body of the start."""
    mime_type: str
    file_name: str
    size: int | None
    """What the start said that would come."""
    pieces: tuple[bytes, ...] = ()
    received: int = 0
    ended: HttpResponse | None = None

    @property
    def data(self) -> bytes:
        """All bytes, in one piece."""
        return b"".join(self.pieces)


S = TypeVar("S", bound=msgspec.Struct)

Ending = Callable[[State, Asked, Upload], tuple[State, HttpResponse]]


def upload(state: State, asked: Asked, kind: type[S], ending: Ending) -> tuple[State, HttpResponse]:
    """
    Do what the command asks: start, ``upload``, ``upload, finalize``, ``finalize``, ``query``, ``cancel``.

    Args:
        state: As ever.

        asked: As ever.

        kind: The type of the start's body, which the upload keeps as ``about``.

        ending: Makes of a whole upload what it is to become, and says so.
    """
    commands = {each.strip().lower() for each in asked.header("x-goog-upload-command").split(",")}
    if "upload_id" not in asked.query:
        return _started(state, asked, commands, body_of(asked, kind))
    name = f"uploads/{asked.query['upload_id']}"
    under_way = state.kept.get(name)
    if not isinstance(under_way, Upload) or under_way.path != asked.path:
        raise missing(name)
    if commands == {"query"} or under_way.ended is not None:
        return state, _status(under_way)
    if commands == {"cancel"}:
        return state.dropping(name), HttpResponse(200, (("x-goog-upload-status", "cancelled"),))
    if not commands or commands - {"upload", "finalize"}:
        raise invalid(f"X-Goog-Upload-Command cannot be {asked.header('x-goog-upload-command')!r} here.")
    if "upload" in commands:
        under_way = _grown(under_way, asked)
    if "finalize" not in commands:
        return state.putting(name, under_way), _status(under_way)
    return _ended(state.putting(name, under_way), asked, name, under_way, ending)


def _started(state: State, asked: Asked, commands: set[str], about: Any) -> tuple[State, HttpResponse]:
    if asked.header("x-goog-upload-protocol").lower() != "resumable" or commands != {"start"}:
        raise invalid("X-Goog-Upload-Protocol has to be resumable, and X-Goog-Upload-Command start.")
    size = asked.header("x-goog-upload-header-content-length")
    state, name = state.named("uploads")
    begun = Upload(
        path=asked.path,
        about=about,
        mime_type=asked.header("x-goog-upload-header-content-type"),
        file_name=asked.header("x-goog-upload-file-name"),
        size=_number(size, "X-Goog-Upload-Header-Content-Length") if size else None,
    )
    address = f"{asked.root}{asked.path}?upload_id={name.removeprefix('uploads/')}&upload_protocol=resumable"
    headers: Headers = (
        ("x-goog-upload-url", address),
        ("x-goog-upload-control-url", address),
        ("x-goog-upload-status", "active"),
        ("x-goog-upload-chunk-granularity", str(_GRANULE)),
    )
    return state.putting(name, begun), HttpResponse(200, headers)


_GRANULE = 256 * 1024


def _grown(under_way: Upload, asked: Asked) -> Upload:
    """Take a piece, which begins where the last has ended."""
    data = asked.whole
    offset = _number(asked.header("x-goog-upload-offset"), "X-Goog-Upload-Offset")
    if offset != under_way.received:
        raise invalid(f"X-Goog-Upload-Offset is {offset}, but {under_way.received} bytes have been received.")
    received = offset + len(data)
    if under_way.size is not None and received > under_way.size:
        raise invalid(f"{received} bytes are more than the {under_way.size} that the upload started with.")
    return replace(under_way, pieces=(*under_way.pieces, data), received=received)


def _ended(state: State, asked: Asked, name: str, whole: Upload, ending: Ending) -> tuple[State, HttpResponse]:
    if whole.size is not None and whole.received != whole.size:
        raise invalid(f"The upload is finalized with {whole.received} bytes, but started with {whole.size}.")
    state, response = ending(state, asked, whole)
    final: Headers = (("x-goog-upload-status", "final"), ("x-goog-upload-size-received", str(whole.received)))
    response = replace(response, headers=(*response.headers, *final))
    return state.putting(name, replace(whole, pieces=(), ended=response)), response


def _status(under_way: Upload) -> HttpResponse:
    if under_way.ended is not None:
        return under_way.ended
    received = ("x-goog-upload-size-received", str(under_way.received))
    return HttpResponse(200, (("x-goog-upload-status", "active"), received))


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        raise Fault(400, "INVALID_ARGUMENT", f"{name} has to be a number, not {text!r}.")
    return int(text)


_DIGITS = 16
