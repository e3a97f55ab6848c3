"""Downloads: into memory, or to a file that gets its name only when it is complete. Redirects are followed here."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload
from urllib.parse import urljoin

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt
from genai_fn.effects import CloseResource, CommitTemp, CreateTemp, EffectFailed, WriteTemp
from genai_fn.errors import APIError, GenaiError
from genai_fn.ops.files.downloads import Downloadable, DownloadFile, download_bytes
from genai_fn.ops.files.upload_flow import HasPath, read_path
from genai_fn.request import Flow, FlowGenerator, Request, flow
from genai_fn.schema.videos import GeneratedVideo, Video
from genai_fn.streams import stream_response

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["download", "download_to_memory", "download_to_path", "return_video_bytes", "write_video_bytes"]

T = TypeVar("T")


@overload
def download(file: Downloadable, path: None = None) -> Flow[bytes]: ...
@overload
def download(file: Downloadable, path: str | HasPath) -> Flow["Path"]: ...
def download(file: Downloadable, path: str | HasPath | None = None) -> Flow[Any]:
    """
    Download a generated file, into memory or to a path. Redirects are followed.

    Without a path, the result is the content, up to ``max_response_bytes``. With a path, it is written in pieces of
    some 1 MiB, without a size limit: to a temporary file in the same folder, which then replaces the file at the path
    and keeps its permissions. Symbolic links are followed.

    Args:
        file: ``files/abc``, ``abc``, a URL of the file, a `File` with a ``download_uri``, or a video. A video that
            contains its bytes needs no request.

        path: Target path, in an existing folder.

    Raises:
        InvalidRequest: If ``file`` is not a file that can be downloaded, or ``path`` is not a path.

    Fails with:
        InvalidRequest: If the path cannot be written, or is something other than a regular file.

        Unsupported: On Vertex AI, or if the file is in Cloud Storage.

        ClientError: If the file does not exist (403 or 404).

    >>> from genai_fn import Offline
    >>> Offline()(download(Video(video_bytes=b"film")))
    <Success: b'film'>
    """
    target = None if path is None else read_path(path, "path")
    video = file.video if isinstance(file, GeneratedVideo) else file
    if isinstance(video, Video) and video.video_bytes is not None:
        return return_video_bytes(video) if target is None else write_video_bytes(video, target)
    request = download_bytes(file)
    return Flow(download_to_memory, request) if target is None else Flow(download_to_path, request, (target,))


@flow
def return_video_bytes(video: Video) -> FlowGenerator[Result[bytes, GenaiError]]:
    """Return the bytes that a video contains."""
    yield from ()
    return Success(video.video_bytes or b"")


@flow
def download_to_memory(request: Request[bytes]) -> FlowGenerator[Result[bytes, GenaiError]]:
    """Download into memory, following redirects."""
    return (yield from _follow_redirects(request, attempt))


@flow
def download_to_path(request: Request[bytes], path: str) -> FlowGenerator[Result["Path", GenaiError]]:
    """Download to a file in chunks, following redirects."""
    temp: Any = yield CreateTemp(path)
    if isinstance(temp, EffectFailed):
        return Failure(temp.error)
    streaming = replace(request, operation=request.operation.get_streaming_operation())
    written = yield from _follow_redirects(streaming, partial(_write_chunks, temp))
    return (yield from _commit_or_discard(temp, written))


@flow
def write_video_bytes(video: Video, path: str) -> FlowGenerator[Result["Path", GenaiError]]:
    """Write the bytes that a video contains to a file."""
    temp: Any = yield CreateTemp(path)
    if isinstance(temp, EffectFailed):
        return Failure(temp.error)
    failed: EffectFailed | None = yield WriteTemp(temp, video.video_bytes or b"")
    return (yield from _commit_or_discard(temp, Success(None) if failed is None else Failure(failed.error)))


def _follow_redirects(
    request: Request[bytes], send: Callable[[Request[bytes]], FlowGenerator[Result[T, GenaiError]]]
) -> FlowGenerator[Result[T, GenaiError]]:
    """Run `send` for a request and for up to five redirects; if there are more, the last response is the result."""
    for _ in range(_MAX_REDIRECTS):
        result = yield from send(request)
        following = _build_redirected_request(request, result)
        if following is None:
            return result
        request = following
    return (yield from send(request))


_MAX_REDIRECTS: Final = 5


def _write_chunks(temp: Any, request: Request[bytes]) -> FlowGenerator[Result[None, GenaiError]]:
    """Write the chunks of a response; small ones are collected, as a task uses a thread for each write."""
    reader = StreamReader(stream_response(request))
    collected = bytearray()
    failed: EffectFailed | None
    while (chunk := (yield from reader.read_next())) is not None:
        if isinstance(chunk, Failure):
            return chunk
        data: bytes | bytearray = chunk.unwrap()
        if collected or len(data) < _WRITE_SIZE:
            collected += data
            if len(collected) < _WRITE_SIZE:
                continue
            data, collected = collected, bytearray()
        failed = yield WriteTemp(temp, data)
        if failed is not None:
            return Failure(failed.error)
    failed = (yield WriteTemp(temp, collected)) if collected else None
    return Success(None) if failed is None else Failure(failed.error)


_WRITE_SIZE: Final = 1 << 20
"""Bytes of a download that are collected before they are written."""


def _commit_or_discard(temp: Any, written: Result[None, GenaiError]) -> FlowGenerator[Result["Path", GenaiError]]:
    """Commit the temporary file if everything was written, and discard it otherwise."""
    if isinstance(written, Failure):
        yield CloseResource(temp)
        return written
    committed: Path | EffectFailed = yield CommitTemp(temp)
    yield CloseResource(temp)
    return Failure(committed.error) if isinstance(committed, EffectFailed) else Success(committed)


def _build_redirected_request(request: Request[bytes], result: Result[Any, GenaiError]) -> Request[bytes] | None:
    """
    Build the request for the target of a redirect; None if the result is not a redirect.

    The key is sent only to the backend's own origin. Headers of the request's options are dropped, because they may
    contain credentials.
    """
    error = result.failure() if isinstance(result, Failure) else None
    operation = request.operation
    if not isinstance(error, APIError) or error.code not in _REDIRECT_CODES or not isinstance(operation, DownloadFile):
        return None
    location = next((value for name, value in error.headers if name.lower() == "location"), "")
    address = _join_url(operation.address, location)
    if address is None:
        return None
    return replace(
        request, operation=replace(operation, address=address), options=replace(request.options, headers=None)
    )


_REDIRECT_CODES: Final = frozenset({301, 302, 303, 307, 308})


def _join_url(address: str, location: str) -> str | None:
    try:
        joined = urljoin(address, location)
        absolute = urljoin("https://host/", joined)
    except ValueError:
        return None
    is_url = bool(location) and joined.isprintable() and absolute.startswith(("https://", "http://"))
    return joined if is_url else None
