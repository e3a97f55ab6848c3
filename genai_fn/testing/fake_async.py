"""A `Fake` to be awaited."""

import copy
from collections.abc import Callable
from typing import Any, Self, TypeVar

from anyio.lowlevel import checkpoint
from returns.result import Result, Success

from genai_fn.clock import Clock, timed
from genai_fn.errors import GenaiError
from genai_fn.exchange import Exchange
from genai_fn.interpret.aio import AsyncItems
from genai_fn.interpret.async_world import AsyncWorld
from genai_fn.interpret.exchanges import Between, BetweenLive, beyond, rewired, unchanged
from genai_fn.interpret.live import Session
from genai_fn.interpret.settings import a_live, a_stream, an_action
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream
from genai_fn.steps import program
from genai_fn.testing.fake_live import FakeWiring

__all__ = ["AsyncFake"]

T = TypeVar("T")


class AsyncFake:
    """A `Fake` to be awaited, on asyncio and trio; made by ``Fake(…).aio``."""

    def __init__(self, exchange: Exchange, of_session: Callable[[Live[Any]], Any]) -> None:
        self._exchange = exchange
        self._of_session = of_session
        self._wired: BetweenLive = unchanged

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        await checkpoint()
        return await AsyncWorld(None, None, None).run(timed(program(action, self._exchange), Clock()))

    def stream(self, stream: Stream[T]) -> AsyncItems[T]:
        """Read a stream."""
        a_stream(stream)
        return _TimedItems(stream, self._exchange)

    def live(self, live: Live[T]) -> Session[T]:
        """Open a live session."""
        a_live(live)
        wiring = self._wired(FakeWiring(live, self._of_session(live)))
        return Session(live, wiring, retry=Retry(tries=1), timeouts=Timeouts())

    def through(self, between: Between = unchanged, *, wiring: BetweenLive = unchanged) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange; for live sessions,
        from wiring to wiring.

        Both have one table, and what was asked of one, both were asked.
        """
        twin = copy.copy(self)
        twin._exchange = beyond(between, self._exchange)  # noqa: SLF001  # one of its own kind
        twin._wired = rewired(self._wired, wiring)  # noqa: SLF001  # one of its own kind
        return twin


class _TimedItems(AsyncItems[T]):
    def __init__(self, stream: Stream[T], exchange: Exchange) -> None:
        super().__init__(stream, Success(exchange), AsyncWorld(None, None, None))
        self._effects = timed(program(stream, exchange), Clock())

    async def __anext__(self) -> Result[T, GenaiError]:
        await checkpoint()
        return await super().__anext__()
