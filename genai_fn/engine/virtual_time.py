"""Virtual time: programs that sleep without waiting, each branch by a clock of its own."""

from functools import partial
from typing import Any, Self, TypeVar

from genai_fn.effects import Effects, FlowFailed, GetRandom, GetTime, RunAll, Sleep, Spawn, WaitAny
from genai_fn.engine.stepper import intercept_effects
from genai_fn.errors import TimedOut

__all__ = ["VirtualClock", "run_in_virtual_time"]

T = TypeVar("T")


class VirtualClock:
    """A clock that goes on when somebody sleeps, and only then."""

    def __init__(self, now: float = 0.0) -> None:
        self.now: float = now
        self._sleep_count = 0

    def sleep(self, seconds: float) -> None:
        """Go on; who sleeps too often waits for what never comes, as no answer of a fake changes by itself."""
        self._sleep_count += 1
        if self._sleep_count > _MAX_SLEEPS:
            raise FlowFailed(TimedOut("poll", f"{_MAX_SLEEPS} sleeps in virtual time, and no end"))
        self.now += seconds

    def branch(self) -> Self:
        """Make a clock for what runs at the same time."""
        return type(self)(self.now)


_MAX_SLEEPS = 10_000


def run_in_virtual_time(effects: Effects[T], clock: VirtualClock) -> Effects[T]:
    """
    Let a program live by a clock, and let chance be a half each time.

    A driver still meets each sleep, as one of no length, so that it can end what was closed or cancelled.
    """
    return intercept_effects(effects, partial(_handle_effect, clock, {}))


def _handle_effect(clock: VirtualClock, children: dict[Any, VirtualClock], effect: Any) -> Effects[Any]:
    match effect:
        case GetTime():
            return clock.now
        case GetRandom():
            return 0.5
        case Sleep(seconds=seconds):
            clock.sleep(seconds)
            return (yield Sleep(0.0))
        case RunAll(programs=programs):
            clocks = [clock.branch() for _ in programs]
            results = yield RunAll(
                tuple(run_in_virtual_time(each, own) for each, own in zip(programs, clocks, strict=True))
            )
            clock.now = max(each.now for each in (clock, *clocks))
            return results
        case Spawn(program=program):
            own = clock.branch()
            child = yield Spawn(run_in_virtual_time(program, own))
            children[child] = own
            return child
        case WaitAny():
            child = yield effect
            clock.now = max(clock.now, children.pop(child).now)
            return child
        case _:
            return (yield effect)
