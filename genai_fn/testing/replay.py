"""Recordings played again: the exchange that answers from one, and an interpreter that has nothing else."""

import warnings
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.effects import Effects
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.flows.uploads import HasPath, path_of
from genai_fn.interpret.settings import a_live
from genai_fn.interpret.sync import Items
from genai_fn.request import Action, Live, Request, Stream
from genai_fn.testing.fake import Fake
from genai_fn.testing.notes import Note, is_of_a_recording, noted, noted_live
from genai_fn.testing.recorded import Recorded
from genai_fn.testing.recorder import Heard, Recorder
from genai_fn.testing.scrubbing import Secrets
from genai_fn.testing.tape import notes_in

if TYPE_CHECKING:
    from genai_fn.interpret.aio import AsyncItems  # loaded with anyio, at the first use
    from genai_fn.interpret.live import Session
    from genai_fn.testing.fake_async import AsyncFake

__all__ = ["AsyncReplay", "Playing", "Replay", "recorded_in"]

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
        self._path = Path(path_of(path, "path"))
        self._recorded = recorded_in(self._path, in_order=in_order)
        self._run = Fake().through(lambda _: Playing(self._recorded, Secrets()))

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        return self._run(action)

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        return self._run.stream(stream)

    @property
    def aio(self) -> "AsyncReplay":
        """The same one, to be awaited on asyncio or trio."""
        return AsyncReplay(self._run.aio, self._recorded)

    def __repr__(self) -> str:
        return f"Replay({str(self._path)!r})"


class AsyncReplay:
    """A `Replay` to be awaited, on asyncio and trio; made by ``Replay(…).aio``."""

    def __init__(self, run: "AsyncFake", recorded: Recorded) -> None:
        self._run = run
        self._recorded = recorded

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        return await self._run(action)

    def stream(self, stream: Stream[T]) -> "AsyncItems[T]":
        """Read a stream."""
        return self._run.stream(stream)

    def live(self, live: Live[T]) -> "Session[T]":
        """Hold a live session."""
        from genai_fn.testing.sessions import played  # noqa: PLC0415  # loads anyio

        a_live(live)
        asked = noted_live(live, Secrets())
        return played(self._recorded.take_note(asked), live, self._recorded.nearest(asked))


def recorded_in(path: Path, *, in_order: bool = False) -> Recorded:
    """Read a recording for nothing but to be played."""
    notes, cut = notes_in(path)
    if cut:
        warnings.warn(f"{path.name} ends within a line, which is left out: {cut} bytes", stacklevel=3)
    return Recorded(notes, path.name, in_order=in_order, lasts=True)


class Playing:
    """
    An exchange that answers from a recording.

    Args:
        beyond: Who is asked, and recorded, where the recording has nothing; None if nobody is.
    """

    def __init__(self, recorded: Recorded, secrets: Secrets, beyond: Recorder | None = None) -> None:
        self._recorded = recorded
        self._secrets = secrets
        self._beyond = beyond

    def ask(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Answer one request."""
        asked = yield from noted(request, self._secrets, in_chunks=False)
        if isinstance(asked, InvalidRequest):
            return Failure(asked)
        found = self._recorded.take(asked, request)
        if found is not None:
            return found[0]
        if self._beyond is None or is_of_a_recording(request):
            return self._missing(asked, request)
        return (yield from self._beyond.ask(asked, request, until))

    def listen(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream; a failure as its first item is one of the stream."""
        asked = yield from noted(request, self._secrets, in_chunks=True)
        if isinstance(asked, InvalidRequest):
            return Failure(asked)
        found = self._recorded.take(asked, request)
        if found is not None:
            return found[0] if found and isinstance(found[0], Failure) else Success(iter(found))
        if self._beyond is None or is_of_a_recording(request):
            return self._missing(asked, request)
        return (yield from self._beyond.listen(asked, request, until))

    def following(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give what comes next in a stream."""
        if self._beyond is not None and isinstance(handle, Heard):
            return (yield from self._beyond.following(handle))
        return tuple(islice(handle, 1))

    def leave(self) -> None:
        """End the run: what it did not read to the end is recorded as left."""
        if self._beyond is not None:
            self._beyond.leave()

    def _missing(self, asked: Note, request: Request[Any]) -> Result[Any, GenaiError]:
        return Failure(NoAnswer(request, self._recorded.nearest(asked)))
