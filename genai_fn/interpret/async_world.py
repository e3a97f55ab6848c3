"""The async world, asyncio and trio alike: performs the effects of one program, each wait within a cancel scope."""

import functools
import inspect
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import anyio
from anyio import to_thread
from anyio.lowlevel import EventLoopToken, checkpoint, current_token
from returns.result import Failure

from genai_fn.effects import (
    Close,
    Draft,
    Effect,
    Effects,
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
from genai_fn.errors import Closed, InvalidRequest, TimedOut
from genai_fn.events import Event
from genai_fn.interpret.disk import DraftFile, performed
from genai_fn.interpret.limits import read_limit
from genai_fn.interpret.tasks import interrupt_of

if TYPE_CHECKING:
    from genai_fn.interpret.threads import Promise
    from genai_fn.interpret.tokens import Tokens

__all__ = ["STREAM_CLOSED", "AsyncWorld", "Opened", "Opens", "run_through", "soon"]

T = TypeVar("T")


class Opened(Protocol):
    """An exchange of the lanes, or of what takes their place."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> tuple[tuple[str, str], ...]: ...
    async def read(self, deadline: float, phase: Any) -> bytes | Lost: ...
    def cut(self) -> None: ...
    async def aclose(self) -> None: ...


class Opens(Protocol):
    """Lanes, or what takes their place."""

    async def open(self, request: Any, *, deadline: float, connect: float, fresh: bool) -> Opened | Lost: ...
    async def aclose(self) -> None: ...


class AsyncWorld:
    """Performs the effects of one program, and closes what it left open."""

    def __init__(
        self, lanes: "Opens | None", tokens: "Tokens | None", on_event: Callable[[Event], object] | None
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
            except BaseExceptionGroup as group:
                raise interrupt_of(group, at_host=True) from None

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
        except BaseExceptionGroup as group:
            raise interrupt_of(group, at_host=True) from None
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
STREAM_CLOSED: Failure[Any] = Failure(Closed("the stream was closed"))


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
    """The children of one world: tasks in a group whose own scope is never cancelled, as its host would end with it."""

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
        soon(self._token, self.cancel)


class _Child:
    """A program in a task of its own, under a scope of its own; it raises nothing into its group."""

    def __init__(self, children: _Children) -> None:
        self.scope = anyio.CancelScope()
        self.is_over = False
        self._children = children
        self._value: Any = STREAM_CLOSED
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


async def _resolved(answer: "Promise[T]") -> T:
    """Wait for what another thread resolves."""
    came, token = anyio.Event(), current_token()
    answer.add_done_callback(lambda: soon(token, came.set))
    await came.wait()
    return answer.result()


def soon(token: EventLoopToken, call: Callable[[], object]) -> None:
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
