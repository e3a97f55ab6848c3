"""The async world, asyncio and trio alike: performs effects in the calling task, each wait within one cancel scope."""

import functools
import inspect
import random
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

import anyio
from anyio import to_thread
from anyio.lowlevel import EventLoopToken, checkpoint, current_token
from returns.result import Failure, Result

from genai_fn.backend import Backend, HeadersLike
from genai_fn.effects import (
    Close,
    Draft,
    Effect,
    Effects,
    Emit,
    Invoke,
    Join,
    Keep,
    Lost,
    Measure,
    Now,
    Open,
    Random,
    Read,
    ReadSlice,
    Sleep,
    Spawn,
    Tell,
    Together,
    Token,
    Write,
)
from genai_fn.errors import Closed, GenaiError, InvalidRequest, TimedOut
from genai_fn.events import Event
from genai_fn.exchange import Exchange
from genai_fn.interpret.disk import DraftFile, performed
from genai_fn.interpret.settings import Settings, a_stream, an_action, read_limit
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Stream, is_spawning
from genai_fn.steps import program

if TYPE_CHECKING:
    from concurrent.futures import Future

    from genai_fn.interpret.tokens import Tokens

__all__ = ["AsyncHttp", "AsyncItems", "AsyncWorld", "run_through"]

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

    @property
    def problem(self) -> GenaiError | None:
        """Why the environment names no backend, if it does not."""
        return self._exchange.failure() if isinstance(self._exchange, Failure) else None

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
        self._lanes: _Opens | None = None
        self._tokens: Tokens | None = None
        self._is_closed = False

    def world(self) -> "AsyncWorld":
        with self._lock:
            if self._lanes is None and not self._is_closed:
                self._make()
        return AsyncWorld(self._lanes, self._tokens, self._settings.on_event)

    def _make(self) -> None:
        from genai_fn.interpret.lanes_async import AsyncLanes  # noqa: PLC0415  # the network stack, at the first call

        self._lanes = AsyncLanes(self._settings.lanes, **self._settings.lane_settings())
        if not isinstance(self._exchange, Failure):
            self._tokens = self._settings.tokens(self._exchange.unwrap())

    async def aclose(self) -> None:
        with self._lock:
            self._is_closed = True
            lanes, tokens = self._lanes, self._tokens
        if tokens is not None:
            tokens.close()
        if lanes is not None:
            await lanes.aclose()


class _OpenExchange(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> tuple[tuple[str, str], ...]: ...
    async def read(self, deadline: float, phase: Any) -> bytes | Lost: ...
    def cut(self) -> None: ...
    async def aclose(self) -> None: ...


class _Opens(Protocol):
    async def open(self, request: Any, *, deadline: float, connect: float, fresh: bool) -> _OpenExchange | Lost: ...
    async def aclose(self) -> None: ...


class AsyncWorld:
    """Performs the effects of one program, and closes what it left open."""

    def __init__(
        self, lanes: "_Opens | None", tokens: "Tokens | None", on_event: Callable[[Event], object] | None
    ) -> None:
        self._lanes = lanes
        self._tokens = tokens
        self._on_event = on_event
        self._opened: set[Any] = set()
        self._children: _Children | None = None
        self.is_reading = False

    async def run(self, effects: Effects[T]) -> T:
        """Drive a program to its end in this task, and close what it left open."""
        try:
            return await run_through(effects, self)
        finally:
            try:
                await self.leave()
            finally:
                await self.aclose()

    def beside(self) -> "AsyncWorld":
        """Make a world for a program that runs in a task of its own."""
        return AsyncWorld(self._lanes, self._tokens, self._on_event)

    async def perform(self, effect: Effect) -> Any:
        """Do what an effect asks, and answer it."""
        return await self._WAYS[type(effect)](self, effect)

    async def enter(self) -> None:
        """Make ready for children, in the very task and scope that leaves: a task group cannot be left elsewhere."""
        self._children = _Children()
        await self._children.group.__aenter__()

    async def leave(self) -> None:
        """End the children that are left, and wait for their end."""
        children, self._children = self._children, None
        if children is not None:
            children.cancel()
            try:
                await children.group.__aexit__(None, None, None)
            except BaseExceptionGroup as group:  # of an interrupt, which comes out as itself
                raise group.exceptions[0] from None

    async def aclose(self) -> None:
        """Close what is open, whatever cancels us meanwhile: no shield holds off ``task.cancel()``."""
        if self._children is not None:
            self._children.cancel()
        if self._opened:
            with anyio.CancelScope(shield=True):
                async with AsyncExitStack() as closing:
                    while self._opened:
                        closing.push_async_callback(self._opened.pop().aclose)

    def cut(self) -> None:
        """Close the sockets at once, from any task or thread; whoever reads wakes up. `aclose` is owed all the same."""
        for exchange in tuple(self._opened):
            exchange.cut()
        if self._children is not None:
            self._children.cut()

    async def _now(self, effect: Now) -> float:
        return time.monotonic()

    async def _random(self, effect: Random) -> float:
        return random.random()  # noqa: S311  # jitter

    async def _sleep(self, effect: Sleep) -> None:
        await anyio.sleep(effect.seconds)

    async def _token(self, effect: Token) -> Any:
        if self._tokens is None:  # closed before the first call: else a backend that asks for one has them
            await checkpoint()
            return _INTERPRETER_CLOSED
        answer = self._tokens.ask()
        if answer.done():
            return answer.result()
        try:
            with anyio.move_on_after(max(0.0, effect.deadline - time.monotonic())):
                return await _resolved(answer)
            return Lost(TimedOut("total", "waiting for a token"))
        finally:
            answer.cancel()

    async def _open(self, effect: Open) -> Any:
        if self._lanes is None:
            await checkpoint()
            return _INTERPRETER_CLOSED
        opened = await self._lanes.open(
            effect.request, deadline=effect.deadline, connect=effect.connect, fresh=effect.fresh
        )
        if not isinstance(opened, Lost):
            self._opened.add(opened)
        return opened

    async def _read(self, effect: Read) -> Any:
        exchange: Any = effect.exchange
        return await exchange.read(*read_limit(effect))

    async def _close(self, effect: Close) -> None:
        exchange: Any = effect.exchange
        await exchange.aclose()
        self._opened.discard(exchange)

    async def _draft(self, effect: Draft) -> DraftFile | Lost:
        draft = DraftFile(effect.path)
        self._opened.add(draft)  # before it is begun: the thread goes on, whatever cancels us
        return await to_thread.run_sync(draft.begin)

    async def _on_disk(self, effect: Measure | ReadSlice | Write | Keep) -> Any:
        return await to_thread.run_sync(performed, effect)

    async def _invoke(self, effect: Invoke) -> Any:
        call = functools.partial(effect.function, *effect.args, **effect.kwargs)
        if effect.in_thread and not _is_async(effect.function):
            value = await to_thread.run_sync(call, abandon_on_cancel=True)  # nobody can stop it: it ends by itself
        else:
            value = call()
        return (await value) if inspect.isawaitable(value) else value

    async def _tell(self, effect: Tell) -> None:
        if self._on_event is not None:
            self._on_event(effect.event)

    async def _spawn(self, effect: Spawn) -> "_Child":
        if self._children is None:
            if self.is_reading:
                raise InvalidRequest("run.stream(…)", "no block", "async with: this stream starts actions of its own")
            await self.enter()
        assert self._children is not None  # noqa: S101  # entered
        return self._children.begin(effect.program, self.beside())

    async def _join(self, effect: Join) -> "_Child":
        while True:
            for child in effect.children:
                if child.is_over:
                    await checkpoint()
                    return child  # type: ignore[no-any-return]  # one of ours
            assert self._children is not None  # noqa: S101  # who else has children
            await self._children.wait()

    async def _together(self, effect: Together) -> tuple[Any, ...]:
        ends: list[_End] = [_End() for _ in effect.programs]
        try:
            async with anyio.create_task_group() as tasks:
                for end, child in zip(ends, effect.programs, strict=True):
                    tasks.start_soon(end.reach, child, self.beside())
        except BaseExceptionGroup as group:  # of an interrupt, which comes out as itself
            _, interrupts = group.split(anyio.get_cancelled_exc_class())
            raise (interrupts or group).exceptions[0] from None
        return tuple(end.value() for end in ends)

    _WAYS: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        Now: _now,
        Random: _random,
        Sleep: _sleep,
        Token: _token,
        Open: _open,
        Read: _read,
        Close: _close,
        Invoke: _invoke,
        Tell: _tell,
        Together: _together,
        Spawn: _spawn,
        Join: _join,
        Draft: _draft,
        Measure: _on_disk,
        ReadSlice: _on_disk,
        Write: _on_disk,
        Keep: _on_disk,
    }


_INTERPRETER_CLOSED = Lost(Closed())


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


class _End:
    """How a child ended: an error is kept, not raised, as it would cancel the child's siblings in the task group."""

    def __init__(self) -> None:
        self._value: Any = None
        self._raised: BaseException | None = None

    async def reach(self, child: Effects[Any], world: AsyncWorld) -> None:
        try:
            self._value = await world.run(child)
        except BaseException as error:
            self._raised = error  # the caller's own, raised again where it is awaited
            if not isinstance(error, Exception):
                raise  # a cancellation, maybe of the caller's own making, or an interrupt: nobody goes on

    def value(self) -> Any:
        if self._raised is not None:
            raise self._raised
        return self._value


class _Children:
    """The children of one world: tasks in a group whose own scope is never cancelled, as its host's block would be, too."""

    def __init__(self) -> None:
        self.group = anyio.create_task_group()
        self._running: set[_Child] = set()
        self._bell = anyio.Event()
        self._token = current_token()

    def begin(self, effects: Effects[Any], world: AsyncWorld) -> "_Child":
        child = _Child(self)
        self._running.add(child)
        self.group.start_soon(child.run, effects, world)
        return child

    def ended(self, child: "_Child") -> None:
        self._running.discard(child)
        self._bell.set()

    async def wait(self) -> None:
        """Wait until one more has ended."""
        if self._bell.is_set():
            self._bell = anyio.Event()
        else:
            await self._bell.wait()

    def cancel(self) -> None:
        for child in tuple(self._running):
            child.scope.cancel()

    def cut(self) -> None:
        """Cancel them from any thread."""
        _soon(self._token, self.cancel)


class _Child:
    """A program in a task of its own, under a scope of its own; it raises nothing into its group."""

    def __init__(self, children: _Children) -> None:
        self.scope = anyio.CancelScope()
        self.is_over = False
        self._children = children
        self._value: Any = _STREAM_CLOSED
        self._raised: Exception | None = None

    async def run(self, effects: Effects[Any], world: AsyncWorld) -> None:
        try:
            with self.scope:
                self._value = await world.run(effects)
        except Exception as error:  # noqa: BLE001  # the caller's own, raised again where its result is taken
            self._raised = error
        finally:
            self.is_over = True
            self._children.ended(self)

    def result(self) -> Any:
        if self._raised is not None:
            raise self._raised
        return self._value


async def _resolved(answer: "Future[T]") -> T:
    """Wait for what another thread resolves."""
    came, token = anyio.Event(), current_token()
    answer.add_done_callback(lambda _: _soon(token, came.set))
    await came.wait()
    return answer.result()


def _soon(token: EventLoopToken, call: Callable[[], object]) -> None:
    """Have an event loop call something: from any thread, the loop's own among them, and without a wait."""
    loop: Any = token.native_token
    with suppress(RuntimeError):  # the loop is over, and with it whoever waited
        (getattr(loop, "run_sync_soon", None) or loop.call_soon_threadsafe)(call)


async def run_through(effects: Effects[T], world: AsyncWorld) -> T:
    """Drive a program to its end."""
    answer: Any = None
    raised: Exception | None = None
    while True:
        try:
            effect = effects.send(answer) if raised is None else effects.throw(raised)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what the generator returns
        answer = raised = None
        try:
            answer = await world.perform(effect)
        except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may want to know
            raised = error


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
            return _STREAM_CLOSED
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
            _soon(token, scope.cancel)

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


_STREAM_CLOSED: Failure[Any] = Failure(Closed("the stream was closed"))
_READ_CANCELLED: Failure[Any] = Failure(Closed("the stream ended as a read of it was cancelled"))
