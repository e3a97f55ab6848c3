"""The offline interpreter, to be awaited."""

import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar

from anyio import to_thread
from anyio.lowlevel import checkpoint
from returns.result import Result, Success

from genai_fn.effects import EffectFailed
from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.program import build_program
from genai_fn.errors import GenaiError, TimeoutPhase
from genai_fn.http import FileSlice, HttpRequest, HttpResponse
from genai_fn.interpreters.async_http import AsyncItems
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.middleware import (
    LiveMiddleware,
    Middleware,
    apply_middleware,
    compose_live_middleware,
    identity,
)
from genai_fn.interpreters.offline import OFFLINE_TOKEN_CACHE, MemoryResponse, OfflineService, load_file_body
from genai_fn.interpreters.settings import check_action, check_live, check_stream
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream

if TYPE_CHECKING:
    from genai_fn.interpreters.live.session import Session

__all__ = ["AsyncOffline"]

T = TypeVar("T")


class AsyncOffline:
    """An `Offline` to be awaited, on asyncio and trio; made by ``Offline().aio``."""

    def __init__(self, exchange: RequestHandler, service: OfflineService) -> None:
        self._handler = exchange
        self._service = service
        self._live_middleware: LiveMiddleware = identity

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        check_action(action)
        effects = build_program(action, self._handler)
        return await AsyncExecutor(_AsyncOfflineTransport(self._service), OFFLINE_TOKEN_CACHE, None).run(
            self._service.apply_virtual_time(effects)
        )

    def stream(self, stream: Stream[T]) -> AsyncItems[T]:
        """Read a stream."""
        check_stream(stream)
        return _AsyncOfflineItems(stream, self._handler, self._service)

    def live(self, live: Live[T]) -> "Session[T]":
        """Open a live session: ``async with run.live(live.connect(…)) as session: …``."""
        from genai_fn.interpreters.live.session import Session  # noqa: PLC0415  # few hold sessions
        from genai_fn.interpreters.offline_live import OfflineConnector  # noqa: PLC0415  # few hold sessions

        check_live(live)
        retry, timeouts = live.options.retry or Retry(), live.options.timeouts or Timeouts()
        wiring = self._live_middleware(OfflineConnector(live, self._service))
        return Session(live, wiring, retry=retry, timeouts=timeouts)

    def with_middleware(self, middleware: Middleware = identity, *, live_middleware: LiveMiddleware = identity) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange; for live sessions,
        from wiring to wiring.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._handler = apply_middleware(middleware, self._handler)  # noqa: SLF001  # one of its own kind
        twin._live_middleware = compose_live_middleware(self._live_middleware, live_middleware)  # noqa: SLF001  # one of its own kind
        return twin


class _AsyncOfflineItems(AsyncItems[T]):
    def __init__(self, stream: Stream[T], exchange: RequestHandler, service: OfflineService) -> None:
        super().__init__(
            stream, Success(exchange), AsyncExecutor(_AsyncOfflineTransport(service), OFFLINE_TOKEN_CACHE, None)
        )
        self._effects = service.apply_virtual_time(build_program(stream, exchange))


class _AsyncOfflineTransport:
    def __init__(self, service: OfflineService) -> None:
        self._service = service

    async def send(self, request: HttpRequest, **limits: Any) -> "_AsyncMemoryResponse | EffectFailed":
        await checkpoint()
        is_on_disk = isinstance(request.body, FileSlice)
        whole = await to_thread.run_sync(load_file_body, request) if is_on_disk else request
        return whole if isinstance(whole, EffectFailed) else _AsyncMemoryResponse(self._service.handle_request(whole))

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


class _AsyncMemoryResponse:
    def __init__(self, response: HttpResponse) -> None:
        self._response = MemoryResponse(response)
        self.status = response.status
        self.headers = response.headers

    async def read(self, deadline: float, phase: TimeoutPhase) -> bytes:
        await checkpoint()
        return self._response.read(deadline, phase)

    def abort(self) -> None:
        self._response.close()

    async def aclose(self) -> None:
        self._response.close()
