"""A `Fake` to be awaited."""

import copy
from collections.abc import Callable
from typing import Any, Self, TypeVar

from anyio.lowlevel import checkpoint
from returns.result import Result, Success

from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.program import build_program
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from genai_fn.errors import GenaiError
from genai_fn.interpreters.async_http import AsyncItems
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.live.session import Session
from genai_fn.interpreters.middleware import (
    LiveMiddleware,
    Middleware,
    apply_middleware,
    compose_live_middleware,
    identity,
)
from genai_fn.interpreters.settings import check_action, check_live, check_stream
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream
from genai_fn.testing.fake_connector import FakeConnector

__all__ = ["AsyncFake"]

T = TypeVar("T")


class AsyncFake:
    """A `Fake` to be awaited, on asyncio and trio; made by ``Fake(…).aio``."""

    def __init__(self, exchange: RequestHandler, of_session: Callable[[Live[Any]], Any]) -> None:
        self._handler = exchange
        self._find_session_answer = of_session
        self._live_middleware: LiveMiddleware = identity

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        check_action(action)
        await checkpoint()
        return await AsyncExecutor(None, None, None).run(
            run_in_virtual_time(build_program(action, self._handler), VirtualClock())
        )

    def stream(self, stream: Stream[T]) -> AsyncItems[T]:
        """Read a stream."""
        check_stream(stream)
        return _VirtualTimeItems(stream, self._handler)

    def live(self, live: Live[T]) -> Session[T]:
        """Open a live session."""
        check_live(live)
        wiring = self._live_middleware(FakeConnector(live, self._find_session_answer(live)))
        return Session(live, wiring, retry=Retry(attempts=1), timeouts=Timeouts())

    def with_middleware(self, middleware: Middleware = identity, *, live_middleware: LiveMiddleware = identity) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange; for live sessions,
        from wiring to wiring.

        Both have one table, and what was asked of one, both were asked.
        """
        twin = copy.copy(self)
        twin._handler = apply_middleware(middleware, self._handler)  # noqa: SLF001  # one of its own kind
        twin._live_middleware = compose_live_middleware(self._live_middleware, live_middleware)  # noqa: SLF001  # one of its own kind
        return twin


class _VirtualTimeItems(AsyncItems[T]):
    def __init__(self, stream: Stream[T], exchange: RequestHandler) -> None:
        super().__init__(stream, Success(exchange), AsyncExecutor(None, None, None))
        self._effects = run_in_virtual_time(build_program(stream, exchange), VirtualClock())

    async def __anext__(self) -> Result[T, GenaiError]:
        await checkpoint()
        return await super().__anext__()
