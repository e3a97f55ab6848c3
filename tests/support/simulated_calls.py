"""Many programs on one virtual clock: a discrete-event simulation without threads, tasks or waiting."""

from collections.abc import Sequence
from typing import Any

from genai_fn.effects import Effects, Race, Sleep
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from genai_fn.interpreters.in_process import make_memory_executor
from genai_fn.testing.sequential import run_sequentially

__all__ = ["STOPPED", "simulate", "start_later", "stop_after"]

STOPPED = object()
"""The value of a program that `stop_after` has stopped."""


class _EndlessClock(VirtualClock):
    """A clock without a limit of sleeps."""

    def start_sleep(self, seconds: float) -> float:
        return self.now + seconds


def simulate(programs: Sequence[Effects[Any]]) -> tuple[Any, ...]:
    """Run programs concurrently in virtual time, from zero, and return their values."""
    effects = run_in_virtual_time(_run_all(tuple(programs)), _EndlessClock())
    return make_memory_executor().run(run_sequentially(effects))


def start_later(seconds: float, program: Effects[Any]) -> Effects[Any]:
    """Start a program after some seconds."""
    yield Sleep(seconds)
    return (yield from program)


def stop_after(seconds: float, program: Effects[Any]) -> Effects[Any]:
    """Cancel a program after some seconds; its value is then `STOPPED`."""
    first, _ = yield Race((_box(program), _box(_sleep(seconds))), _is_any)
    return STOPPED if first is None else first[0]


def _run_all(programs: tuple[Effects[Any], ...]) -> Effects[tuple[Any, ...]]:
    values: tuple[Any, ...] = yield Race(programs, _is_none)
    return values


def _box(program: Effects[Any]) -> Effects[tuple[Any]]:
    return ((yield from program),)


def _sleep(seconds: float) -> Effects[None]:
    yield Sleep(seconds)


def _is_any(value: object) -> bool:
    return True


def _is_none(value: object) -> bool:
    return False
