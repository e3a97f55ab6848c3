"""
Virtual time: sleeping advances a clock and does not wait.

The programs of a `Race` run one after another on one clock, in the order of their wake-up times, so that the one whose
sleeps are shorter ends first. The programs of `RunAll` and `Spawn` run as the executor runs them, each with a clock of
its own.
"""

from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from math import inf
from typing import Any, Self, TypeAlias, TypeVar

from msgspec.structs import replace

from genai_fn.effects import (
    CallFunction,
    CloseResource,
    CreateTemp,
    EffectFailed,
    Effects,
    FlowFailed,
    GetRandom,
    GetTime,
    OpenResource,
    Race,
    RunAll,
    SendRequest,
    Sleep,
    Spawn,
    WaitAny,
)
from genai_fn.engine.futures import complete_future, is_future, make_future
from genai_fn.engine.stepper import DONE, Stepper, intercept_effects
from genai_fn.errors import Closed, TimedOut
from genai_fn.values import Value

T = TypeVar("T")


class VirtualClock:
    """A clock that only sleeping advances."""

    def __init__(self, now: float = 0.0) -> None:
        self.now: float = now
        self._sleep_count = 0

    def start_sleep(self, seconds: float) -> float:
        """
        Return the time at which a sleep that starts now will end.

        Raises `FlowFailed` after 10,000 sleeps: a program that polls a fake might never end.
        """
        self._sleep_count += 1
        if self._sleep_count > _MAX_SLEEPS:
            raise FlowFailed(TimedOut("poll", f"{_MAX_SLEEPS} sleeps in virtual time, and no end"))
        return self.now + seconds

    def advance_to(self, time: float) -> None:
        """Set the time, unless it is past already."""
        self.now = max(self.now, time)

    def branch(self) -> Self:
        """Return a clock for a concurrent branch, which starts at this time."""
        return type(self)(self.now)


_MAX_SLEEPS = 10_000


def run_in_virtual_time(effects: Effects[T], clock: VirtualClock) -> Effects[T]:
    """
    Run a program with a virtual clock; every random number is 0.5.

    Each sleep is still yielded, with a length of zero, so that an executor can close or cancel the program there. The
    `delay` of a response, if it has one, passes before its head arrives.
    """
    return intercept_effects(effects, _TimedProgram(clock).handle_effect)


class _TimedProgram:
    """Handles the effects of one program; the branches that it starts have clocks of their own."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._child_clocks: dict[Any, VirtualClock] = {}

    def handle_effect(self, effect: Any) -> Effects[Any]:
        """Handle one effect, and return its answer."""
        clock = self.clock
        match effect:
            case GetTime():
                return clock.now
            case GetRandom():
                return 0.5
            case Sleep(seconds=seconds):
                return (yield from self.wait_until(clock.start_sleep(seconds)))
            case SendRequest():
                return (yield from self._receive_response((yield effect), effect.deadline))
            case RunAll(programs=programs):
                clocks = [clock.branch() for _ in programs]
                results = yield RunAll(tuple(map(run_in_virtual_time, programs, clocks)))
                yield from self._catch_up(max((each.now for each in clocks), default=clock.now))
                return results
            case Spawn(program=program):
                own = clock.branch()
                child = yield Spawn(run_in_virtual_time(program, own))
                self._child_clocks[child] = own
                return child
            case WaitAny(children=children):
                child = yield WaitAny(tuple(sorted(children, key=self._get_time_of)))
                yield from self._catch_up(self._child_clocks.pop(child).now)
                return child
            case Race():
                return (yield from self.run_race(effect))
            case _:
                return (yield effect)

    def wait_until(self, time: float) -> Effects[None]:
        """Advance the clock."""
        self.clock.advance_to(time)
        yield Sleep(0.0)

    def run_race(self, effect: Race) -> Effects[tuple[Any, ...]]:
        """Run programs until one wins, and advance the clock whenever all of them wait."""
        racers = [_Racer(each, self.clock) for each in effect.programs]
        return intercept_effects(_run_racers(racers, effect.is_won, self.clock), partial(_perform_wait, self.clock))

    def _receive_response(self, response: Any, deadline: float) -> Effects[Any]:
        delay = getattr(response, "delay", 0.0)
        if not delay:
            return response
        arrival = self.clock.now + delay
        yield from self.wait_until(min(arrival, deadline))
        if arrival <= deadline:
            return response
        yield CloseResource(response)
        return EffectFailed(TimedOut("headers", "waiting for a delayed response", sent=True))

    def _get_time_of(self, child: Any) -> float:
        """Return the time of a child: of those that have ended, an executor then returns the one that ended first."""
        return self._child_clocks[child].now

    def _catch_up(self, time: float) -> Effects[None]:
        """Wait until branches have ended that have run ahead."""
        if time > self.clock.now:
            yield from self.wait_until(time)


# Races


class _Wait(Value):
    """
    What a program of a race waits for: a time, or the first of some futures, at most until `gives_up`.

    Other programs of the race run meanwhile. The clock advances to `until` and `gives_up` only if all of them wait;
    it does not advance to `gives_up` alone, as other threads may complete the futures.
    """

    until: float = inf
    gives_up: float = inf
    futures: tuple[Any, ...] = ()

    def is_over(self, now: float) -> bool:
        """Return whether the program can continue."""
        return min(self.until, self.gives_up) <= now or any(each.done() for each in self.futures)


_RaceEffects: TypeAlias = Generator[Any, Any, T]
"""The effects of programs, and a `_Wait` whenever all programs wait."""


class _Racer(_TimedProgram):
    """One of the programs of a race, and what it has opened."""

    def __init__(self, program: Effects[Any], clock: VirtualClock) -> None:
        super().__init__(clock)
        self.wait: _Wait | None = None
        """What it waits for; None while it can continue."""
        self.is_over = False
        self.value: Any = None
        self._program = program
        self._timed_program = intercept_effects(program, self.handle_effect)
        self._stepper: Stepper[Any] = Stepper(self._timed_program)
        self._resources: dict[Any, None] = {}
        self._racers: list[_Racer] = []

    def run_until_wait(self) -> _RaceEffects[None]:
        """Run until it waits or ends; raises what it raises."""
        stepper = self._stepper
        self.wait = None
        while (effect := stepper.next()) is not DONE:
            if isinstance(effect, _Wait):
                self.wait = effect
                stepper.send(None)
                return
            try:
                stepper.send((yield effect))
            except Exception as error:  # noqa: BLE001  # the program may handle it
                stepper.throw(error)
        self.is_over, self.value = True, stepper.value

    def stop(self) -> Effects[None]:
        """Stop the program, and close what it has opened."""
        self._timed_program.close()
        self._program.close()
        while self._resources:
            yield CloseResource(self._resources.popitem()[0])
        for each in self._racers:
            yield from each.stop()

    def handle_effect(self, effect: Any) -> Effects[Any]:
        match effect:
            case CallFunction():
                return (yield from self._call_function(effect))
            case OpenResource(resource=resource):
                self._resources[resource] = None
                return (yield effect)
            case CloseResource(resource=resource):
                answer = yield effect
                self._resources.pop(resource, None)
                return answer
            case CreateTemp():
                opened = yield effect
                if not isinstance(opened, EffectFailed):
                    self._resources[opened] = None
                return opened
            case _:
                return (yield from super().handle_effect(effect))

    def wait_until(self, time: float) -> _RaceEffects[None]:
        yield _Wait(until=time)

    def run_race(self, effect: Race) -> Effects[tuple[Any, ...]]:
        racers = [_Racer(each, self.clock) for each in effect.programs]
        self._racers += racers
        return _run_racers(racers, effect.is_won, self.clock)

    def _receive_response(self, response: Any, deadline: float) -> Effects[Any]:
        if not isinstance(response, EffectFailed):
            self._resources[response] = None
        return super()._receive_response(response, deadline)

    def _call_function(self, effect: CallFunction) -> _RaceEffects[Any]:
        """Call a function; if it returns a future, the other programs run until it is done."""
        value = yield replace(effect, function=_FutureBoxer(effect.function))
        if not isinstance(value, _BoxedFuture):
            return value
        future, gives_up = value.future, self.clock.now + effect.timeout
        try:
            if not future.done():
                yield _Wait(gives_up=gives_up, futures=(future,))
            if not future.done():
                raise FlowFailed(effect.build_timeout_error())
            if future.cancelled():
                raise FlowFailed(Closed())
            return future.result()
        finally:
            future.cancel()


class _BoxedFuture(Value):
    future: Any


class _FutureBoxer(Value):
    """Calls a function, and boxes a future that it returns, so that the executor does not wait for it."""

    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """The name of the function, for messages."""
        return CallFunction(self.function).function_name

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        value = self.function(*args, **kwargs)
        return _BoxedFuture(value) if is_future(value) else value


def _run_racers(
    racers: list[_Racer], is_won: Callable[[Any], bool], clock: VirtualClock
) -> _RaceEffects[tuple[Any, ...]]:
    """Run programs in the order of their wake-up times, until one wins; yield a `_Wait` whenever all of them wait."""
    running, ready = racers.copy(), deque(racers)
    try:
        while running:
            while ready:
                racer = ready.popleft()
                yield from racer.run_until_wait()
                if racer.is_over:
                    running.remove(racer)
                    if is_won(racer.value):
                        yield from _stop_racers(racers, racer)
                        return tuple(each.value for each in racers)
            if running:
                waits = {racer: racer.wait or _Wait() for racer in running}
                yield _combine_waits(waits.values())
                ready.extend(racer for racer, wait in waits.items() if wait.is_over(clock.now))
    except Exception:
        yield from _stop_racers(racers, None)
        raise
    return tuple(each.value for each in racers)


def _stop_racers(racers: list[_Racer], winner: _Racer | None) -> Effects[None]:
    for each in racers:
        if each is not winner:
            yield from each.stop()


def _combine_waits(waits: Any) -> _Wait:
    return _Wait(
        min(each.until for each in waits),
        min(each.gives_up for each in waits),
        tuple(future for each in waits for future in each.futures),
    )


def _perform_wait(clock: VirtualClock, effect: Any) -> Effects[Any]:
    """Perform what all programs of a race wait for; other effects are yielded unchanged."""
    if not isinstance(effect, _Wait):
        return (yield effect)
    if any(each.done() for each in effect.futures):
        return None
    if effect.until < inf or not effect.futures:
        clock.advance_to(min(effect.until, effect.gives_up))
        return (yield Sleep(0.0))
    try:
        return (yield CallFunction(_wait_for_any, (effect.futures,), timeout=effect.gives_up - clock.now))
    except FlowFailed as failed:
        if not isinstance(failed.error, TimedOut):
            raise
        clock.advance_to(effect.gives_up)
        return None


def _wait_for_any(futures: tuple[Any, ...]) -> Any:
    """Return a future that is done when one of several is."""
    first = make_future()

    def complete_first(_: Any) -> None:
        complete_future(first, None)

    for each in futures:
        each.add_done_callback(complete_first)
    return first
