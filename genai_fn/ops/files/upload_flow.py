"""Uploads: a session that is started, fed piece by piece, and gone on with from where the server says that it is."""

import io
import re
from collections.abc import Mapping
from typing import IO, Any, Final, Protocol, TypeAlias

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import ask, attempt, sleep
from genai_fn.effects import EffectFailed, FlowFailed, GetFileSize, GetRandom, Notify, ReadFileSlice
from genai_fn.errors import APIError, DecodeError, GenaiError, InvalidRequest, TimedOut
from genai_fn.events import Uploaded
from genai_fn.http import FileSlice
from genai_fn.ops.files.uploads import (
    QueryUpload,
    SendUploadChunk,
    StartStoreUpload,
    StartUpload,
    UploadProgress,
    decode_store_operation,
    decode_uploaded_file,
)
from genai_fn.options import Retry
from genai_fn.request import Flow, FlowGenerator, Request, flow
from genai_fn.retry import compute_delay, is_retryable
from genai_fn.schema import (
    File,
    UploadFileConfig,
    UploadToFileSearchStoreConfig,
    UploadToFileSearchStoreOperation,
)
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.schema.mime_types import resolve_mime_type
from genai_fn.wire.resource_names import check_resource_name

__all__ = [
    "UPLOAD_CHUNK_BYTES",
    "HasPath",
    "Uploadable",
    "read_path",
    "run_store_upload",
    "run_upload",
    "upload",
    "upload_to_store",
]

UPLOAD_CHUNK_BYTES: Final = 8 * 1024 * 1024
"""How many bytes one request carries; the server takes multiples of 256 KiB, but for the last."""


class HasPath(Protocol):
    """What stands for a path, such as a ``Path``."""

    def __fspath__(self) -> str: ...


Uploadable: TypeAlias = str | HasPath | bytes | IO[bytes]
"""What can be uploaded: a path, bytes, or a file that is open for reading bytes."""


def upload(file: Uploadable, config: UploadFileConfig | Mapping[str, Any] | None = None) -> Flow[File]:
    """
    Upload a file, which the service keeps for two days.

    It is read as it is sent. After a fault the upload goes on from what has arrived; it ends with that fault once four
    attempts in a row have brought nothing. ``events.Uploaded`` tells how far it is. Any trouble with the file itself is
    ``Failure(InvalidRequest)``.

    Args:
        file: A path, which is looked at when this is run; bytes; or a file open for bytes that can be sought, which is
            sent from its beginning, wherever it stands, and left open. One that cannot (a pipe) has to be read first.

        config: With a ``mime_type`` where the name does not tell it.

    >>> upload("notes/Müll.txt").args[1].mime_type
    'text/plain'
    """
    settled = as_struct(UploadFileConfig, config)
    content, file_name, mime_type = _describe_file(file, settled.mime_type)
    return run_upload(content, StartUpload(size=0, mime_type=mime_type, file_name=file_name, config=settled))


def upload_to_store(
    file_search_store_name: str,
    file: Uploadable,
    config: UploadToFileSearchStoreConfig | Mapping[str, Any] | None = None,
) -> Flow[UploadToFileSearchStoreOperation]:
    """
    Upload a file into a store, where it becomes a document; ``| until_done()`` waits for that.

    Args:
        file_search_store_name: ``fileSearchStores/…``.

        file: As for ``files.upload``.

        config: Facts to filter by, how the file is cut into passages, and a ``mime_type`` where the name does not tell
            it.

    >>> upload_to_store("fileSearchStores/s", b"[]", {"mime_type": "application/json"}).args[1].mime_type
    'application/json'
    """
    settled = as_struct(UploadToFileSearchStoreConfig, config)
    content, file_name, mime_type = _describe_file(file, settled.mime_type)
    start = StartStoreUpload(
        file_search_store_name=check_resource_name(
            file_search_store_name, "file_search_store_name", "the name of a store"
        ),
        size=0,
        mime_type=mime_type,
        file_name=file_name,
        config=settled,
    )
    return run_store_upload(content, start)


def read_path(path: object, name: str) -> str:
    """Read a path, which may be an object that stands for one."""
    stand_in: Any = getattr(path, "__fspath__", None)
    told: object = path if stand_in is None else stand_in()
    if not isinstance(told, str) or not told:
        raise InvalidRequest(name, path, "a path")
    return told


class BytesContent(Message):
    """Bytes to be uploaded, which show themselves cut."""

    data: bytes


_UploadContent: TypeAlias = str | BytesContent | IO[bytes]


def _describe_file(file: object, given: str | None) -> tuple[Any, str, str]:
    """Say where the bytes are, which name the server is told, and of which kind they are."""
    if isinstance(file, bytes):
        return BytesContent(data=file), "", resolve_mime_type("", given)
    if isinstance(file, io.TextIOBase) or (hasattr(file, "read") and not hasattr(file, "seek")):
        raise InvalidRequest("file", file, "a file open for bytes, which can be sought")
    if hasattr(file, "read"):
        name: object = getattr(file, "name", None)
        return file, "", resolve_mime_type(_get_file_name(name) if isinstance(name, str) else "", given)
    path = read_path(file, "file")
    return path, _get_file_name(path), resolve_mime_type(_get_file_name(path), given)


def _get_file_name(path: str) -> str:
    """Cut a path down to the file's name, with what no text can hold replaced."""
    is_windows = re.match(r"[A-Za-z]:\\|\\\\", path)
    return re.split(r"[/\\]" if is_windows else "/", path)[-1].encode("utf-8", "replace").decode()


# The session


@flow
def run_upload(
    content: _UploadContent, start: StartUpload, chunk: int = UPLOAD_CHUNK_BYTES
) -> FlowGenerator[Result[File, GenaiError]]:
    """Upload, and read the file that it has become."""
    return decode_uploaded_file((yield from _send_content(content, start, chunk)))


@flow
def run_store_upload(
    content: _UploadContent, start: StartStoreUpload, chunk: int = UPLOAD_CHUNK_BYTES
) -> FlowGenerator[Result[UploadToFileSearchStoreOperation, GenaiError]]:
    """Upload, and read the operation that it has begun."""
    return decode_store_operation((yield from _send_content(content, start, chunk)))


def _send_content(
    content: _UploadContent, start: StartUpload | StartStoreUpload, chunk: int
) -> FlowGenerator[UploadProgress]:
    """Send all, and give the server's last word; `stalls` counts the attempts in a row that have brought nothing."""
    size: int = yield from _measure_content(content)
    session = yield from ask(Request(replace(start, size=size)))
    offset = most = stalls = 0
    while True:
        count = min(chunk, size - offset)
        data = yield from _read_chunk(content, offset, count)
        piece = SendUploadChunk(session=session, offset=offset, data=data, is_last=offset + count == size)
        progress = _normalize_progress((yield from attempt(Request(piece))), offset + count)
        if isinstance(progress, Failure):
            yield from _sleep_before_query(progress.failure(), stalls)
            progress = _normalize_progress((yield from attempt(Request(QueryUpload(session=session)))), None)
        told = _validate_progress(progress, size)
        offset = size if told.is_final else told.received or 0
        stalls = 0 if offset > most else stalls + 1
        most = max(most, offset)
        if told.is_final or stalls == 0:
            yield Notify(Uploaded(start.file_name, offset, size))
        if told.is_final:
            return told
        if stalls >= _RETRY_POLICY.attempts:
            raise FlowFailed(DecodeError("an upload that goes on", "x-goog-upload-size-received", str(offset)))


_RETRY_POLICY: Final = Retry()


def _normalize_progress(
    result: Result[UploadProgress, GenaiError], expected: int | None
) -> Result[UploadProgress, GenaiError]:
    """Read how far it is; a 308 says so in other words, and no word at all that all has arrived that was `expected`."""
    if isinstance(result, Failure):
        error = result.failure()
        return Success(_progress_from_308(error)) if isinstance(error, APIError) and error.code == 308 else result
    told = result.unwrap()
    return result if told.is_final or told.received is not None else Success(replace(told, received=expected))


def _progress_from_308(error: APIError) -> UploadProgress:
    """Read how far it is, as Cloud Storage tells it: nothing has arrived where there is no range."""
    headers = {name.lower(): value for name, value in error.headers}
    counted = headers.get("x-goog-upload-size-received", "")
    ranged = re.fullmatch("bytes=0-([0-9]{1,18})", headers.get("range", ""))
    return UploadProgress(
        False, int(counted) if re.fullmatch("[0-9]{1,18}", counted) else int(ranged[1]) + 1 if ranged else 0
    )


def _validate_progress(progress: Result[UploadProgress, GenaiError], size: int) -> UploadProgress:
    if isinstance(progress, Failure):
        raise FlowFailed(progress.failure())
    told = progress.unwrap()
    if not told.is_final and (told.received is None or not 0 <= told.received <= size):
        raise FlowFailed(
            DecodeError(f"how many of {size} bytes have arrived", "x-goog-upload-size-received", str(told.received))
        )
    return told


def _sleep_before_query(error: GenaiError, stalls: int) -> FlowGenerator[None]:
    """Wait before the server is asked how far it is; what would not get better ends the upload."""
    wait = None
    if is_retryable(error, repeatable=True) or isinstance(error, TimedOut):
        wait = compute_delay(error, stalls + 1, _RETRY_POLICY, (yield GetRandom()))
    if wait is None:
        raise FlowFailed(error)
    yield from sleep(wait)


# The bytes


def _measure_content(content: _UploadContent) -> FlowGenerator[int]:
    if isinstance(content, BytesContent):
        return len(content.data)
    size: int | EffectFailed = yield GetFileSize(content)
    if isinstance(size, EffectFailed):
        raise FlowFailed(size.error)
    return size


def _read_chunk(content: _UploadContent, offset: int, count: int) -> FlowGenerator[bytes | FileSlice]:
    if isinstance(content, BytesContent):
        return content.data[offset : offset + count]
    if count == 0:
        return b""
    if isinstance(content, str):
        return FileSlice(content, offset, count)
    data: bytes | EffectFailed = yield ReadFileSlice(content, offset, count)
    if isinstance(data, EffectFailed):
        raise FlowFailed(data.error)
    if len(data) < count:
        raise FlowFailed(
            InvalidRequest("file", repr(content), f"{count} bytes from {offset} on, as it had when it was measured")
        )
    return data
