"""Files: uploaded or made, kept for two days, named in contents and fetched."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import timedelta

from genai_fn.emulator.answers import NOTHING, Int64, told
from genai_fn.emulator.faults import denied, invalid
from genai_fn.emulator.listing import listed
from genai_fn.emulator.naming import chosen
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.state import State
from genai_fn.emulator.uploads import Upload, upload
from genai_fn.http import HttpResponse
from genai_fn.schema import Content, File, FileSource, FileState
from genai_fn.schema._base import Message, Value

__all__ = ["ROUTES", "KeptFile", "file_at", "kept", "read_by"]


class KeptFile(Value):
    """A file and what is in it."""

    shown: File
    data: bytes


def kept(
    state: State, asked: Asked, data: bytes, mime_type: str, *, name: str | None = None, display_name: str | None = None
) -> tuple[State, File]:
    """Keep what the service has made as a file, which can be fetched at its ``download_uri``."""
    return _kept(state, asked, data, File(name=name, display_name=display_name, mime_type=mime_type), is_made=True)


def file_at(state: State, asked: Asked, name: str) -> KeptFile:
    """
    Find a file by its name.

    Raises:
        Fault: where there is none, or none any more.
    """
    found = state.kept.get(name)
    if not isinstance(found, KeptFile) or (found.shown.expiration_time or asked.now) < asked.now:
        identity = name.removeprefix("files/")
        raise denied(f"You do not have permission to access the File {identity} or it may not exist.")
    return found


def read_by(state: State, asked: Asked, contents: Iterable[Content]) -> None:
    """
    Find the files that contents name by their address here; Vertex AI has none, and looks elsewhere.

    Raises:
        Fault: where one is not there.
    """
    for content in () if asked.vertex else contents:
        for part in content.parts or ():
            found = _ADDRESS.fullmatch((part.file_data and part.file_data.file_uri) or "")
            if found is not None:
                file_at(state, asked, found[1])


_ADDRESS = re.compile(r"https?://[^?#]*/v[0-9]\w*/(files/[^/:?#]+)")


# Methods


class _Wrapped(Message):
    file: File | None = None


def _uploaded(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return upload(state, asked, _Wrapped, _filed)


def _filed(state: State, asked: Asked, whole: Upload) -> tuple[State, HttpResponse]:
    said: File = whole.about.file or File()
    mime_type = said.mime_type or whole.mime_type
    if not mime_type:
        raise invalid("Mime type must be specified for the file being uploaded.")
    about = File(name=said.name, display_name=said.display_name or whole.file_name or None, mime_type=mime_type)
    state, file = _kept(state, asked, whole.data, about, is_made=False)
    return state, told(_Wrapped(file=file))


def _kept(state: State, asked: Asked, data: bytes, about: File, *, is_made: bool) -> tuple[State, File]:
    name = about.name
    if name is None:
        state, name = state.named("files")
    else:
        name = chosen(state, "files", name)
    address = f"{asked.base}/{name}"
    file = File(
        name=name,
        display_name=about.display_name,
        mime_type=about.mime_type,
        size_bytes=Int64(len(data)),
        create_time=asked.now,
        expiration_time=asked.now + _KEPT_FOR,
        update_time=asked.now,
        sha256_hash=b64encode(hashlib.sha256(data).hexdigest().encode()).decode(),
        uri=address,
        download_uri=f"{address}:download?alt=media" if is_made else None,
        state=FileState.ACTIVE,
        source=FileSource.GENERATED if is_made else FileSource.UPLOADED,
    )
    return state.putting(name, KeptFile(file, data)), file


_KEPT_FOR = timedelta(days=2)


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, told(file_at(state, asked, asked.names["name"]).shown)


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    files = [each.shown for each in state.under("files") if (each.shown.expiration_time or asked.now) >= asked.now]
    return state, listed("files", files[::-1], asked, size=10, most=100)


def _deleted(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    file_at(state, asked, asked.names["name"])
    return state.dropping(asked.names["name"]), NOTHING


def _downloaded(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer the bytes; uploaded files come back, too, other than from the service."""
    found = file_at(state, asked, asked.names["name"])
    if asked.query.get("alt") != "media":
        return state, told(found.shown)
    kind = found.shown.mime_type or "application/octet-stream"
    return state, HttpResponse(200, (("content-type", kind),), found.data)


ROUTES = (
    ("POST", "upload/files", _uploaded),
    ("GET", "files", _listed),
    ("GET", "{name=files/*}", _got),
    ("DELETE", "{name=files/*}", _deleted),
    ("GET", "{name=files/*}:download", _downloaded),
)
