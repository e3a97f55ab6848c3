"""Uploads: start a session, send chunks, and continue after an error from the bytes that the server has received."""

import io
import re
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import ask, attempt, sleep
from genai_fn.effects import EffectFailed, FlowFailed, GetFileSize, GetRandom, Notify, ReadFileSlice
from genai_fn.engine.retry import compute_delay, is_retryable
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
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Flow, FlowGenerator, Request, flow
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.schema.files import File, UploadFileConfig
from genai_fn.schema.mime_types import resolve_mime_type
from genai_fn.schema.stores import UploadToFileSearchStoreConfig, UploadToFileSearchStoreOperation
from genai_fn.wire.resource_names import check_name_in

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import UploadFileConfigLike, UploadToFileSearchStoreConfigLike

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
"""Bytes in one request. The server requires multiples of 256 KiB, except for the last chunk."""


class HasPath(Protocol):
    """A path object, such as ``pathlib.Path``."""

    def __fspath__(self) -> str: ...


Uploadable: TypeAlias = str | HasPath | bytes | IO[bytes]
"""What can be uploaded: a path, bytes, or a file opened in binary mode."""


def upload(file: Uploadable, config: "UploadFileConfigLike | None" = None) -> Flow[File]:
    """
    Upload a file. The server stores it for two days. Gemini Developer API only.

    The file is read in chunks of 8 MiB while it is sent. After an error, the upload continues from the bytes that the
    server has received; it fails with that error after four attempts in a row without progress. Listeners receive
    ``events.Uploaded`` after each chunk.

    Args:
        file: A path, which is opened when the flow runs; bytes; or a seekable file opened in binary mode, which is sent
            from its start and stays open. Read a pipe into bytes first.

        config: ``name``, ``display_name``, and ``mime_type`` if the file name does not determine it.

    Raises:
        InvalidRequest: If ``file`` has the wrong type or cannot seek, its MIME type is unknown, or a field of
            ``config`` is unknown or has the wrong type.

    Fails with:
        InvalidRequest: If the file cannot be read, or becomes shorter while it is sent.

        Unsupported: On Vertex AI.

        ClientError: If the server rejects the file, or its size is over the limit (400).

    >>> upload("notes/Müll.txt").args[1].mime_type
    'text/plain'
    """
    converted = as_struct(UploadFileConfig, config)
    content, file_name, mime_type = _describe_file(file, converted.mime_type)
    return run_upload(content, StartUpload(size=0, mime_type=mime_type, file_name=file_name, config=converted))


def upload_to_store(
    file_search_store_name: str,
    file: Uploadable,
    config: "UploadToFileSearchStoreConfigLike | None" = None,
) -> Flow[UploadToFileSearchStoreOperation]:
    """
    Upload a file into a store, where it becomes a document; ``| until_done()`` waits for the document.

    Args:
        file_search_store_name: ``fileSearchStores/…``.

        file: As in ``files.upload``.

        config: ``custom_metadata`` to filter searches by, ``chunking_config``, ``display_name``, and ``mime_type`` if
            the file name does not determine it.

    Raises:
        InvalidRequest: As in ``files.upload``, and if the store's name is empty or invalid.

    Fails with:
        InvalidRequest: If the file cannot be read, or becomes shorter while it is sent.

        Unsupported: On Vertex AI.

        ClientError: If the store does not exist (404), or the server rejects the file (400).

        OperationFailed: After ``| until_done()``, if the import has failed.

    >>> upload_to_store("fileSearchStores/s", b"[]", {"mime_type": "application/json"}).args[1].mime_type
    'application/json'
    """
    converted = as_struct(UploadToFileSearchStoreConfig, config)
    content, file_name, mime_type = _describe_file(file, converted.mime_type)
    start = StartStoreUpload(
        file_search_store_name=check_name_in(file_search_store_name, "fileSearchStores", path="file_search_store_name"),
        size=0,
        mime_type=mime_type,
        file_name=file_name,
        config=converted,
    )
    return run_store_upload(content, start)


def read_path(path: object, name: str) -> str:
    """Return a path as a string; raise `InvalidRequest`, with the parameter's `name`, if it is not a path."""
    fspath: Any = getattr(path, "__fspath__", None)
    text: object = path if fspath is None else fspath()
    if not isinstance(text, str) or not text:
        raise InvalidRequest(name, path, "a path")
    return text


class BytesContent(Message):
    """Bytes to upload; their ``repr`` is truncated."""

    data: bytes


_UploadContent: TypeAlias = str | BytesContent | IO[bytes]


def _describe_file(file: object, given: str | None) -> tuple[Any, str, str]:
    """Return the content to read, the file name to send, and the MIME type."""
    if isinstance(file, bytes):
        return BytesContent(data=file), "", resolve_mime_type("", given)
    if isinstance(file, io.TextIOBase) or (hasattr(file, "read") and not hasattr(file, "seek")):
        raise InvalidRequest("file", file, "a seekable file opened in binary mode")
    if hasattr(file, "read"):
        name: object = getattr(file, "name", None)
        return file, "", resolve_mime_type(_get_file_name(name) if isinstance(name, str) else "", given)
    path = read_path(file, "file")
    return path, _get_file_name(path), resolve_mime_type(_get_file_name(path), given)


def _get_file_name(path: str) -> str:
    """Return the last part of a path, with characters that UTF-8 cannot encode replaced."""
    is_windows = re.match(r"[A-Za-z]:\\|\\\\", path)
    return re.split(r"[/\\]" if is_windows else "/", path)[-1].encode("utf-8", "replace").decode()


# The session


@flow
def run_upload(
    content: _UploadContent, start: StartUpload, chunk: int = UPLOAD_CHUNK_BYTES
) -> FlowGenerator[Result[File, GenaiError]]:
    """Upload a file, and decode the created `File`."""
    return decode_uploaded_file((yield from _send_content(content, start, chunk)))


@flow
def run_store_upload(
    content: _UploadContent, start: StartStoreUpload, chunk: int = UPLOAD_CHUNK_BYTES
) -> FlowGenerator[Result[UploadToFileSearchStoreOperation, GenaiError]]:
    """Upload a file into a store, and decode the started operation."""
    return decode_store_operation((yield from _send_content(content, start, chunk)))


def _send_content(
    content: _UploadContent, start: StartUpload | StartStoreUpload, chunk: int
) -> FlowGenerator[UploadProgress]:
    """Send all chunks and return the final progress; `stalls` counts the attempts in a row without progress."""
    size: int = yield from _measure_content(content)
    session = yield from ask(Request(replace(start, size=size)))
    offset = max_offset = stalls = 0
    while True:
        count = min(chunk, size - offset)
        data = yield from _read_chunk(content, offset, count)
        send = SendUploadChunk(session=session, offset=offset, data=data, is_last=offset + count == size)
        result = _normalize_progress((yield from attempt(Request(send))), offset + count)
        if isinstance(result, Failure):
            yield from _sleep_before_query(result.failure(), stalls)
            result = _normalize_progress((yield from attempt(Request(QueryUpload(session=session)))), None)
        progress = _validate_progress(result, size)
        offset = size if progress.is_final else progress.received or 0
        stalls = 0 if offset > max_offset else stalls + 1
        max_offset = max(max_offset, offset)
        if progress.is_final or stalls == 0:
            yield Notify(Uploaded(start.file_name, offset, size))
        if progress.is_final:
            return progress
        if stalls >= _RETRY_POLICY.attempts:
            raise FlowFailed(DecodeError("progress of the upload", "x-goog-upload-size-received", str(offset)))


_RETRY_POLICY: Final = Retry()
_MAX_ADVISED_DELAY: Final = Timeouts().total
"""Seconds that an upload waits at most because the server says so; a single request waits no longer either."""


def _normalize_progress(
    result: Result[UploadProgress, GenaiError], expected: int | None
) -> Result[UploadProgress, GenaiError]:
    """Return the progress of a response or of a 308; `expected` bytes if the server does not state how many."""
    if isinstance(result, Failure):
        error = result.failure()
        return Success(_progress_from_308(error)) if isinstance(error, APIError) and error.code == 308 else result
    progress = result.unwrap()
    is_known = progress.is_final or progress.received is not None
    return result if is_known else Success(replace(progress, received=expected))


def _progress_from_308(error: APIError) -> UploadProgress:
    """Read the progress from a 308 of Cloud Storage; without a range, no bytes were received."""
    headers = {name.lower(): value for name, value in error.headers}
    size = headers.get("x-goog-upload-size-received", "")
    if re.fullmatch("[0-9]{1,18}", size):
        return UploadProgress(False, int(size))
    byte_range = re.fullmatch("bytes=0-([0-9]{1,18})", headers.get("range", ""))
    return UploadProgress(False, int(byte_range[1]) + 1 if byte_range else 0)


def _validate_progress(result: Result[UploadProgress, GenaiError], size: int) -> UploadProgress:
    if isinstance(result, Failure):
        raise FlowFailed(result.failure())
    progress = result.unwrap()
    if not progress.is_final and (progress.received is None or not 0 <= progress.received <= size):
        expected = f"the number of bytes received, of {size}"
        raise FlowFailed(DecodeError(expected, "x-goog-upload-size-received", str(progress.received)))
    return progress


def _sleep_before_query(error: GenaiError, stalls: int) -> FlowGenerator[None]:
    """Wait before the progress is queried; end the upload if the error cannot be retried."""
    delay = None
    if is_retryable(error, repeatable=True) or isinstance(error, TimedOut):
        delay = compute_delay(error, stalls + 1, _RETRY_POLICY, (yield GetRandom()))
    if delay is None or delay > _MAX_ADVISED_DELAY:
        raise FlowFailed(error)
    yield from sleep(delay)


# The content


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
    if len(data) != count:
        raise FlowFailed(
            InvalidRequest("file", repr(content), f"{count} bytes from {offset} on, as when its size was read")
        )
    return data
