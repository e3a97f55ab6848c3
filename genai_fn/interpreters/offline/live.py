"""Live sessions of `Offline`: connects them to the emulated API in memory."""

import dataclasses
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from returns.result import Failure, Result

from genai_fn.backend import Backend, Vertex
from genai_fn.effects import EffectFailed
from genai_fn.emulator.live.connections import match_connection
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.errors import GenaiError
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.session import Session
from genai_fn.interpreters.live.sockets import CloseStatus, MessageSocket
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.interpreters.offline.service import OfflineService
from genai_fn.live_protocol.frames import decode_frame, encode_frame
from genai_fn.live_protocol.handshake import EncodedHandshake, encode_handshake
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live
from genai_fn.wire import drop_backend

T = TypeVar("T")


def build_session(service: OfflineService, live: Live[T], wrap_connector: ConnectorMiddleware) -> Session[T]:
    """Build a session with the emulated API."""
    retry, timeouts = live.options.retry or Retry(), live.options.timeouts or Timeouts()
    return Session(live, wrap_connector(OfflineConnector(live, service)), retry=retry, timeouts=timeouts)


class OfflineConnector:
    """Connects a session to the emulated API of an `Offline`; frames are encoded as over the network."""

    def __init__(self, live: Live[Any], service: OfflineService) -> None:
        self._live = drop_backend(live)
        self._service = service
        self._backend = _add_offline_project(live.options.backend or service.backend)
        self._handshake: EncodedHandshake | None = None

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Encode a frame of the client."""
        return encode_frame(frame, self._backend)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Decode a message of the server."""
        assert self._handshake is not None  # noqa: S101  # messages arrive only after `connect`
        return decode_frame(data, self._handshake)

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Open a connection; yields the socket, and the setup message to send first."""
        opened = encode_handshake(self._live, self._backend, handle)
        if isinstance(opened, Failure):
            yield EffectFailed(opened.failure())
            return
        self._handshake = opened.unwrap()
        yield MemorySocket(_EmulatedPeer(self._handshake, self._service).handle_frame), self._handshake.setup


def _add_offline_project(backend: Backend) -> Backend:
    """Add a project to a Vertex AI backend without one, which would take it from credentials."""
    if isinstance(backend, Vertex) and backend.prefix and backend.project is None:
        return dataclasses.replace(backend, project="offline")
    return backend


class _EmulatedPeer:
    """The server side of one connection."""

    def __init__(self, opened: EncodedHandshake, service: OfflineService) -> None:
        self._service = service
        self._connection = match_connection(opened.http)

    def handle_frame(self, frame: bytes) -> Iterator[bytes | CloseStatus]:
        """Yield the messages that answer a frame, or the close status."""
        if self._connection is None:
            yield CloseStatus(1008, "No such method.")
            return
        try:
            self._connection, answers = self._service.handle_frame(self._connection, frame)
        except EmulatedClose as closed:
            yield CloseStatus(closed.code, closed.reason)
        else:
            yield from answers
