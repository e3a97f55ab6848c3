"""
Cases: what each contestant runs for one row of the table. The process of a contestant imports them as well.

Modules of cases import the libraries that they measure inside functions, since no environment has all of them.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

Http1: TypeAlias = Literal["auto", "httpcore"]
"""Our implementation of HTTP/1.1: ``auto`` is httptools."""

SHORT_FORM = 0.05
"""Below this factor of effort, a run only shows that nothing is broken: sizes shrink as well."""


@dataclass
class Task:
    """What a contestant has to do for one sample, and what it measured."""

    count: int
    """How often."""

    url: str = ""
    """The server on loopback."""

    size: int = 0
    """Calls in flight, bytes or items; the case decides."""

    http1: Http1 = "auto"
    event_loop: str = "asyncio"
    uses_uvloop: bool = False
    cpu: float = field(default=0.0, init=False)
    wall: float = field(default=0.0, init=False)
    peak: float = field(default=0.0, init=False)
    """MiB above the memory at the start of the measurement."""

    @contextmanager
    def measure(self) -> Generator[None]:
        """Context manager: measure CPU seconds, wall-clock seconds and the peak of the memory."""
        before = _reset_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.cpu, self.wall = time.process_time() - cpu, time.perf_counter() - wall
        self.peak = _read_memory("VmHWM") - before

    def repeat(self, function: Callable[[], object]) -> None:
        """Call a function once, which fills caches, then measure as many calls as the task says."""
        function()
        with self.measure():
            for _ in range(self.count):
                function()

    def run(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run an async function on the event loop of the task."""
        if self.event_loop == "trio":
            import trio

            trio.run(function)
        elif self.uses_uvloop:
            import uvloop  # type: ignore[import-not-found]  # it is in the environment of the contestant

            uvloop.run(function())
        else:
            asyncio.run(function())


Scenario: TypeAlias = Callable[[Task], None]


@dataclass(frozen=True)
class Case:
    """One row: the scenario of each role, how often it runs, and the goals."""

    run: Mapping[str, Scenario]
    """By role: ``ours``, ``theirs``, ``raw``."""

    count: int
    size: int = 0
    min_count: int = 1
    """How often at least, except in the short form; for calls in flight, more calls than are in flight at once."""

    event_loop: str = "asyncio"
    """Event loop of ours and raw; google-genai runs on asyncio."""

    theirs_share: float = 0.2
    """How many times fewer google-genai runs, as it takes longer."""

    unit: str = "µs"
    kind: str = "cpu"
    """``cpu`` or ``wall``, for one repetition, or ``peak`` in MiB."""

    goal: float | None = None
    """The ratio to google-genai 3.6.1 that is wanted, at most."""

    httpcore_goal: float | None = None
    """The same over httpcore."""

    has_httpcore: bool = False
    """Whether a row shows this case over httpcore; a goal implies it."""

    raw_goal: float | None = None
    at_most: float | None = None
    """Goal for ours, in the unit of the row."""

    has_uvloop: bool = False
    """Whether a row shows this case on uvloop."""

    needs_server: bool = True

    def build_task(self, role: str, scale: float, url: str, **settings: Any) -> Task:
        """Return the task of one sample."""
        share = self.theirs_share if role == "theirs" else 1
        event_loop = "asyncio" if role == "theirs" else self.event_loop
        count = max(1, round(self.count * share * scale))
        size = min(self.size, max(1, self.size // 20))
        if scale >= SHORT_FORM:
            count, size = max(count, self.min_count), self.size
        return Task(count, url, size, event_loop=event_loop, **settings)


def _reset_peak() -> float:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts again at the present size
    return _read_memory("VmRSS")


def _read_memory(name: str) -> float:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return 0.0
