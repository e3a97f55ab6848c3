"""A virtual clock that reports each sleep."""

from collections.abc import Callable
from typing import Self

from genai_fn.engine.virtual_time import VirtualClock


class ObservedClock(VirtualClock):
    """
    A virtual clock that reports each sleep to a function.

    Args:
        on_sleep: Called with the seconds of a sleep before it starts.

        now: The time at the start.
    """

    def __init__(self, on_sleep: Callable[[float], object], now: float = 0.0) -> None:
        super().__init__(now)
        self._on_sleep = on_sleep

    def start_sleep(self, seconds: float) -> float:
        self._on_sleep(seconds)
        return super().start_sleep(seconds)

    def branch(self) -> Self:
        return type(self)(self._on_sleep, self.now)
