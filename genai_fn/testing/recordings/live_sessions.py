"""Records and replays live sessions: the messages of each connection, in order."""

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.interpreters.live.connector import FailedConnector
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.session import Session
from genai_fn.interpreters.live.sockets import CloseStatus, Connector, MessageSocket, SocketWrapper
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.live_protocol.frames import check_message
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live, kind_of
from genai_fn.testing.recordings.sequence import format_difference
from genai_fn.testing.recordings.serialize import RecordedCall, dump_error, dump_plain, read_error
from genai_fn.wire.lenient_json import convert_json

T = TypeVar("T")


class RecordingConnector:
    """Wraps a connector and records its connections and their messages as events."""

    def __init__(self, connector: Connector) -> None:
        self.events: list[dict[str, Any]] = []
        self._connector = connector
        self._encoded_frames: dict[int, tuple[Any, Any]] = {}

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Encode a client message. It is recorded when it is sent."""
        encoded = self._connector.encode(frame)
        if isinstance(encoded, Success):
            data: Any = encoded.unwrap()
            self._encoded_frames[id(data)] = data, frame
        return encoded

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Decode a server message, and record it."""
        result = self._connector.decode(data)
        if isinstance(result, Failure):
            self.events.append({"error": dump_error(result.failure())})
        else:
            self.events.append({"received": dump_plain(result.unwrap())})
        return result

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Connect, and record whether that succeeds."""
        async with self._connector.connect(handle) as connected:
            if isinstance(connected, EffectFailed):
                self.events.append({"failed": dump_error(connected.error)})
                yield connected
            else:
                self.events.append({"connected": True})
                yield _RecordingSocket(connected[0], self.events, self._encoded_frames), connected[1]


class _RecordingSocket(SocketWrapper):
    """Records the messages sent, and the close status if the server closes the connection."""

    def __init__(self, inner: MessageSocket, events: list[dict[str, Any]], frames: dict[int, tuple[Any, Any]]) -> None:
        super().__init__(inner)
        self._events = events
        self._encoded_frames = frames
        self._is_closing = False

    def send_now(self, data: Any) -> bool:  # `send` records the message
        return False

    async def send(self, data: Any) -> bool:
        if id(data) in self._encoded_frames:  # the setup message is not recorded
            self._events.append({"sent": dump_plain(self._encoded_frames[id(data)][1])})
        return await self.inner.send(data)

    async def receive(self) -> Any:
        received = await self.inner.receive()
        if isinstance(received, CloseStatus) and not self._is_closing:
            self._events.append({"closed": received.code, "reason": received.reason})
        return received

    async def close(self) -> None:
        self._is_closing = True
        await self.inner.close()

    def abort(self) -> None:
        self._is_closing = True
        self.inner.abort()


# Replay


def replay_session(
    call: RecordedCall | None, live: Live[T], nearest: str | None, wrap_connector: ConnectorMiddleware
) -> Session[T]:
    """
    Build a session that replays a recorded one: the same frames get the same messages.

    The responses of functions may come in another order than the recorded one. Any other frame ends it with `NoAnswer`,
    and so does a session that was not recorded, where `call` is None.
    """
    attempts = (live.options.retry or Retry()).attempts
    retry = Retry(attempts=attempts, initial_delay=_REPLAY_RETRY_DELAY, max_delay=_REPLAY_RETRY_DELAY)
    connector = FailedConnector(NoAnswer(live, nearest)) if call is None else _ReplayConnector(call, live)
    return Session(live, wrap_connector(connector), retry=retry, timeouts=live.options.timeouts or Timeouts())


_REPLAY_RETRY_DELAY = 0.001
"""Seconds: connecting to a recording again needs no wait."""


class _ReplayConnector:
    """Opens the recorded connections, and returns the recorded messages after each equal client message."""

    def __init__(self, call: RecordedCall, live: Live[Any]) -> None:
        self._live = live
        self._number = call.number
        self._remaining_events = deque[dict[str, Any]](() if call.live is msgspec.UNSET else call.live)

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        return check_message(frame)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        result: Result[Any, GenaiError] = data
        return result

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        while self._remaining_events and not {"connected", "failed"} & self._remaining_events[0].keys():
            self._remaining_events.popleft()  # the rest of a connection that ends earlier in the replay
        if not self._remaining_events:
            yield EffectFailed(NoAnswer(self._live, f"call {self._number}, which has no more connections"))
        elif "failed" in (first := self._remaining_events.popleft()):
            yield EffectFailed(self._convert_event(first))
        else:
            yield MemorySocket(self._answer_frame), _SETUP_MARKER

    def _answer_frame(self, frame: Any) -> Iterable[Any]:
        if frame is not _SETUP_MARKER:
            expected = self._remaining_events[0].get("sent") if self._remaining_events else None
            actual = dump_plain(frame)
            if expected is None or _encode_sorted(expected) != _encode_sorted(actual):
                if self._remove_early_response(actual):
                    return ()
                where = f"call {self._number}, a live session"
                return (Failure(NoAnswer(frame, format_difference(where, expected, actual))),)
            self._remaining_events.popleft()
        return self._read_messages()

    def _remove_early_response(self, message: dict[str, Any]) -> bool:
        """Remove a function response that was recorded later in this connection, as functions end in any order."""
        if "toolResponse" in message:
            for index, event in enumerate(self._remaining_events):
                if {"connected", "failed"} & event.keys():
                    return False
                if "sent" in event and _encode_sorted(event["sent"]) == _encode_sorted(message):
                    del self._remaining_events[index]
                    return True
        return False

    def _read_messages(self) -> Iterable[Any]:
        while self._remaining_events and not {"sent", "connected", "failed"} & self._remaining_events[0].keys():
            yield self._convert_event(self._remaining_events.popleft())

    def _convert_event(self, event: dict[str, Any]) -> Any:
        """Convert an event of the server, or a failed connection; raises InvalidRequest if it does not fit."""
        try:
            if "failed" in event:
                return read_error(event["failed"])
            if "closed" in event:
                return CloseStatus(codec.convert(event["closed"], int), codec.convert(event.get("reason", ""), str))
            if "error" in event:
                return Failure(read_error(event["error"]))
            return Success(convert_json(event["received"], kind_of(self._live.operation)))
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # the file was edited by hand
            raise InvalidRequest(f"call {self._number}", event, f"an event of a live session ({error})") from None


_SETUP_MARKER = object()
"""Stands for the setup message."""


def _encode_sorted(tree: Any) -> bytes:
    return codec.encode(tree, order="sorted")
