"""Virtual time: sleeping advances a clock and does not wait; each concurrent branch has its own clock."""

from functools import partial
from typing import Any, Self, TypeVar

from genai_fn.effects import Effects, FlowFailed, GetRandom, GetTime, RunAll, Sleep, Spawn, WaitAny
from genai_fn.engine.stepper import intercept_effects
from genai_fn.errors import TimedOut

T = TypeVar("T")


class VirtualClock:
    """A clock that only sleeping advances."""

    def __init__(self, now: float = 0.0) -> None:
        self.now: float = now
        self._sleep_count = 0

    def sleep(self, seconds: float) -> None:
        """Advance the clock. Raises `FlowFailed` after 10,000 sleeps: a program that polls a fake might never end."""
        self._sleep_count += 1
        if self._sleep_count > _MAX_SLEEPS:
            raise FlowFailed(TimedOut("poll", f"{_MAX_SLEEPS} sleeps in virtual time, and no end"))
        self.now += seconds

    def branch(self) -> Self:
        """Return a clock for a concurrent branch, which starts at this time."""
        return type(self)(self.now)


_MAX_SLEEPS = 10_000


def run_in_virtual_time(effects: Effects[T], clock: VirtualClock) -> Effects[T]:
    """
    Run a program with a virtual clock; every random number is 0.5.

    Each sleep is still yielded, with a length of zero, so that an executor can close or cancel the program there.
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
