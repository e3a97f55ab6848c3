"""Recordings played again: the exchange that answers from one, and an interpreter that has nothing else."""

import warnings
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.effects import Effects
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.interpreters.http import Items
from genai_fn.interpreters.settings import check_live
from genai_fn.ops.files.upload_flow import HasPath, read_path
from genai_fn.request import Action, Live, Request, Stream
from genai_fn.testing.fake import Fake
from genai_fn.testing.recordings.calls import RecordedCalls
from genai_fn.testing.recordings.file import read_calls
from genai_fn.testing.recordings.recorder import RecordedStream, Recorder
from genai_fn.testing.recordings.scrub import KnownSecrets
from genai_fn.testing.recordings.serialize import RecordedCall, has_masked_url, record_live, record_request

if TYPE_CHECKING:
    from genai_fn.interpreters.async_http import AsyncItems  # loaded with anyio, at the first use
    from genai_fn.interpreters.live.session import Session
    from genai_fn.testing.async_fake import AsyncFake

__all__ = ["AsyncReplay", "Replay", "ReplayHandler", "load_recording"]

T = TypeVar("T")


class Replay:
    """
    Answers requests from a recording; nobody is asked, and time is virtual, as with a `Fake`.

    What the recording does not have is ``Failure(NoAnswer)``, which shows what comes nearest. ``Replay(…).aio`` is the
    same one, to be awaited.

    Args:
        path: A file that `recording` has written.

        in_order: Whether requests must come in the order in which they were recorded, none left out. Else each finds
            the answers to requests that are equal to it: one after the other, and the last of them again and again.
    """

    def __init__(self, path: str | HasPath, *, in_order: bool = False) -> None:
        self._path = Path(read_path(path, "path"))
        self._calls = load_recording(self._path, in_order=in_order)
        self._fake = Fake().with_middleware(lambda _: ReplayHandler(self._calls, KnownSecrets()))

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        return self._fake(action)

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        return self._fake.stream(stream)

    @property
    def aio(self) -> "AsyncReplay":
        """The same one, to be awaited on asyncio or trio."""
        return AsyncReplay(self._fake.aio, self._calls)

    def __repr__(self) -> str:
        return f"Replay({str(self._path)!r})"


class AsyncReplay:
    """A `Replay` to be awaited, on asyncio and trio; made by ``Replay(…).aio``."""

    def __init__(self, run: "AsyncFake", recorded: RecordedCalls) -> None:
        self._fake = run
        self._calls = recorded

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        return await self._fake(action)

    def stream(self, stream: Stream[T]) -> "AsyncItems[T]":
        """Read a stream."""
        return self._fake.stream(stream)

    def live(self, live: Live[T]) -> "Session[T]":
        """Hold a live session."""
        from genai_fn.testing.recordings.live_sessions import replay_session  # noqa: PLC0415  # loads anyio

        check_live(live)
        asked = record_live(live, KnownSecrets())
        return replay_session(self._calls.take_call(asked), live, self._calls.describe_nearest(asked))


def load_recording(path: Path, *, in_order: bool = False) -> RecordedCalls:
    """Read a recording for nothing but to be played."""
    notes, cut = read_calls(path)
    if cut:
        warnings.warn(f"{path.name} ends within a line, which is left out: {cut} bytes", stacklevel=3)
    return RecordedCalls(notes, path.name, in_order=in_order, repeat_last=True)


class ReplayHandler:
    """
    An exchange that answers from a recording.

    Args:
        beyond: Who is asked, and recorded, where the recording has nothing; None if nobody is.
    """

    def __init__(self, recorded: RecordedCalls, secrets: KnownSecrets, recorder: Recorder | None = None) -> None:
        self._calls = recorded
        self._secrets = secrets
        self._recorder = recorder

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Answer one request."""
        asked = yield from record_request(request, self._secrets, in_chunks=False)
        if isinstance(asked, InvalidRequest):
            return Failure(asked)
        found = self._calls.take_results(asked, request)
        if found is not None:
            return found[0]
        if self._recorder is None or has_masked_url(request):
            return self._build_no_answer(asked, request)
        return (yield from self._recorder.handle(asked, request, until))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream; a failure as its first item is one of the stream."""
        asked = yield from record_request(request, self._secrets, in_chunks=True)
        if isinstance(asked, InvalidRequest):
            return Failure(asked)
        found = self._calls.take_results(asked, request)
        if found is not None:
            return found[0] if found and isinstance(found[0], Failure) else Success(iter(found))
        if self._recorder is None or has_masked_url(request):
            return self._build_no_answer(asked, request)
        return (yield from self._recorder.open_stream(asked, request, until))

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give what comes next in a stream."""
        if self._recorder is not None and isinstance(handle, RecordedStream):
            return (yield from self._recorder.read_items(handle))
        return tuple(islice(handle, 1))

    def finish(self) -> None:
        """End the run: what it did not read to the end is recorded as left."""
        if self._recorder is not None:
            self._recorder.finish()

    def _build_no_answer(self, asked: RecordedCall, request: Request[Any]) -> Result[Any, GenaiError]:
        return Failure(NoAnswer(request, self._calls.describe_nearest(asked)))
