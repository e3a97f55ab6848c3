"""Live sessions, recorded and replayed: what was said on each connection, in the order in which it was said."""

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError, NoAnswer
from genai_fn.interpreters.live.connector import FailedConnector
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.session import Session
from genai_fn.interpreters.live.sockets import CloseStatus, Connector, MessageSocket
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.ops.live import UnknownLiveMessage
from genai_fn.ops.live.music import UnknownLiveMusicMessage
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live, kind_of
from genai_fn.schema import LiveMusicServerMessage, LiveServerMessage
from genai_fn.testing.recordings.calls import format_difference
from genai_fn.testing.recordings.serialize import RecordedCall, dump_error, dump_plain, read_error

__all__ = ["RecordingConnector", "replay_session"]

T = TypeVar("T")


class RecordingConnector:
    """Stands between a session and what it speaks through, and notes what is said."""

    def __init__(self, wiring: Connector) -> None:
        self.events: list[dict[str, Any]] = []
        self._connector = wiring
        self._encoded_frames: dict[int, tuple[Any, Any]] = {}

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Write a frame of ours; it is noted once it goes out."""
        encoded = self._connector.encode(frame)
        if isinstance(encoded, Success):
            data: Any = encoded.unwrap()
            self._encoded_frames[id(data)] = data, frame
        return encoded

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Read a message of the peer's."""
        heard = self._connector.decode(data)
        failed = isinstance(heard, Failure)
        self.events.append({"error": dump_error(heard.failure())} if failed else {"heard": dump_plain(heard.unwrap())})
        return heard

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Connect."""
        async with self._connector.connect(handle) as met:
            if isinstance(met, EffectFailed):
                self.events.append({"lost": dump_error(met.error)})
                yield met
            else:
                self.events.append({"connected": True})
                yield _RecordingSocket(met[0], self.events, self._encoded_frames), met[1]


class _RecordingSocket:
    def __init__(self, socket: MessageSocket, said: list[dict[str, Any]], frames: dict[int, tuple[Any, Any]]) -> None:
        self._socket = socket
        self._events = said
        self._encoded_frames = frames
        self._is_closing = False

    @property
    def bytes_transferred(self) -> int:
        return self._socket.bytes_transferred

    async def send(self, data: Any) -> bool:
        if id(data) in self._encoded_frames:  # the setup is none
            self._events.append({"sent": dump_plain(self._encoded_frames[id(data)][1])})
        return await self._socket.send(data)

    async def receive(self) -> Any:
        received = await self._socket.receive()
        if isinstance(received, CloseStatus) and not self._is_closing:
            self._events.append({"ended": received.code, "reason": received.reason})
        return received

    async def ping(self) -> None:
        await self._socket.ping()

    async def close(self) -> None:
        self._is_closing = True
        await self._socket.close()

    def abort(self) -> None:
        self._is_closing = True
        self._socket.abort()


# Replayed


def replay_session(
    call: RecordedCall | None, live: Live[T], nearest: str | None, wrap_connector: ConnectorMiddleware
) -> Session[T]:
    """
    Build a session that replays a recorded one: the same frames get the same messages.

    Any other frame ends it with `NoAnswer`, and so does a session that was not recorded, where `call` is None.
    """
    attempts = (live.options.retry or Retry()).attempts
    retry = Retry(attempts=attempts, initial_delay=_REPLAY_RETRY_DELAY, max_delay=_REPLAY_RETRY_DELAY)
    connector = FailedConnector(NoAnswer(live, nearest)) if call is None else _ReplayConnector(call, live)
    return Session(live, wrap_connector(connector), retry=retry, timeouts=live.options.timeouts or Timeouts())


_REPLAY_RETRY_DELAY = 0.001
"""Seconds: connecting to a recording again needs no wait."""


class _ReplayConnector:
    def __init__(self, note: RecordedCall, live: Live[Any]) -> None:
        self._live = live
        self._number = note.number
        self._remaining_events = deque[dict[str, Any]](() if note.live is msgspec.UNSET else note.live)

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        return Success(frame)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        result: Result[Any, GenaiError] = data
        return result

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        while self._remaining_events and not {"connected", "lost"} & self._remaining_events[0].keys():
            self._remaining_events.popleft()  # of a connection that ended sooner this time
        if not self._remaining_events:
            yield EffectFailed(NoAnswer(self._live, f"number {self._number}, which has no more connections"))
        elif "lost" in (first := self._remaining_events.popleft()):
            yield EffectFailed(read_error(first["lost"]))
        else:
            yield MemorySocket(self._answer_frame), _SETUP_MARKER

    def _answer_frame(self, frame: Any) -> Iterable[Any]:
        if frame is not _SETUP_MARKER:
            expected = self._remaining_events[0].get("sent") if self._remaining_events else None
            asked = dump_plain(frame)
            if expected is None or _encode_sorted(expected) != _encode_sorted(asked):
                where = f"number {self._number}, a session"
                return (Failure(NoAnswer(frame, format_difference(where, expected, asked))),)
            self._remaining_events.popleft()
        return self._read_messages()

    def _read_messages(self) -> Iterable[Any]:
        while self._remaining_events and not {"sent", "connected", "lost"} & self._remaining_events[0].keys():
            said = self._remaining_events.popleft()
            if "ended" in said:
                yield CloseStatus(said["ended"], said.get("reason", ""))
            elif "error" in said:
                yield Failure(read_error(said["error"]))
            else:
                yield Success(_convert_message(said["heard"], self._live))


_SETUP_MARKER = object()
"""In the place of what opens a session."""


def _encode_sorted(tree: Any) -> bytes:
    return codec.encode(tree, order="sorted")


def _convert_message(tree: Any, live: Live[Any]) -> Any:
    kind = kind_of(live.operation)
    return codec.convert(tree, _UNKNOWN_TYPES[kind] if "raw" in tree else kind)


_UNKNOWN_TYPES = {LiveServerMessage: UnknownLiveMessage, LiveMusicServerMessage: UnknownLiveMusicMessage}
