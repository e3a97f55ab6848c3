"""The async interpreter, asyncio and trio alike: runs actions over HTTP in the calling task."""

import copy
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

import anyio
from anyio.lowlevel import EventLoopToken, checkpoint, current_token
from returns.result import Failure, Result

from genai_fn.backend import Backend, HeadersLike
from genai_fn.effects import (
    Effect,
    Effects,
    Emit,
)
from genai_fn.engine.handler import HttpHandler, RequestHandler
from genai_fn.engine.program import build_program
from genai_fn.errors import Closed, GenaiError
from genai_fn.events import Event
from genai_fn.interpreters.executors.async_executor import STREAM_CLOSED, AsyncExecutor, call_soon
from genai_fn.interpreters.middleware import (
    LiveMiddleware,
    Middleware,
    apply_middleware_to_result,
    compose_live_middleware,
    identity,
)
from genai_fn.interpreters.settings import Settings, check_action, check_live, check_stream
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream, is_spawning

if TYPE_CHECKING:
    from genai_fn.interpreters.auth.token_cache import TokenCache
    from genai_fn.interpreters.live.session import Session
    from genai_fn.interpreters.live.sockets import Connector
    from genai_fn.interpreters.net.pool.async_pool import AsyncPool

__all__ = ["AsyncHttp", "AsyncItems"]

T = TypeVar("T")


class AsyncHttp:
    """
    Runs actions over HTTP, in the calling task, on asyncio or trio; its parameters are those of `Http`.

    ::

        async with AsyncHttp(Gemini(api_key="…")) as run:
            result = await run(generate("gemini-2.5-flash", "hi"))
    """

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
        retry: Retry = Retry(),  # noqa: B008  # frozen
        headers: HeadersLike = (),
        max_connections: int = 64,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: ModuleType | None = None,
        on_event: Callable[[Event], object] | None = None,
        max_response_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self._settings = Settings(
            backend=backend,
            timeouts=timeouts,
            retry=retry,
            headers=headers,
            max_connections=max_connections,
            proxy=proxy,
            ssl_context=ssl_context,
            transport=transport,
            on_event=on_event,
            max_response_bytes=max_response_bytes,
        )
        self._handler = self._settings.build_handler()
        self._connections = _Connections(self._settings, self._handler)
        self._live_middleware: LiveMiddleware = identity

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end; nothing that the network or the server does is raised."""
        check_action(action)
        if isinstance(self._handler, Failure):
            await checkpoint()
            return self._handler
        return await self._connections.executor().run(build_program(action, self._handler.unwrap()))

    def stream(self, stream: Stream[T]) -> "AsyncItems[T]":
        """Read a stream: ``async with run.stream(…) as items: async for item in items: …``."""
        check_stream(stream)
        return AsyncItems(stream, self._handler, self._connections.executor())

    def live(self, live: Live[T]) -> "Session[T]":
        """Open a live session: ``async with run.live(live.connect(…)) as session: …``."""
        check_live(live)
        return self._connections.build_session(live, self._live_middleware)

    def with_middleware(self, middleware: Middleware = identity, *, live_middleware: LiveMiddleware = identity) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange; for live sessions,
        from wiring to wiring.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._handler = apply_middleware_to_result(self._handler, middleware)  # noqa: SLF001  # one of its own kind
        twin._live_middleware = compose_live_middleware(self._live_middleware, live_middleware)  # noqa: SLF001  # one of its own kind
        return twin

    @property
    def problem(self) -> GenaiError | None:
        """Why the environment names no backend, if it does not."""
        return self._connections.problem

    async def aclose(self) -> None:
        """Close all connections; a call after that is ``Failure(Closed)``."""
        await self._connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Connections:
    """What an `AsyncHttp` holds open: made at the first call, so that making one loads no network stack."""

    def __init__(self, settings: Settings, exchange: Result[RequestHandler, GenaiError]) -> None:
        self._settings = settings
        self._handler = exchange
        self._lock = threading.Lock()
        self._pool: AsyncPool | None = None
        self._token_cache: TokenCache | None = None
        self._sessions: weakref.WeakSet[Session[Any]] = weakref.WeakSet()
        self._is_closed = False

    @property
    def problem(self) -> GenaiError | None:
        return self._handler.failure() if isinstance(self._handler, Failure) else None

    def executor(self) -> AsyncExecutor:
        with self._lock:
            if self._pool is None and not self._is_closed:
                self._open_pool()
        return AsyncExecutor(self._pool, self._token_cache, self._settings.on_event)

    def build_session(self, live: Live[T], wired: LiveMiddleware) -> "Session[T]":
        """Make what opens a session; `wired` may put something between it and the network."""
        from genai_fn.interpreters.live.connector import FailedConnector, HttpConnector  # noqa: PLC0415
        from genai_fn.interpreters.live.session import Session  # noqa: PLC0415  # few have any

        options, settings, world = live.options, self._settings, self.executor()
        if isinstance(self._handler, Failure):
            wiring: Connector = FailedConnector(self._handler.failure())
        elif self._pool is None or self._is_closed:
            wiring = FailedConnector(Closed())
        else:
            wiring = HttpConnector(live, cast("HttpHandler", self._handler.unwrap()), world, self._pool.connect_config)
        session = Session(
            live,
            wired(wiring),
            retry=options.retry or settings.retry,
            timeouts=options.timeouts or settings.timeouts,
            on_event=settings.on_event,
        )
        self._sessions.add(session)
        return session

    def _open_pool(self) -> None:
        from genai_fn.interpreters.net.pool.async_pool import AsyncPool  # noqa: PLC0415  # the network stack, at the first call

        self._pool = AsyncPool(self._settings.max_connections, **self._settings.build_pool_options())
        if not isinstance(self._handler, Failure):
            self._token_cache = self._settings.build_token_cache(self._handler.unwrap())

    async def aclose(self) -> None:
        with self._lock:
            self._is_closed = True
            lanes, tokens = self._pool, self._token_cache
        for session in tuple(self._sessions):
            session.abort()
        if tokens is not None:
            tokens.close()
        if lanes is not None:
            await lanes.aclose()


class AsyncItems(Generic[T]):
    """
    The items of a stream as they come, each a ``Result``; closes itself at the end, or when the block is left.

    A class and not an async generator: those cannot be closed from another task, nor left without waiting for the
    garbage collector.
    """

    def __init__(self, stream: Stream[T], exchange: Result[RequestHandler, GenaiError], world: AsyncExecutor) -> None:
        self._final_item: Result[Any, GenaiError] | None = exchange if isinstance(exchange, Failure) else None
        self._effects: Effects[Any] | None = (
            None if isinstance(exchange, Failure) else build_program(stream, exchange.unwrap())
        )
        self._executor = world
        self._executor.is_streaming = True
        self._starts_actions = is_spawning(stream)
        self._reader: tuple[EventLoopToken, anyio.CancelScope] | None = None
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        if self._final_item is not None:
            await checkpoint()
            last, self._final_item = self._final_item, None
            return last
        if self._effects is None or self._is_closed:
            await self.aclose()
            raise StopAsyncIteration
        item = await self._advance(self._effects)
        if item is None:
            raise StopAsyncIteration
        return item

    async def _advance(self, effects: Effects[Any]) -> Result[T, GenaiError] | None:
        """Go on to the next item; None at the end. Whatever else ends it closes the socket."""
        if self._reader is not None:
            raise RuntimeError("the stream is being read already, by another task")
        is_over = True
        try:
            effect = next(effects, None)
            if type(effect) is Emit:
                is_over = False
                return effect.item  # type: ignore[no-any-return]  # a stream emits results
            with anyio.CancelScope() as scope:
                self._reader = current_token(), scope
                if self._is_closed:  # by another thread, which looked for a reader just before
                    scope.cancel()
                item = None if effect is None else await self._read_item(effects, effect)
                is_over = item is None
                return item
            return STREAM_CLOSED
        except BaseException as error:
            if not isinstance(error, Exception):
                self._final_item = _READ_CANCELLED
            raise
        finally:
            self._reader = None
            if is_over:
                self._effects = None
                await self.aclose()

    async def _read_item(self, effects: Effects[Any], effect: Effect) -> Result[T, GenaiError] | None:
        while type(effect) is not Emit:
            raised: Exception | None = None
            answer: Any = None
            try:
                answer = await self._executor.perform(effect)
            except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may want to know
                raised = error
            try:
                effect = effects.send(answer) if raised is None else effects.throw(raised)
            except StopIteration:
                return None
        return effect.item  # type: ignore[no-any-return]  # a stream emits results

    def close(self) -> None:
        """
        Close the socket at once, from any task or thread; a task that is reading is given ``Failure(Closed)``, then the
        end.
        """
        self._is_closed = True
        self._executor.abort()
        reader = self._reader
        if reader is not None:  # it may wait for something else than the socket
            token, scope = reader
            call_soon(token, scope.cancel)

    async def aclose(self) -> None:
        """Close the socket, and be done."""
        self._is_closed = True
        await self._executor.aclose()

    async def __aenter__(self) -> Self:
        if self._starts_actions:
            await self._executor.open_task_group()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._final_item = None
        try:
            await self.aclose()
        finally:
            await self._executor.close_task_group()


_READ_CANCELLED: Failure[Any] = Failure(Closed("the stream ended as a read of it was cancelled"))
