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
from genai_fn.errors import Closed, GenaiError
from genai_fn.events import Event
from genai_fn.exchange import Exchange, HttpExchange
from genai_fn.interpret.async_world import STREAM_CLOSED, AsyncWorld, soon
from genai_fn.interpret.exchanges import Between, BetweenLive, placed, rewired, unchanged
from genai_fn.interpret.settings import Settings, a_live, a_stream, an_action
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream, is_spawning
from genai_fn.steps import program

if TYPE_CHECKING:
    from genai_fn.interpret.lanes_async import AsyncLanes
    from genai_fn.interpret.live import Session
    from genai_fn.interpret.sockets import Wiring
    from genai_fn.interpret.tokens import Tokens

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
        lanes: int = 64,
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
            lanes=lanes,
            proxy=proxy,
            ssl_context=ssl_context,
            transport=transport,
            on_event=on_event,
            max_response_bytes=max_response_bytes,
        )
        self._exchange = self._settings.exchange()
        self._connections = _Connections(self._settings, self._exchange)
        self._wired: BetweenLive = unchanged

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end; nothing that the network or the server does is raised."""
        an_action(action)
        if isinstance(self._exchange, Failure):
            await checkpoint()
            return self._exchange
        return await self._connections.world().run(program(action, self._exchange.unwrap()))

    def stream(self, stream: Stream[T]) -> "AsyncItems[T]":
        """Read a stream: ``async with run.stream(…) as items: async for item in items: …``."""
        a_stream(stream)
        return AsyncItems(stream, self._exchange, self._connections.world())

    def live(self, live: Live[T]) -> "Session[T]":
        """Open a live session: ``async with run.live(live.connect(…)) as session: …``."""
        a_live(live)
        return self._connections.session(live, self._wired)

    def through(self, between: Between = unchanged, *, wiring: BetweenLive = unchanged) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange; for live sessions,
        from wiring to wiring.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._exchange = placed(self._exchange, between)  # noqa: SLF001  # one of its own kind
        twin._wired = rewired(self._wired, wiring)  # noqa: SLF001  # one of its own kind
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

    def __init__(self, settings: Settings, exchange: Result[Exchange, GenaiError]) -> None:
        self._settings = settings
        self._exchange = exchange
        self._lock = threading.Lock()
        self._lanes: AsyncLanes | None = None
        self._tokens: Tokens | None = None
        self._sessions: weakref.WeakSet[Session[Any]] = weakref.WeakSet()
        self._is_closed = False

    @property
    def problem(self) -> GenaiError | None:
        return self._exchange.failure() if isinstance(self._exchange, Failure) else None

    def world(self) -> AsyncWorld:
        with self._lock:
            if self._lanes is None and not self._is_closed:
                self._make()
        return AsyncWorld(self._lanes, self._tokens, self._settings.on_event)

    def session(self, live: Live[T], wired: BetweenLive) -> "Session[T]":
        """Make what opens a session; `wired` may put something between it and the network."""
        from genai_fn.interpret.live import Session  # noqa: PLC0415  # few have any
        from genai_fn.interpret.wiring import HttpWiring, Unwired  # noqa: PLC0415

        options, settings, world = live.options, self._settings, self.world()
        if isinstance(self._exchange, Failure):
            wiring: Wiring = Unwired(self._exchange.failure())
        elif self._lanes is None or self._is_closed:
            wiring = Unwired(Closed())
        else:
            wiring = HttpWiring(live, cast("HttpExchange", self._exchange.unwrap()), world, self._lanes.dialling)
        session = Session(
            live,
            wired(wiring),
            retry=options.retry or settings.retry,
            timeouts=options.timeouts or settings.timeouts,
            on_event=settings.on_event,
        )
        self._sessions.add(session)
        return session

    def _make(self) -> None:
        from genai_fn.interpret.lanes_async import AsyncLanes  # noqa: PLC0415  # the network stack, at the first call

        self._lanes = AsyncLanes(self._settings.lanes, **self._settings.lane_settings())
        if not isinstance(self._exchange, Failure):
            self._tokens = self._settings.tokens(self._exchange.unwrap())

    async def aclose(self) -> None:
        with self._lock:
            self._is_closed = True
            lanes, tokens = self._lanes, self._tokens
        for session in tuple(self._sessions):
            session.cut()
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

    def __init__(self, stream: Stream[T], exchange: Result[Exchange, GenaiError], world: AsyncWorld) -> None:
        self._last: Result[Any, GenaiError] | None = exchange if isinstance(exchange, Failure) else None
        self._effects: Effects[Any] | None = (
            None if isinstance(exchange, Failure) else program(stream, exchange.unwrap())
        )
        self._world = world
        self._world.is_reading = True
        self._is_spawning = is_spawning(stream)
        self._reader: tuple[EventLoopToken, anyio.CancelScope] | None = None
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        if self._last is not None:
            await checkpoint()
            last, self._last = self._last, None
            return last
        if self._effects is None or self._is_closed:
            await self.aclose()
            raise StopAsyncIteration
        item = await self._advanced(self._effects)
        if item is None:
            raise StopAsyncIteration
        return item

    async def _advanced(self, effects: Effects[Any]) -> Result[T, GenaiError] | None:
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
                item = None if effect is None else await self._item(effects, effect)
                is_over = item is None
                return item
            return STREAM_CLOSED
        except BaseException as error:
            if not isinstance(error, Exception):
                self._last = _READ_CANCELLED
            raise
        finally:
            self._reader = None
            if is_over:
                self._effects = None
                await self.aclose()

    async def _item(self, effects: Effects[Any], effect: Effect) -> Result[T, GenaiError] | None:
        while type(effect) is not Emit:
            raised: Exception | None = None
            answer: Any = None
            try:
                answer = await self._world.perform(effect)
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
        self._world.cut()
        reader = self._reader
        if reader is not None:  # it may wait for something else than the socket
            token, scope = reader
            soon(token, scope.cancel)

    async def aclose(self) -> None:
        """Close the socket, and be done."""
        self._is_closed = True
        await self._world.aclose()

    async def __aenter__(self) -> Self:
        if self._is_spawning:
            await self._world.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._last = None
        try:
            await self.aclose()
        finally:
            await self._world.leave()


_READ_CANCELLED: Failure[Any] = Failure(Closed("the stream ended as a read of it was cancelled"))
