"""Live sessions offline: the emulated conversation in the place of the network."""

import dataclasses
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from returns.result import Failure, Result

from genai_fn.backend import Backend, Vertex
from genai_fn.effects import Lost
from genai_fn.emulator.live.conversations import conversation_of
from genai_fn.emulator.live.setup import Closed
from genai_fn.errors import GenaiError
from genai_fn.interpret.offline import Service
from genai_fn.interpret.sockets import Ending, Socket
from genai_fn.interpret.sockets_memory import MemorySocket
from genai_fn.request import Live
from genai_fn.sessions.frames import decode_frame, encode_frame
from genai_fn.sessions.opening import Opened, opening

__all__ = ["OfflineWiring"]


class OfflineWiring:
    """Connects a session to the service within an `Offline`; what is said is written and read as over the network."""

    def __init__(self, live: Live[Any], service: Service) -> None:
        self._live = live
        self._service = service
        self._backend = _somewhere(service.backend)
        self._opened: Opened | None = None

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Write a frame of ours."""
        return encode_frame(frame, self._backend)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Read a message of the service's."""
        assert self._opened is not None  # noqa: S101  # nothing is read before a connection was opened
        return decode_frame(data, self._opened)

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[Socket, Any] | Lost, None]:
        """Begin a conversation."""
        opened = opening(self._live, self._backend, handle)
        if isinstance(opened, Failure):
            yield Lost(opened.failure())
            return
        self._opened = opened.unwrap()
        yield MemorySocket(_Conversing(self._opened, self._service).answered), self._opened.setup


def _somewhere(backend: Backend) -> Backend:
    """Give Vertex AI the project that nobody asks credentials for here."""
    if isinstance(backend, Vertex) and backend.prefix and backend.project is None:
        return dataclasses.replace(backend, project="offline")
    return backend


class _Conversing:
    """The service's end of one connection."""

    def __init__(self, opened: Opened, service: Service) -> None:
        self._service = service
        self._conversation = conversation_of(opened.http)

    def answered(self, frame: bytes) -> Iterator[bytes | Ending]:
        """Answer a frame, or close."""
        if self._conversation is None:
            yield Ending(1008, "No such method.")
            return
        try:
            self._conversation, answers = self._service.conversed(self._conversation, frame)
        except Closed as closed:
            yield Ending(closed.code, closed.reason)
        else:
            yield from answers
