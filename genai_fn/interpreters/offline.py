"""The offline interpreter: the emulated API in the place of the network, and virtual time in that of the clock."""

import copy
import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import msgspec
from returns.result import Result, Success

from genai_fn.backend import Backend, Credential, Gemini, Secret
from genai_fn.effects import EffectFailed, Effects
from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.engine.handler import HttpHandler, RequestHandler
from genai_fn.engine.program import build_program
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from genai_fn.errors import GenaiError, InvalidRequest, TimeoutPhase
from genai_fn.http import FileSlice, Headers, HttpRequest, HttpResponse
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.executors.threads import Promise
from genai_fn.interpreters.http import Items
from genai_fn.interpreters.middleware import Middleware, apply_middleware
from genai_fn.interpreters.settings import check_action, check_stream
from genai_fn.request import Action, Stream

if TYPE_CHECKING:
    from genai_fn.interpreters.async_offline import AsyncOffline  # loaded with anyio, at the first use

__all__ = ["OFFLINE_TOKEN_CACHE", "MemoryResponse", "Offline", "OfflineService", "load_file_body"]

T = TypeVar("T")


class Offline:
    """
    Runs actions against an emulated API, with no network and no key: its model says what it is, files, caches, batches
    and all else is there, and the same calls in the same order are answered the same.

    What is made stays for as long as this does; each begins anew. Time is virtual: it begins with the year 2026, and
    goes on when somebody sleeps, which takes no time. ``Offline().aio`` is the same one, to be awaited.

    >>> from genai_fn import generate, text
    >>> run = Offline()
    >>> run(generate("gemini-2.5-flash", "hi") | text) == run(generate("gemini-2.5-flash", "hi") | text)
    True

    Args:
        backend: Whose paths and shapes are spoken.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        self._service = OfflineService(_add_offline_key(backend or Gemini()))
        self._handler: RequestHandler = HttpHandler(backend=self._service.backend)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        check_action(action)
        effects = build_program(action, self._handler)
        return SyncExecutor(_OfflineTransport(self._service), OFFLINE_TOKEN_CACHE, None).run(
            self._service.apply_virtual_time(effects)
        )

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        check_stream(stream)
        return _OfflineItems(stream, self._handler, self._service)

    def with_middleware(self, middleware: Middleware) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._handler = apply_middleware(middleware, self._handler)  # noqa: SLF001  # one of its own kind
        return twin

    @property
    def aio(self) -> "AsyncOffline":
        """The same one, to be awaited on asyncio or trio."""
        from genai_fn.interpreters.async_offline import AsyncOffline  # noqa: PLC0415  # loads anyio

        return AsyncOffline(self._handler, self._service)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _add_offline_key(backend: Backend) -> Backend:
    """Give a Gemini backend without a key one: nobody is asked who calls."""
    is_nobody = isinstance(backend, Gemini) and backend.api_key is None
    return dataclasses.replace(backend, api_key="offline") if is_nobody else backend


class _OfflineItems(Items[T]):
    def __init__(self, stream: Stream[T], exchange: RequestHandler, service: "OfflineService") -> None:
        super().__init__(stream, Success(exchange), SyncExecutor(_OfflineTransport(service), OFFLINE_TOKEN_CACHE, None))
        self._effects = service.apply_virtual_time(build_program(stream, exchange))


# The service


class _EmulatedConversation(Protocol):
    """A live session of the emulator."""

    def receive_frame(
        self, state: EmulatorState, frame: bytes | str, now: datetime
    ) -> tuple[EmulatorState, Self, tuple[bytes, ...]]: ...


C = TypeVar("C", bound=_EmulatedConversation)


class OfflineService:
    """The emulated API: what it remembers, and what time it is there. Any number of threads may ask it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        """Whose paths and shapes are spoken."""
        self._lock = threading.Lock()
        self._state = EmulatorState()
        self._seconds = 0.0

    def handle_request(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        with self._lock:
            self._state, response = handle_request(self._state, request, self._get_time())
        return response

    def handle_frame(self, conversation: C, frame: bytes | str) -> tuple[C, tuple[bytes, ...]]:
        """Hear a frame of a live session, and answer it."""
        with self._lock:
            self._state, later, answers = conversation.receive_frame(self._state, frame, self._get_time())
        return later, answers

    def apply_virtual_time(self, effects: Effects[T]) -> Effects[T]:
        """Have a program live by the time here."""
        return run_in_virtual_time(effects, _ServiceClock(self, self._seconds))

    def advance_time(self, seconds: float) -> None:
        """Let time go on; what runs at the same time may have brought it further already."""
        with self._lock:
            self._seconds = max(self._seconds, seconds)

    def _get_time(self) -> datetime:
        return _START_TIME + timedelta(seconds=min(self._seconds, _MAX_SECONDS))


_START_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_MAX_SECONDS = 10.0**10


class _ServiceClock(VirtualClock):
    """A clock of the service's time."""

    def __init__(self, service: OfflineService, now: float) -> None:
        super().__init__(now)
        self._service = service

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._service.advance_time(self.now)

    def branch(self) -> "_ServiceClock":
        return _ServiceClock(self._service, self.now)


# In the place of the network


class _OfflineTokenCache:
    """Hands out a token that is none, and a project for a backend without one."""

    def get_credential(self) -> Promise[Credential]:
        answer: Promise[Credential] = Promise()
        answer.set_result(Credential("", Secret(()), "offline"))
        return answer


OFFLINE_TOKEN_CACHE: Any = _OfflineTokenCache()


class _OfflineTransport:
    def __init__(self, service: OfflineService) -> None:
        self._service = service

    def send(self, request: HttpRequest, **limits: Any) -> "MemoryResponse | EffectFailed":
        whole = load_file_body(request)
        return whole if isinstance(whole, EffectFailed) else MemoryResponse(self._service.handle_request(whole))


class MemoryResponse:
    """An answer in memory, read in pieces as one from the network is."""

    def __init__(self, response: HttpResponse) -> None:
        self.status = response.status
        self.headers: Headers = response.headers
        self._body = response.body
        self._position = 0

    def read(self, deadline: float, phase: TimeoutPhase) -> bytes:
        """Give the next piece, and nothing at the end."""
        size = _CHUNK_SIZE if self._position < _CHUNKED_BYTES else len(self._body)
        piece = self._body[self._position : self._position + size]
        self._position += len(piece)
        return piece

    def close(self) -> None:
        """Forget the rest."""
        self._body = b""


_CHUNK_SIZE = 1024
_CHUNKED_BYTES = 64 * 1024
"""What is longer is no text that comes word by word."""


def load_file_body(request: HttpRequest) -> HttpRequest | EffectFailed:
    """Read what a body has on disk; whatever is wrong with the file is told as over HTTP."""
    if not isinstance(request.body, FileSlice):
        return request
    from genai_fn.interpreters.net.pool.http1 import (  # noqa: PLC0415  # few upload files
        UnsendableRequestError,
        iterate_body,
    )

    try:
        return msgspec.structs.replace(request, body=tuple(iterate_body(request.body)))
    except UnsendableRequestError as error:
        return EffectFailed(InvalidRequest("request", "***", f"what HTTP can carry ({error})"))
