"""The async executor, for asyncio and trio: performs the effects of one program in the calling task."""

import functools
import inspect
import time
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import anyio
from anyio import to_thread
from anyio.lowlevel import EventLoopToken, checkpoint, current_token
from returns.result import Failure

from genai_fn.effects import (
    CallFunction,
    CloseResource,
    CommitTemp,
    CreateTemp,
    Effect,
    EffectFailed,
    Effects,
    FlowFailed,
    GetFileSize,
    GetRandom,
    GetTime,
    GetToken,
    Notify,
    OpenResource,
    OpenResponse,
    Race,
    ReadChunk,
    ReadFileSlice,
    RunAll,
    SendRequest,
    Sleep,
    Spawn,
    WaitAny,
    WriteTemp,
)
from genai_fn.engine.futures import is_future
from genai_fn.engine.stepper import arun_program
from genai_fn.errors import Closed, InvalidRequest, TimedOut
from genai_fn.events import Event
from genai_fn.interpreters.executors.event_loops import await_future, await_promise, await_result, call_soon
from genai_fn.interpreters.executors.files import TempFile, perform_file_effect
from genai_fn.interpreters.executors.limits import compute_read_limit
from genai_fn.interpreters.executors.tasks import extract_interrupt

if TYPE_CHECKING:
    from genai_fn.interpreters.auth.token_caches import TokenCaches


T = TypeVar("T")


class AsyncResponse(OpenResponse, Protocol):
    """A response of an `AsyncTransport`, whose body `read` returns in chunks; ``b""`` at its end."""

    async def read(self, deadline: float, phase: Any) -> bytes | EffectFailed: ...
    def abort(self) -> None: ...
    async def aclose(self) -> None: ...


class AsyncTransport(Protocol):
    """Sends HTTP requests: the connection pool, or the emulated API."""

    async def send(self, request: SendRequest) -> AsyncResponse | EffectFailed: ...


class AsyncExecutor:
    """Performs the effects of one program, and closes what it leaves open. Without a transport it sends no requests."""

    def __init__(
        self,
        transport: "AsyncTransport | None",
        token_caches: "TokenCaches | None",
        on_event: Callable[[Event], object] | None,
    ) -> None:
        self._transport = transport
        self._token_caches = token_caches
        self._on_event = on_event
        self._open_resources: set[Any] = set()
        self._children: _ChildGroup | None = None
        self._running: tuple[EventLoopToken, anyio.CancelScope] | None = None
        self.is_streaming = False
        self.is_closed = False
        self._descendants: weakref.WeakSet[AsyncExecutor] | None = None
        self.end_failure: Failure[Any] | None = None
        """The failure that the run ends with, if `end` was called."""

    @property
    def has_transport(self) -> bool:
        """Whether it can send HTTP requests, which are checkpoints; without them a program may have none."""
        return self._transport is not None

    async def run(self, effects: Effects[T]) -> T:
        """Run a program to its end in this task, and close what it leaves open."""
        try:
            return await arun_program(effects, self.perform)
        finally:
            try:
                await self.close_task_group()
            finally:
                await self.aclose()

    def create_child(self) -> "AsyncExecutor":
        """Return an executor for a program in another task; `end` ends it, too."""
        child = AsyncExecutor(self._transport, self._token_caches, self._on_event)
        if self._descendants is None:
            self._descendants = weakref.WeakSet()
        self._descendants.add(child)
        child._descendants, child.end_failure = self._descendants, self.end_failure
        return child

    def perform(self, effect: Effect) -> Awaitable[Any]:
        """Perform one effect: awaiting the result returns its answer."""
        return self._PERFORMERS[type(effect)](self, effect)

    async def open_task_group(self) -> None:
        """Open the task group of spawned programs; the same task must close it, in the same cancel scope."""
        self._children = _ChildGroup()
        await self._children.group.__aenter__()

    async def close_task_group(self) -> None:
        """Cancel the spawned programs that still run, and wait for their end."""
        children, self._children = self._children, None
        if children is not None:
            children.cancel()
            try:
                await children.group.__aexit__(None, None, None)
            except BaseExceptionGroup as group:
                raise extract_interrupt(group, at_host=True) from None

    async def aclose(self) -> None:
        """Close what is open, even if this is cancelled meanwhile: a shield does not stop ``task.cancel()``."""
        if self._children is not None:
            self._children.cancel()
        if self._open_resources:
            with anyio.CancelScope(shield=True):
                async with AsyncExitStack() as closing:
                    while self._open_resources:
                        closing.push_async_callback(self._open_resources.pop().aclose)

    def set_running(self, scope: anyio.CancelScope | None) -> None:
        """Set the scope of this task in which the program runs, for `close` and `end`; None once it is left."""
        self._running = None if scope is None else (current_token(), scope)
        if scope is not None and self.is_closed:  # by another thread, just before
            scope.cancel()

    def close(self) -> None:
        """Close the sockets and cancel what runs, from any task or thread; `aclose` must still follow."""
        self.is_closed = True
        self.abort()
        self._cancel_running()

    def end(self) -> None:
        """Close, as the interpreter is closed: the run ends with a failure. From any task or thread."""
        self.end_failure, self.is_closed = _INTERPRETER_ENDED, True
        if not self._cancel_running():
            self.abort()
        for descendant in tuple(self._descendants or ()):
            if descendant.end_failure is None:
                descendant.end()

    def _cancel_running(self) -> bool:
        running = self._running
        if running is None:
            return False
        token, scope = running
        call_soon(token, scope.cancel)
        return True

    @property
    def has_open_resources(self) -> bool:
        """Whether something is open that `aclose` would close."""
        return bool(self._open_resources)

    def abort(self) -> None:
        """Close the sockets at once, from any task or thread, which ends blocked reads; `aclose` must still follow."""
        for resource in tuple(self._open_resources):
            resource.abort()
        if self._children is not None:
            self._children.cancel_from_thread()

    async def _get_time(self, effect: GetTime) -> float:
        return time.monotonic()

    async def _get_random(self, effect: GetRandom) -> float:
        import random  # noqa: PLC0415  # only retries need it

        return random.random()  # noqa: S311  # jitter

    async def _sleep(self, effect: Sleep) -> None:
        await self._wait_until_closed(anyio.sleep, effect.seconds)

    async def _wait_until_closed(self, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Wait for a call that closing the run cancels; the flow fails then."""
        if self.is_streaming:  # its reader is cancelled
            return await call(*args)
        with anyio.CancelScope() as scope:
            self.set_running(scope)
            try:
                return await call(*args)
            finally:
                self.set_running(None)
        raise FlowFailed(Closed())

    async def _get_token(self, effect: GetToken) -> Any:
        if self._token_caches is None:  # the interpreter was closed before its first call
            await checkpoint()
            return _INTERPRETER_CLOSED
        credential = self._token_caches.get_credential(effect.refused, effect.backend)
        if credential.done():
            return credential.result()
        try:
            with anyio.move_on_after(max(0.0, effect.deadline - time.monotonic())):
                return await await_promise(credential)
            return EffectFailed(TimedOut("total", "waiting for a token"))
        finally:
            credential.cancel()

    async def _send_request(self, effect: SendRequest) -> Any:
        if self._transport is None or self.end_failure is not None:
            await checkpoint()
            return _INTERPRETER_CLOSED
        response = await self._transport.send(effect)
        if not isinstance(response, EffectFailed):
            self._open_resources.add(response)
            if self.is_closed:  # by another thread, meanwhile
                response.abort()
        return response

    async def _read_chunk(self, effect: ReadChunk) -> Any:
        response: Any = effect.response
        chunk = await response.read(*compute_read_limit(effect))
        if self.end_failure is not None and isinstance(chunk, EffectFailed) and isinstance(chunk.error, Closed):
            return EffectFailed(Closed(sent=True))  # not only the response was closed
        return chunk

    async def _open_resource(self, effect: OpenResource) -> None:
        self._open_resources.add(effect.resource)
        if self.is_closed:  # by another thread, meanwhile
            effect.resource.abort()

    async def _close_resource(self, effect: CloseResource) -> None:
        await effect.resource.aclose()
        self._open_resources.discard(effect.resource)

    async def _create_temp(self, effect: CreateTemp) -> TempFile | EffectFailed:
        temp_file = TempFile(effect.path)
        self._open_resources.add(temp_file)  # before it is created: the thread does so even if this is cancelled
        return await to_thread.run_sync(temp_file.create)

    async def _perform_on_disk(self, effect: GetFileSize | ReadFileSlice | WriteTemp | CommitTemp) -> Any:
        return await to_thread.run_sync(perform_file_effect, effect)

    async def _call_function(self, effect: CallFunction) -> Any:
        call = functools.partial(effect.function, *effect.args, **effect.kwargs)
        with anyio.move_on_after(effect.timeout):
            if effect.in_thread and not _is_async(effect.function):
                in_thread = functools.partial(to_thread.run_sync, abandon_on_cancel=True)  # a thread cannot be stopped
                # trio refuses a coroutine as the result of a thread, and takes it in a list
                [value] = await self._wait_until_closed(in_thread, lambda: [call()])
            else:
                value = call()
            if is_future(value):
                return await self._wait_until_closed(await_future, value)
            return (await self._wait_until_closed(await_result, value)) if inspect.isawaitable(value) else value
        raise FlowFailed(effect.build_timeout_error())

    async def _notify(self, effect: Notify) -> None:
        if self._on_event is not None:
            self._on_event(effect.event)

    async def _spawn(self, effect: Spawn) -> "_Child":
        if self._children is None:
            if self.is_streaming:
                raise InvalidRequest("run.stream(…)", "no block", "async with: this stream starts actions of its own")
            await self.open_task_group()
        assert self._children is not None  # noqa: S101  # entered
        return self._children.start_child(effect.program, self.create_child())

    async def _wait_any(self, effect: WaitAny) -> "_Child":
        while True:
            for child in effect.children:
                if child.is_over:
                    await checkpoint()
                    return child  # type: ignore[no-any-return]  # one of ours
            assert self._children is not None  # noqa: S101  # the children were spawned in it
            await self._children.wait_for_end()

    async def _run_all(self, effect: RunAll) -> tuple[Any, ...]:
        outcomes: list[_ChildOutcome] = [_ChildOutcome() for _ in effect.programs]
        try:
            async with anyio.create_task_group() as tasks:
                for outcome, child in zip(outcomes, effect.programs, strict=True):
                    tasks.start_soon(outcome.run_child, child, self.create_child())
        except BaseExceptionGroup as group:
            raise extract_interrupt(group, at_host=True) from None
        return tuple(outcome.get_value() for outcome in outcomes)

    async def _race(self, effect: Race) -> tuple[Any, ...]:
        race = _RunningRace(self, effect)
        try:
            async with race.group as tasks:
                for place, child in enumerate(effect.programs):
                    tasks.start_soon(race.run_child, place, child, self.create_child())
        except BaseExceptionGroup as group:
            raise extract_interrupt(group, at_host=True) from None
        return race.get_values()

    def adopt_resources(self, child: "AsyncExecutor") -> None:
        """Take over what the program of a child has left open."""
        self._open_resources |= child._open_resources  # noqa: SLF001  # of its own class
        child._open_resources.clear()  # noqa: SLF001  # of its own class
        if self.is_closed:  # by another thread, meanwhile
            self.abort()

    _PERFORMERS: ClassVar[dict[type, Callable[[Any, Any], Awaitable[Any]]]] = {
        GetTime: _get_time,
        GetRandom: _get_random,
        Sleep: _sleep,
        GetToken: _get_token,
        SendRequest: _send_request,
        ReadChunk: _read_chunk,
        OpenResource: _open_resource,
        CloseResource: _close_resource,
        CallFunction: _call_function,
        Notify: _notify,
        RunAll: _run_all,
        Race: _race,
        Spawn: _spawn,
        WaitAny: _wait_any,
        CreateTemp: _create_temp,
        GetFileSize: _perform_on_disk,
        ReadFileSlice: _perform_on_disk,
        WriteTemp: _perform_on_disk,
        CommitTemp: _perform_on_disk,
    }


_INTERPRETER_CLOSED = EffectFailed(Closed())
_INTERPRETER_ENDED: Failure[Any] = Failure(Closed(sent=True))
STREAM_CLOSED: Failure[Any] = Failure(Closed("the stream was closed"))


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


class _ChildOutcome:
    """The outcome of a child. It keeps an error, as raising it would cancel its siblings in the task group."""

    def __init__(self) -> None:
        self._value: Any = None
        self._error: BaseException | None = None

    async def run_child(self, child: Effects[Any], executor: AsyncExecutor) -> None:
        try:
            self._value = await executor.run(child)
        except BaseException as error:
            self._error = error  # of a user function; `get_value` raises it
            if not isinstance(error, Exception):
                raise  # a cancellation or an interrupt ends the siblings, too

    def get_value(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class _RunningRace:
    """The programs of a race in a task group of its own, which the first one that wins or raises cancels."""

    def __init__(self, executor: AsyncExecutor, race: Race) -> None:
        self.group = anyio.create_task_group()
        self._executor = executor
        self._is_won = race.is_won
        self._values: list[Any] = [None] * len(race.programs)
        self._error: Exception | None = None
        self._is_over = False

    async def run_child(self, place: int, program: Effects[Any], child: AsyncExecutor) -> None:
        try:
            value = await arun_program(program, child.perform)
            if not self._is_over:
                self._values[place] = value
                if self._is_won(value):
                    self._executor.adopt_resources(child)
                    self._stop()
        except Exception as error:  # noqa: BLE001  # of a user function; `get_values` raises it
            if not self._is_over:
                self._error = error
                self._stop()
        finally:
            try:
                await child.close_task_group()
            finally:
                await child.aclose()

    def _stop(self) -> None:
        self._is_over = True
        self.group.cancel_scope.cancel()

    def get_values(self) -> tuple[Any, ...]:
        if self._error is not None:
            raise self._error
        return tuple(self._values)


class _ChildGroup:
    """The spawned programs of one executor. Their task group is never cancelled itself: that would cancel its host."""

    def __init__(self) -> None:
        self.group = anyio.create_task_group()
        self._running: set[_Child] = set()
        self._end_event = anyio.Event()
        self._loop_token = current_token()

    def start_child(self, effects: Effects[Any], executor: AsyncExecutor) -> "_Child":
        child = _Child(self)
        self._running.add(child)
        self.group.start_soon(child.run, effects, executor)
        return child

    def mark_ended(self, child: "_Child") -> None:
        self._running.discard(child)
        self._end_event.set()

    async def wait_for_end(self) -> None:
        """Wait until another one has ended."""
        if self._end_event.is_set():
            self._end_event = anyio.Event()
        else:
            await self._end_event.wait()

    def cancel(self) -> None:
        for child in tuple(self._running):
            child.scope.cancel()

    def cancel_from_thread(self) -> None:
        """Cancel all, from any thread."""
        call_soon(self._loop_token, self.cancel)


class _Child:
    """A program in a task with its own cancel scope; it raises nothing into its task group."""

    def __init__(self, children: _ChildGroup) -> None:
        self.scope = anyio.CancelScope()
        self.is_over = False
        self._children = children
        self._value: Any = STREAM_CLOSED
        self._error: Exception | None = None

    async def run(self, effects: Effects[Any], executor: AsyncExecutor) -> None:
        try:
            with self.scope:
                if not self.scope.cancel_called:  # before the task has started
                    self._value = await executor.run(effects)
        except Exception as error:  # noqa: BLE001  # of a user function; `result` raises it
            self._error = error
        finally:
            self.is_over = True
            self._children.mark_ended(self)

    async def aclose(self) -> None:
        """Stop the program, without waiting for its end."""
        self.scope.cancel()

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value
