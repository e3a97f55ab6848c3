"""Virtual time: programs that sleep without waiting, each branch by a clock of its own."""

from typing import Any, Self, TypeVar

from genai_fn.effects import Effects, Join, Now, Random, Sleep, Spawn, Together
from genai_fn.errors import TimedOut
from genai_fn.words import Ended

__all__ = ["Clock", "timed"]

T = TypeVar("T")


class Clock:
    """A clock that goes on when somebody sleeps, and only then."""

    def __init__(self, now: float = 0.0) -> None:
        self.now: float = now
        self._sleeps = 0

    def sleep(self, seconds: float) -> None:
        """Go on; who sleeps too often waits for what never comes, as no answer of a fake changes by itself."""
        self._sleeps += 1
        if self._sleeps > _MOST_SLEEPS:
            raise Ended(TimedOut("poll", f"{_MOST_SLEEPS} sleeps in virtual time, and no end"))
        self.now += seconds

    def branch(self) -> Self:
        """Make a clock for what runs at the same time."""
        return type(self)(self.now)


_MOST_SLEEPS = 10_000


def timed(effects: Effects[T], clock: Clock) -> Effects[T]:
    """
    Let a program live by a clock, and let chance be a half each time.

    A driver still meets each sleep, as one of no length, so that it can end what was closed or cancelled.
    """
    children: dict[Any, Clock] = {}
    answer: Any = None
    raised: Exception | None = None
    while True:
        try:
            effect = effects.send(answer) if raised is None else effects.throw(raised)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what the generator returns
        answer = raised = None
        try:
            answer = yield from _lived(effect, clock, children)
        except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may want to know
            raised = error


def _lived(effect: Any, clock: Clock, children: dict[Any, Clock]) -> Effects[Any]:
    match effect:
        case Now():
            return clock.now
        case Random():
            return 0.5
        case Sleep(seconds=seconds):
            clock.sleep(seconds)
            return (yield Sleep(0.0))
        case Together(programs=programs):
            clocks = [clock.branch() for _ in programs]
            results = yield Together(tuple(timed(each, own) for each, own in zip(programs, clocks, strict=True)))
            clock.now = max(each.now for each in (clock, *clocks))
            return results
        case Spawn(program=program):
            own = clock.branch()
            child = yield Spawn(timed(program, own))
            children[child] = own
            return child
        case Join():
            child = yield effect
            clock.now = max(clock.now, children.pop(child).now)
            return child
        case _:
            return (yield effect)
