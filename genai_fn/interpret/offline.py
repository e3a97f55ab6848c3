"""The offline interpreter: the embedded model in the place of the network, everything else as it is."""

import dataclasses
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.lowlevel import checkpoint
from returns.result import Result, Success

from genai_fn.backend import Backend, Credential, Gemini, Secret
from genai_fn.emulator import answer
from genai_fn.errors import GenaiError, Phase
from genai_fn.exchange import Exchange, HttpExchange
from genai_fn.http import Headers, HttpRequest, HttpResponse
from genai_fn.interpret import aio, sync
from genai_fn.interpret.async_world import AsyncWorld
from genai_fn.interpret.settings import a_stream, an_action
from genai_fn.interpret.sync_world import SyncWorld
from genai_fn.request import Action, Stream
from genai_fn.steps import program

__all__ = ["Offline"]

T = TypeVar("T")


class Offline:
    """
    Runs actions against an embedded model, with no network and no key: it says what it is, and answers the same each
    time.

    ``Offline().aio`` is the same one, to be awaited.

    >>> from genai_fn import generate, text
    >>> run = Offline()
    >>> run(generate("gemini-2.5-flash", "hi") | text) == run(generate("gemini-2.5-flash", "hi") | text)
    True

    Args:
        backend: Whose paths and shapes are spoken.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        self._exchange: Result[Exchange, GenaiError] = Success(HttpExchange(backend=_somebody(backend or Gemini())))

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        return SyncWorld(_Lanes(), _TOKENS, None).run(program(action, self._exchange.unwrap()))

    def stream(self, stream: Stream[T]) -> "sync.Items[T]":
        """Read a stream."""
        a_stream(stream)
        return sync.Items(stream, self._exchange, SyncWorld(_Lanes(), _TOKENS, None))

    @property
    def aio(self) -> "AsyncOffline":
        """The same one, to be awaited on asyncio or trio."""
        return AsyncOffline(self._exchange)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncOffline:
    """An `Offline` to be awaited."""

    def __init__(self, exchange: Result[Exchange, GenaiError]) -> None:
        self._exchange = exchange

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        return await AsyncWorld(_AsyncLanes(), _TOKENS, None).run(program(action, self._exchange.unwrap()))

    def stream(self, stream: Stream[T]) -> "aio.AsyncItems[T]":
        """Read a stream."""
        a_stream(stream)
        return aio.AsyncItems(stream, self._exchange, AsyncWorld(_AsyncLanes(), _TOKENS, None))


def _somebody(backend: Backend) -> Backend:
    """Give a Gemini backend without a key one: nobody is asked who calls."""
    is_nobody = isinstance(backend, Gemini) and backend.api_key is None
    return dataclasses.replace(backend, api_key="offline") if is_nobody else backend


class _Tokens:
    """Hands out a token that is none, and a project for a backend without one."""

    def ask(self) -> "Future[Credential]":
        answer: Future[Credential] = Future()
        answer.set_result(Credential("", Secret(()), "offline"))
        return answer


_TOKENS: Any = _Tokens()


class _Answered:
    """An answer in memory, read in pieces as one from the network is."""

    def __init__(self, response: HttpResponse) -> None:
        self.status = response.status
        self.headers: Headers = response.headers
        self._rest = response.body

    def read(self, deadline: float, phase: Phase) -> bytes:
        piece, self._rest = self._rest[:_PIECE], self._rest[_PIECE:]
        return piece

    def close(self) -> None:
        self._rest = b""


_PIECE = 1024


class _Lanes:
    def open(self, request: HttpRequest, **limits: Any) -> _Answered:
        return _Answered(answer(request))


class _AsyncAnswered:
    def __init__(self, response: HttpResponse) -> None:
        self._answered = _Answered(response)
        self.status = response.status
        self.headers = response.headers

    async def read(self, deadline: float, phase: Phase) -> bytes:
        await checkpoint()
        return self._answered.read(deadline, phase)

    def cut(self) -> None:
        self._answered.close()

    async def aclose(self) -> None:
        self._answered.close()


class _AsyncLanes:
    async def open(self, request: HttpRequest, **limits: Any) -> _AsyncAnswered:
        await checkpoint()
        return _AsyncAnswered(answer(request))

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""
