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
from genai_fn.clock import Clock, timed
from genai_fn.effects import Effects, Lost
from genai_fn.emulator import State, handle
from genai_fn.errors import GenaiError, InvalidRequest, Phase
from genai_fn.exchange import Exchange, HttpExchange
from genai_fn.http import FileSlice, Headers, HttpRequest, HttpResponse
from genai_fn.interpret.exchanges import Between, beyond
from genai_fn.interpret.settings import a_stream, an_action
from genai_fn.interpret.sync import Items
from genai_fn.interpret.sync_world import SyncWorld
from genai_fn.interpret.threads import Promise
from genai_fn.request import Action, Stream
from genai_fn.steps import program

if TYPE_CHECKING:
    from genai_fn.interpret.offline_async import AsyncOffline  # loaded with anyio, at the first use

__all__ = ["NO_TOKENS", "Answered", "Offline", "Service", "loaded"]

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
        self._service = Service(_somebody(backend or Gemini()))
        self._exchange: Exchange = HttpExchange(backend=self._service.backend)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        effects = program(action, self._exchange)
        return SyncWorld(_Lanes(self._service), NO_TOKENS, None).run(self._service.living(effects))

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        a_stream(stream)
        return _Items(stream, self._exchange, self._service)

    def through(self, between: Between) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._exchange = beyond(between, self._exchange)  # noqa: SLF001  # one of its own kind
        return twin

    @property
    def aio(self) -> "AsyncOffline":
        """The same one, to be awaited on asyncio or trio."""
        from genai_fn.interpret.offline_async import AsyncOffline  # noqa: PLC0415  # loads anyio

        return AsyncOffline(self._exchange, self._service)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _somebody(backend: Backend) -> Backend:
    """Give a Gemini backend without a key one: nobody is asked who calls."""
    is_nobody = isinstance(backend, Gemini) and backend.api_key is None
    return dataclasses.replace(backend, api_key="offline") if is_nobody else backend


class _Items(Items[T]):
    def __init__(self, stream: Stream[T], exchange: Exchange, service: "Service") -> None:
        super().__init__(stream, Success(exchange), SyncWorld(_Lanes(service), NO_TOKENS, None))
        self._effects = service.living(program(stream, exchange))


# The service


class _Conversation(Protocol):
    """A live session of the emulator."""

    def heard(self, state: State, frame: bytes | str, now: datetime) -> tuple[State, Self, tuple[bytes, ...]]: ...


C = TypeVar("C", bound=_Conversation)


class Service:
    """The emulated API: what it remembers, and what time it is there. Any number of threads may ask it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        """Whose paths and shapes are spoken."""
        self._lock = threading.Lock()
        self._state = State()
        self._seconds = 0.0

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        with self._lock:
            self._state, response = handle(self._state, request, self._now())
        return response

    def conversed(self, conversation: C, frame: bytes | str) -> tuple[C, tuple[bytes, ...]]:
        """Hear a frame of a live session, and answer it."""
        with self._lock:
            self._state, later, answers = conversation.heard(self._state, frame, self._now())
        return later, answers

    def living(self, effects: Effects[T]) -> Effects[T]:
        """Have a program live by the time here."""
        return timed(effects, _Hours(self, self._seconds))

    def reached(self, seconds: float) -> None:
        """Let time go on; what runs at the same time may have brought it further already."""
        with self._lock:
            self._seconds = max(self._seconds, seconds)

    def _now(self) -> datetime:
        return _BEGINNING + timedelta(seconds=min(self._seconds, _LONGEST))


_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST = 10.0**10


class _Hours(Clock):
    """A clock of the service's time."""

    def __init__(self, service: Service, now: float) -> None:
        super().__init__(now)
        self._service = service

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._service.reached(self.now)

    def branch(self) -> "_Hours":
        return _Hours(self._service, self.now)


# In the place of the network


class _Tokens:
    """Hands out a token that is none, and a project for a backend without one."""

    def ask(self) -> Promise[Credential]:
        answer: Promise[Credential] = Promise()
        answer.set_result(Credential("", Secret(()), "offline"))
        return answer


NO_TOKENS: Any = _Tokens()


class _Lanes:
    def __init__(self, service: Service) -> None:
        self._service = service

    def open(self, request: HttpRequest, **limits: Any) -> "Answered | Lost":
        whole = loaded(request)
        return whole if isinstance(whole, Lost) else Answered(self._service.answer(whole))


class Answered:
    """An answer in memory, read in pieces as one from the network is."""

    def __init__(self, response: HttpResponse) -> None:
        self.status = response.status
        self.headers: Headers = response.headers
        self._body = response.body
        self._read = 0

    def read(self, deadline: float, phase: Phase) -> bytes:
        """Give the next piece, and nothing at the end."""
        size = _PIECE if self._read < _SOME else len(self._body)
        piece = self._body[self._read : self._read + size]
        self._read += len(piece)
        return piece

    def close(self) -> None:
        """Forget the rest."""
        self._body = b""


_PIECE = 1024
_SOME = 64 * 1024
"""What is longer is no text that comes word by word."""


def loaded(request: HttpRequest) -> HttpRequest | Lost:
    """Read what a body has on disk; whatever is wrong with the file is told as over HTTP."""
    if not isinstance(request.body, FileSlice):
        return request
    from genai_fn.interpret.lanes_message import MessageError, pieces  # noqa: PLC0415  # few upload files

    try:
        return msgspec.structs.replace(request, body=tuple(pieces(request.body)))
    except MessageError as error:
        return Lost(InvalidRequest("request", "***", f"what HTTP can carry ({error})"))
