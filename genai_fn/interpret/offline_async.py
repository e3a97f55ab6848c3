"""The offline interpreter, to be awaited."""

import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar

from anyio import to_thread
from anyio.lowlevel import checkpoint
from returns.result import Result, Success

from genai_fn.effects import Lost
from genai_fn.errors import GenaiError, Phase
from genai_fn.exchange import Exchange
from genai_fn.http import FileSlice, HttpRequest, HttpResponse
from genai_fn.interpret.aio import AsyncItems
from genai_fn.interpret.async_world import AsyncWorld
from genai_fn.interpret.exchanges import Between, BetweenLive, beyond, rewired, unchanged
from genai_fn.interpret.offline import NO_TOKENS, Answered, Service, loaded
from genai_fn.interpret.settings import a_live, a_stream, an_action
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream
from genai_fn.steps import program

if TYPE_CHECKING:
    from genai_fn.interpret.live import Session

__all__ = ["AsyncOffline"]

T = TypeVar("T")


class AsyncOffline:
    """An `Offline` to be awaited, on asyncio and trio; made by ``Offline().aio``."""

    def __init__(self, exchange: Exchange, service: Service) -> None:
        self._exchange = exchange
        self._service = service
        self._wired: BetweenLive = unchanged

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        effects = program(action, self._exchange)
        return await AsyncWorld(_Lanes(self._service), NO_TOKENS, None).run(self._service.living(effects))

    def stream(self, stream: Stream[T]) -> AsyncItems[T]:
        """Read a stream."""
        a_stream(stream)
        return _Items(stream, self._exchange, self._service)

    def live(self, live: Live[T]) -> "Session[T]":
        """Open a live session: ``async with run.live(live.connect(…)) as session: …``."""
        from genai_fn.interpret.live import Session  # noqa: PLC0415  # few hold sessions
        from genai_fn.interpret.offline_live import OfflineWiring  # noqa: PLC0415  # few hold sessions

        a_live(live)
        retry, timeouts = live.options.retry or Retry(), live.options.timeouts or Timeouts()
        wiring = self._wired(OfflineWiring(live, self._service))
        return Session(live, wiring, retry=retry, timeouts=timeouts)

    def through(self, between: Between = unchanged, *, wiring: BetweenLive = unchanged) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange; for live sessions,
        from wiring to wiring.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._exchange = beyond(between, self._exchange)  # noqa: SLF001  # one of its own kind
        twin._wired = rewired(self._wired, wiring)  # noqa: SLF001  # one of its own kind
        return twin


class _Items(AsyncItems[T]):
    def __init__(self, stream: Stream[T], exchange: Exchange, service: Service) -> None:
        super().__init__(stream, Success(exchange), AsyncWorld(_Lanes(service), NO_TOKENS, None))
        self._effects = service.living(program(stream, exchange))


class _Lanes:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def open(self, request: HttpRequest, **limits: Any) -> "_Answered | Lost":
        await checkpoint()
        is_on_disk = isinstance(request.body, FileSlice)
        whole = await to_thread.run_sync(loaded, request) if is_on_disk else request
        return whole if isinstance(whole, Lost) else _Answered(self._service.answer(whole))

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


class _Answered:
    def __init__(self, response: HttpResponse) -> None:
        self._answered = Answered(response)
        self.status = response.status
        self.headers = response.headers

    async def read(self, deadline: float, phase: Phase) -> bytes:
        await checkpoint()
        return self._answered.read(deadline, phase)

    def cut(self) -> None:
        self._answered.close()

    async def aclose(self) -> None:
        self._answered.close()
