"""Downloads: into memory, or to a file that appears under its name once it is whole; redirects are followed here."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload
from urllib.parse import urljoin

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import Close, Draft, Keep, Lost, Write
from genai_fn.errors import APIError, GenaiError
from genai_fn.flows.streams import served
from genai_fn.flows.uploads import HasPath, path_of
from genai_fn.ops.downloads import Downloadable, DownloadFile, fetch
from genai_fn.request import Flow, Request, Steps, flow
from genai_fn.schema import GeneratedVideo, Video
from genai_fn.steps import Reading, attempt

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["download", "fetched", "held", "saved", "saved_held"]

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
        return Flow(fetched, fetch(file)) if holder is None else held(holder)
    where = path_of(path, "path")
    return Flow(saved, fetch(file), (where,)) if holder is None else saved_held(holder, where)


@flow
def held(video: Video) -> Steps[Result[bytes, GenaiError]]:
    """Give the bytes that a video holds."""
    yield from ()
    return Success(video.video_bytes or b"")


@flow
def fetched(request: Request[bytes]) -> Steps[Result[bytes, GenaiError]]:
    """Fetch into memory, from where redirects lead."""
    return (yield from _followed(request, attempt))


@flow
def saved(request: Request[bytes], path: str) -> Steps[Result["Path", GenaiError]]:
    """Fetch to a file, piece by piece."""
    draft: Any = yield Draft(path)
    if isinstance(draft, Lost):
        return Failure(draft.error)
    asked = replace(request, operation=request.operation.streaming())
    written = yield from _followed(asked, partial(_written, draft))
    return (yield from _ended(draft, written))


@flow
def saved_held(video: Video, path: str) -> Steps[Result["Path", GenaiError]]:
    """Write the bytes that a video holds to a file."""
    draft: Any = yield Draft(path)
    if isinstance(draft, Lost):
        return Failure(draft.error)
    lost: Lost | None = yield Write(draft, video.video_bytes or b"")
    return (yield from _ended(draft, Success(None) if lost is None else Failure(lost.error)))


def _followed(
    request: Request[bytes], way: Callable[[Request[bytes]], Steps[Result[T, GenaiError]]]
) -> Steps[Result[T, GenaiError]]:
    """Ask in a way, and ask again where redirects lead; the last of too many is the result."""
    for _ in range(_MOST_REDIRECTS):
        result = yield from way(request)
        following = _following(request, result)
        if following is None:
            return result
        request = following
    return (yield from way(request))


_MOST_REDIRECTS: Final = 5


def _written(draft: Any, request: Request[bytes]) -> Steps[Result[None, GenaiError]]:
    reading = Reading(served(request))
    while (piece := (yield from reading.next())) is not None:
        if isinstance(piece, Failure):
            return piece
        lost: Lost | None = yield Write(draft, piece.unwrap())
        if lost is not None:
            return Failure(lost.error)
    return Success(None)


def _ended(draft: Any, written: Result[None, GenaiError]) -> Steps[Result["Path", GenaiError]]:
    """Keep a draft that is whole, and discard any other."""
    if isinstance(written, Failure):
        yield Close(draft)
        return written
    kept: Path | Lost = yield Keep(draft)
    yield Close(draft)
    return Failure(kept.error) if isinstance(kept, Lost) else Success(kept)


def _following(request: Request[bytes], result: Result[Any, GenaiError]) -> Request[bytes] | None:
    """
    Ask where a redirect leads.

    The key goes to the backend's own address alone, as ever; headers of the request's options may say who calls, too,
    and stay behind.
    """
    error = result.failure() if isinstance(result, Failure) else None
    operation = request.operation
    if not isinstance(error, APIError) or error.code not in _REDIRECTS or not isinstance(operation, DownloadFile):
        return None
    location = next((value for name, value in error.headers if name.lower() == "location"), "")
    address = _joined(operation.address, location)
    if address is None:
        return None
    return replace(
        request, operation=replace(operation, address=address), options=replace(request.options, headers=None)
    )


_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def _joined(address: str, location: str) -> str | None:
    try:
        joined = urljoin(address, location)
        whole = urljoin("https://somewhere/", joined)
    except ValueError:
        return None
    is_one = bool(location) and joined.isprintable() and whole.startswith(("https://", "http://"))
    return joined if is_one else None
