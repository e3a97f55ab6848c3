"""The emulated API of the offline interpreter: its state, its clock, and responses in memory instead of a network."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from genai_fn.backend import Backend, Credential, Gemini, Secret
from genai_fn.effects import EffectFailed, SendRequest
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.routes import EmulatedExchange, run_exchange
from genai_fn.emulator.scripts.functions import FunctionResult, call_function
from genai_fn.engine.virtual_time import VirtualClock
from genai_fn.errors import InvalidRequest, TimeoutPhase
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.http import FileSlice, Headers, HttpRequest, HttpResponse
from genai_fn.interpreters.executors.threads import Promise

if TYPE_CHECKING:
    from genai_fn.emulator.live.connections import EmulatedConnection  # few programs open sessions


class OfflineService:
    """
    The emulated API: its state and its time. Threads may share it.

    Its lock is the one that forks wait for, so that a child process never inherits it locked.
    """

    def __init__(self, backend: Backend, state: EmulatorState | None = None) -> None:
        self.backend = backend
        """The API that is emulated."""
        register_fork_delay()
        self._state = state or EmulatorState()
        self._seconds = 0.0

    def handle_request(self, request: HttpRequest) -> "MemoryResponse":
        """Handle one request. The function of a script is called without the lock, so it may run any request."""
        results: tuple[FunctionResult, ...] = ()
        while (exchange := self._run_exchange(request, results)).pending_calls:
            results = (*results, *map(call_function, exchange.pending_calls))
        return MemoryResponse(exchange.response, exchange.delivery.delay)

    def _run_exchange(self, request: HttpRequest, results: tuple[FunctionResult, ...]) -> EmulatedExchange:
        with delay_forks:
            exchange = run_exchange(self._state, request, self._get_time(), results)
            self._state = exchange.state
        return exchange

    def handle_frame(
        self, connection: "EmulatedConnection", frame: bytes | str
    ) -> "tuple[EmulatedConnection, tuple[bytes, ...]]":
        """Handle a frame of a live session; returns its connection afterwards, and the frames that answer it."""
        with delay_forks:
            self._state, later, answers = connection.receive_frame(self._state, frame, self._get_time())
        return later, answers

    def make_clock(self) -> VirtualClock:
        """Make the clock of one run, which starts at the service's time and advances it."""
        return _ServiceClock(self, self._seconds)

    def advance_time(self, seconds: float) -> None:
        """Advance the time, unless concurrent runs have advanced it further already."""
        with delay_forks:
            self._seconds = max(self._seconds, seconds)

    def _get_time(self) -> datetime:
        return _START_TIME + timedelta(seconds=min(self._seconds, _MAX_SECONDS))


_START_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_MAX_SECONDS = 10.0**10


class _ServiceClock(VirtualClock):
    """A clock that advances the time of the service."""

    def __init__(self, service: OfflineService, now: float) -> None:
        super().__init__(now)
        self._service = service

    def advance_to(self, time: float) -> None:
        super().advance_to(time)
        self._service.advance_time(self.now)

    def branch(self) -> "_ServiceClock":
        return _ServiceClock(self._service, self.now)


def add_offline_key(backend: Backend) -> Backend:
    """Add a key to a Gemini backend without one, which would refuse requests; the service checks none."""
    has_no_key = isinstance(backend, Gemini) and backend.api_key is None
    return dataclasses.replace(backend, api_key="offline") if has_no_key else backend


class _OfflineTokenCaches:
    """A token source for the offline interpreter. It returns an empty token, and a project for backends without one."""

    def get_credential(
        self, refused: Credential | None = None, backend: Backend | None = None
    ) -> Promise[Credential]:  # as of `TokenCaches`
        return Promise[Credential].resolve(Credential("", Secret(()), "offline"))


OFFLINE_TOKEN_CACHES: Any = _OfflineTokenCaches()


class OfflineTransport:
    """Sends requests to the emulated API."""

    def __init__(self, service: OfflineService) -> None:
        self._service = service

    def send(self, request: SendRequest, cancel_handle: object) -> "MemoryResponse | EffectFailed":
        """Handle a request; the clock of the run applies the limits of time."""
        loaded = load_file_body(request.request)
        return loaded if isinstance(loaded, EffectFailed) else self._service.handle_request(loaded)


class MemoryResponse:
    """
    A response in memory, which is read in chunks as one from the network is.

    `delay`: Seconds of virtual time until its head arrives.
    """

    def __init__(self, response: HttpResponse, delay: float = 0.0) -> None:
        self.delay = delay
        self.status = response.status
        self.headers: Headers = response.headers
        self._body = response.body
        self._position = 0

    def read(self, deadline: float, phase: TimeoutPhase) -> bytes:
        """Return the next chunk; ``b""`` at the end."""
        size = _CHUNK_SIZE if self._position < _CHUNKED_BYTES else len(self._body)
        chunk = self._body[self._position : self._position + size]
        self._position += len(chunk)
        return chunk

    def close(self) -> None:
        """Drop the rest of the body."""
        self._body = b""


_CHUNK_SIZE = 1024
_CHUNKED_BYTES = 64 * 1024
"""The bytes that are read in small chunks, as a stream of text; more than that is no text."""


def load_file_body(request: HttpRequest) -> HttpRequest | EffectFailed:
    """Load a body from its file; fails as an HTTP request would if the file cannot be read."""
    if not isinstance(request.body, FileSlice):
        return request
    from genai_fn.interpreters.net.http1.requests import (  # noqa: PLC0415  # few upload files
        UnsendableRequestError,
        iterate_body,
    )

    try:
        return msgspec.structs.replace(request, body=tuple(map(bytes, iterate_body(request.body))))
    except UnsendableRequestError as error:
        return EffectFailed(InvalidRequest("request", "***", f"what HTTP can carry ({error})"))
