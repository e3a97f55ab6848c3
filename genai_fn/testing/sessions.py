"""Live sessions, recorded and replayed: what was said on each connection, in the order in which it was said."""

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.effects import Lost
from genai_fn.errors import GenaiError, NoAnswer
from genai_fn.interpret.live import Session
from genai_fn.interpret.sockets import Ending, Socket, Wiring
from genai_fn.interpret.sockets_memory import MemorySocket
from genai_fn.interpret.wiring import Unwired
from genai_fn.ops.live import UnknownMessage
from genai_fn.ops.live_music import UnknownMusicMessage
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live, kind_of
from genai_fn.schema import LiveMusicServerMessage, LiveServerMessage
from genai_fn.testing.notes import Note, error_of, plain, written_error
from genai_fn.testing.recorded import differing

__all__ = ["Overheard", "played"]

T = TypeVar("T")


class Overheard:
    """Stands between a session and what it speaks through, and notes what is said."""

    def __init__(self, wiring: Wiring) -> None:
        self.said: list[dict[str, Any]] = []
        self._wiring = wiring
        self._frames: dict[int, tuple[Any, Any]] = {}

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Write a frame of ours; it is noted once it goes out."""
        encoded = self._wiring.encode(frame)
        if isinstance(encoded, Success):
            data: Any = encoded.unwrap()
            self._frames[id(data)] = data, frame
        return encoded

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Read a message of the peer's."""
        heard = self._wiring.decode(data)
        failed = isinstance(heard, Failure)
        self.said.append({"error": written_error(heard.failure())} if failed else {"heard": plain(heard.unwrap())})
        return heard

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[Socket, Any] | Lost, None]:
        """Connect."""
        async with self._wiring.connect(handle) as met:
            if isinstance(met, Lost):
                self.said.append({"lost": written_error(met.error)})
                yield met
            else:
                self.said.append({"connected": True})
                yield _OverheardSocket(met[0], self.said, self._frames), met[1]


class _OverheardSocket:
    def __init__(self, socket: Socket, said: list[dict[str, Any]], frames: dict[int, tuple[Any, Any]]) -> None:
        self._socket = socket
        self._said = said
        self._frames = frames
        self._is_leaving = False

    @property
    def moved(self) -> int:
        return self._socket.moved

    async def send(self, data: Any) -> bool:
        if id(data) in self._frames:  # the setup is none
            self._said.append({"sent": plain(self._frames[id(data)][1])})
        return await self._socket.send(data)

    async def receive(self) -> Any:
        received = await self._socket.receive()
        if isinstance(received, Ending) and not self._is_leaving:
            self._said.append({"ended": received.code, "reason": received.reason})
        return received

    async def ping(self) -> None:
        await self._socket.ping()

    async def close(self) -> None:
        self._is_leaving = True
        await self._socket.close()

    def cut(self) -> None:
        self._is_leaving = True
        self._socket.cut()


# Replayed


def played(note: Note | None, live: Live[T], nearest: str | None) -> Session[T]:
    """
    Make a session that goes as a recorded one went: whoever says what was said then hears what was heard then.

    Saying anything else ends it with `NoAnswer`, and one that was not recorded begins with it.
    """
    retry = live.options.retry or Retry()
    patient = live.options.timeouts or Timeouts()
    swift = Retry(tries=retry.tries, first=_SOON, most=_SOON)
    wiring = Unwired(NoAnswer(live, nearest)) if note is None else _Played(note, live)
    return Session(live, wiring, retry=swift, timeouts=patient)


_SOON = 0.001
"""Seconds: nobody waits to connect to what is in memory."""


class _Played:
    def __init__(self, note: Note, live: Live[Any]) -> None:
        self._live = live
        self._number = note.number
        self._rest = deque[dict[str, Any]](() if note.live is msgspec.UNSET else note.live)

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        return Success(frame)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        result: Result[Any, GenaiError] = data
        return result

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[Socket, Any] | Lost, None]:
        while self._rest and not {"connected", "lost"} & self._rest[0].keys():
            self._rest.popleft()  # of a connection that ended sooner this time
        if not self._rest:
            yield Lost(NoAnswer(self._live, f"number {self._number}, which has no more connections"))
        elif "lost" in (first := self._rest.popleft()):
            yield Lost(error_of(first["lost"]))
        else:
            yield MemorySocket(self._answer), _SETUP

    def _answer(self, frame: Any) -> Iterable[Any]:
        if frame is not _SETUP:
            expected = self._rest[0].get("sent") if self._rest else None
            asked = plain(frame)
            if expected is None or _canonical(expected) != _canonical(asked):
                where = f"number {self._number}, a session"
                return (Failure(NoAnswer(frame, differing(where, expected, asked))),)
            self._rest.popleft()
        return self._heard()

    def _heard(self) -> Iterable[Any]:
        while self._rest and not {"sent", "connected", "lost"} & self._rest[0].keys():
            said = self._rest.popleft()
            if "ended" in said:
                yield Ending(said["ended"], said.get("reason", ""))
            elif "error" in said:
                yield Failure(error_of(said["error"]))
            else:
                yield Success(_message(said["heard"], self._live))


_SETUP = object()
"""In the place of what opens a session."""


def _canonical(tree: Any) -> bytes:
    return codec.encode(tree, order="sorted")


def _message(tree: Any, live: Live[Any]) -> Any:
    kind = kind_of(live.operation)
    return codec.convert(tree, _UNKNOWN[kind] if "raw" in tree else kind)


_UNKNOWN = {LiveServerMessage: UnknownMessage, LiveMusicServerMessage: UnknownMusicMessage}
