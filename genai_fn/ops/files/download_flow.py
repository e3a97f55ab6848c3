"""Downloads: into memory, or to a file that appears under its name once it is whole; redirects are followed here."""

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
from genai_fn.schema import GeneratedVideo, Video
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
    Fetch what is in a file that the service made.

    With a path it is written as it comes: beside the path at first, and under its name once it is whole; the size is
    not bounded. Without, it is the bytes, bounded by ``max_response_bytes``. A regular file at the path, or behind a
    symbolic link there, is replaced and keeps its permissions. What else is there, or cannot be written, is
    ``Failure(InvalidRequest)``; what is in Cloud Storage is ``Failure(Unsupported)``.

    Args:
        file: ``files/abc``, ``abc``, an address of the file, a `File` with a ``download_uri``, or a video, which needs
            no request if it holds its bytes.

        path: Where to, in a folder that is there.

    >>> from genai_fn import Offline
    >>> Offline()(download(Video(video_bytes=b"film")))
    <Success: b'film'>
    """
    video = file.video if isinstance(file, GeneratedVideo) else file
    holder = video if isinstance(video, Video) and video.video_bytes is not None else None
    if path is None:
        return Flow(download_to_memory, download_bytes(file)) if holder is None else return_video_bytes(holder)
    where = read_path(path, "path")
    return (
        Flow(download_to_path, download_bytes(file), (where,)) if holder is None else write_video_bytes(holder, where)
    )


@flow
def return_video_bytes(video: Video) -> FlowGenerator[Result[bytes, GenaiError]]:
    """Give the bytes that a video holds."""
    yield from ()
    return Success(video.video_bytes or b"")


@flow
def download_to_memory(request: Request[bytes]) -> FlowGenerator[Result[bytes, GenaiError]]:
    """Fetch into memory, from where redirects lead."""
    return (yield from _follow_redirects(request, attempt))


@flow
def download_to_path(request: Request[bytes], path: str) -> FlowGenerator[Result["Path", GenaiError]]:
    """Fetch to a file, piece by piece."""
    draft: Any = yield CreateTemp(path)
    if isinstance(draft, EffectFailed):
        return Failure(draft.error)
    asked = replace(request, operation=request.operation.get_streaming_operation())
    written = yield from _follow_redirects(asked, partial(_write_chunks, draft))
    return (yield from _commit_or_discard(draft, written))


@flow
def write_video_bytes(video: Video, path: str) -> FlowGenerator[Result["Path", GenaiError]]:
    """Write the bytes that a video holds to a file."""
    draft: Any = yield CreateTemp(path)
    if isinstance(draft, EffectFailed):
        return Failure(draft.error)
    lost: EffectFailed | None = yield WriteTemp(draft, video.video_bytes or b"")
    return (yield from _commit_or_discard(draft, Success(None) if lost is None else Failure(lost.error)))


def _follow_redirects(
    request: Request[bytes], way: Callable[[Request[bytes]], FlowGenerator[Result[T, GenaiError]]]
) -> FlowGenerator[Result[T, GenaiError]]:
    """Ask in a way, and ask again where redirects lead; the last of too many is the result."""
    for _ in range(_MAX_REDIRECTS):
        result = yield from way(request)
        following = _build_redirected_request(request, result)
        if following is None:
            return result
        request = following
    return (yield from way(request))


_MAX_REDIRECTS: Final = 5


def _write_chunks(draft: Any, request: Request[bytes]) -> FlowGenerator[Result[None, GenaiError]]:
    reading = StreamReader(stream_response(request))
    while (piece := (yield from reading.read_next())) is not None:
        if isinstance(piece, Failure):
            return piece
        lost: EffectFailed | None = yield WriteTemp(draft, piece.unwrap())
        if lost is not None:
            return Failure(lost.error)
    return Success(None)


def _commit_or_discard(draft: Any, written: Result[None, GenaiError]) -> FlowGenerator[Result["Path", GenaiError]]:
    """Keep a draft that is whole, and discard any other."""
    if isinstance(written, Failure):
        yield CloseResource(draft)
        return written
    kept: Path | EffectFailed = yield CommitTemp(draft)
    yield CloseResource(draft)
    return Failure(kept.error) if isinstance(kept, EffectFailed) else Success(kept)


def _build_redirected_request(request: Request[bytes], result: Result[Any, GenaiError]) -> Request[bytes] | None:
    """
    Ask where a redirect leads.

    The key goes to the backend's own address alone, as ever; headers of the request's options may say who calls, too,
    and stay behind.
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
        whole = urljoin("https://somewhere/", joined)
    except ValueError:
        return None
    is_one = bool(location) and joined.isprintable() and whole.startswith(("https://", "http://"))
    return joined if is_one else None
