"""The sync world: performs the effects of one program in the calling thread, and closes what it left open."""

import inspect
import random
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

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
from genai_fn.errors import Closed, NotInThisWorld, TimedOut
from genai_fn.events import Event
from genai_fn.interpret.limits import read_limit
from genai_fn.interpret.threads import Latch, Worker, wait_for_first
from genai_fn.words import Ended

if TYPE_CHECKING:
    from genai_fn.interpret.disk import DraftFile
    from genai_fn.interpret.lanes import Cut
    from genai_fn.interpret.tokens import Tokens

__all__ = ["Opened", "Opens", "SyncWorld", "run_through"]

T = TypeVar("T")


class Opened(Protocol):
    """An exchange of the lanes, or of what takes their place."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> tuple[tuple[str, str], ...]: ...
    def read(self, deadline: float, phase: Any) -> bytes | Lost: ...
    def close(self) -> None: ...


class Opens(Protocol):
    """Lanes, or what takes their place."""

    def open(self, request: Any, *, deadline: float, connect: float, fresh: bool, cut: "Cut") -> Opened | Lost: ...
    def close(self) -> None: ...


class SyncWorld:
    """Performs the effects of one program, and closes what it left open."""

    def __init__(self, lanes: Any, tokens: "Tokens | None", on_event: Callable[[Event], object] | None) -> None:
        self._lanes: Opens = lanes
        self._tokens = tokens
        self._on_event = on_event
        self._opened: set[Any] = set()
        self._waits: set[Callable[[], object]] = set()
        self._workers: set[Worker] = set()
        self._closing = Latch()

    def run(self, effects: Effects[T]) -> T:
        """Drive a program to its end in this thread, and close what it left open."""
        try:
            return run_through(effects, self)
        finally:
            self.rest()

    def perform(self, effect: Effect) -> Any:
        """Do what an effect asks, and answer it."""
        return self._WAYS[type(effect)](self, effect)

    def close(self) -> None:
        """Close what is open, from any thread or signal handler; whoever waits for anything wakes up."""
        try:
            self._close_all()
        except BaseException:  # an interrupt, maybe before anything was closed
            self._close_all()
            raise

    def rest(self) -> None:
        """Close, and wait for the threads that were started."""
        try:
            self.close()
        finally:
            for each in tuple(self._workers):
                each.join()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing.is_set()

    def _close_all(self) -> None:
        self._closing.set()
        for wake in tuple(self._waits):
            wake()
        for exchange in tuple(self._opened):
            exchange.close()
        self._opened.clear()

    def _now(self, effect: Now) -> float:
        return time.monotonic()

    def _random(self, effect: Random) -> float:
        return random.random()  # noqa: S311  # jitter

    @contextmanager
    def _woken_by(self, wake: Callable[[], object]) -> Generator[None]:
        """Hold what ends a wait, for whoever closes meanwhile."""
        self._waits.add(wake)
        try:
            if self._closing.is_set():
                wake()
            yield
        finally:
            self._waits.discard(wake)

    def _sleep(self, effect: Sleep) -> None:
        if self._closing.wait(effect.seconds):
            raise Ended(_STREAM_CLOSED.error)  # else what tries for ever would, and without a wait

    def _token(self, effect: Token) -> Any:
        assert self._tokens is not None  # noqa: S101  # only such a backend asks for one
        answer = self._tokens.ask()
        try:
            with self._woken_by(answer.cancel):
                return answer.result(effect.deadline - time.monotonic())
        except TimeoutError:
            answer.cancel()
            return _STREAM_CLOSED if self._closing.is_set() else Lost(TimedOut("total", "waiting for a token"))

    def _open(self, effect: Open) -> Any:
        from genai_fn.interpret.lanes import Cut  # noqa: PLC0415  # the network stack, at the first call

        if self._closing.is_set():
            return _STREAM_CLOSED
        cut = Cut()
        with self._woken_by(cut.make):
            opened = self._lanes.open(
                effect.request, deadline=effect.deadline, connect=effect.connect, fresh=effect.fresh, cut=cut
            )
            if not isinstance(opened, Lost):  # at once, lest an interrupt loses it
                self._opened.add(opened)
        if not isinstance(opened, Lost) and self._closing.is_set():  # closed meanwhile, from another thread
            opened.close()
        return opened

    def _read(self, effect: Read) -> Any:
        exchange: Any = effect.exchange
        return exchange.read(*read_limit(effect))

    def _close(self, effect: Close) -> None:
        exchange: Any = effect.exchange
        exchange.close()
        self._opened.discard(exchange)

    def _draft(self, effect: Draft) -> "DraftFile | Lost":
        from genai_fn.interpret.disk import DraftFile  # noqa: PLC0415  # loads pathlib, which few need

        draft = DraftFile(effect.path)
        self._opened.add(draft)
        begun = draft.begin()
        if self._closing.is_set():  # from another thread
            draft.close()
        return begun

    def _on_disk(self, effect: Measure | ReadSlice | Write | Keep) -> Any:
        from genai_fn.interpret.disk import performed  # noqa: PLC0415  # loads pathlib, which few need

        return performed(effect)

    def _invoke(self, effect: Invoke) -> Any:
        value = effect.function(*effect.args, **effect.kwargs)
        if not inspect.isawaitable(value):
            return value
        close: Callable[[], object] | None = getattr(value, "close", None)
        if close is not None:  # a coroutine, or the next of an async generator: nobody awaits it
            close()
        name = getattr(effect.function, "__qualname__", effect.function)
        raise Ended(NotInThisWorld(f"{name} is to be awaited: run this with AsyncHttp"))

    def _tell(self, effect: Tell) -> None:
        if self._on_event is not None:
            self._on_event(effect.event)

    def _together(self, effect: Together) -> tuple[Any, ...]:
        children = [_Child(each, self) for each in effect.programs]
        waiting = deque(children)
        workers = [Worker(partial(_run_all, waiting)) for _ in range(min(len(children), _MOST_AT_ONCE))]
        try:
            for each in workers:
                each.start()
            for each in workers:
                each.join()
        except BaseException:  # an interrupt: nobody waits for them any more
            self.close()
            raise
        finally:
            for each in workers:
                each.join()
        return tuple(each.result() for each in children)

    def _spawn(self, effect: Spawn) -> "_Child":
        child = _Child(effect.program, self)
        worker = Worker(child.run)
        child.over.add_callback(partial(self._workers.discard, worker))
        self._workers.add(worker)  # before it begins, lest an interrupt loses it
        worker.start()
        return child

    def _join(self, effect: Join) -> Any:
        wait_for_first([each.over for each in effect.children])
        return next(filter(_Child.is_over, effect.children))

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


class _Child:
    """A program that runs in a thread of its own, and not at all once its world is closed."""

    def __init__(self, program: Effects[Any], world: SyncWorld) -> None:
        self.over = Latch()
        self._program = program
        self._world = world
        self._value: Any = Failure(_STREAM_CLOSED.error)
        self._raised: BaseException | None = None

    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.over.is_set()

    def run(self) -> None:
        """Run it to its end."""
        try:
            if not self._world.is_closed:
                self._value = run_through(self._program, self._world)
        except BaseException as error:  # noqa: BLE001  # the caller's own, raised again where its result is taken
            self._raised = error
        finally:
            self.over.set()

    def result(self) -> Any:
        """Give what it returned, or raise what it raised."""
        if self._raised is not None:
            raise self._raised
        return self._value


def _run_all(waiting: deque[_Child]) -> None:
    """Run programs, one after the other, each in a context of its own, until none is left."""
    while True:
        try:
            child = waiting.popleft()
        except IndexError:  # other threads do the same
            return
        copy_context().run(child.run)


_STREAM_CLOSED = Lost(Closed("the stream was closed"))
_MOST_AT_ONCE = 64  # of what a model asks for, say; each has a pool of its own


def run_through(effects: Effects[T], world: SyncWorld) -> T:
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
            answer = world.perform(effect)
        except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may want to know
            raised = error
