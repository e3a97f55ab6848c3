"""
How the cost of one item grows with the number of items, up to very many: if it stays level, the whole is linear.

Calls in flight, actions in ``gather``, turns of a conversation, and megabytes of an upload.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.cases import SHORT_FORM, Case, Task
from benchmarks.environments import OURS, Contestant
from benchmarks.http_server import Server
from benchmarks.payloads import MODEL, PROMPT, build_history
from benchmarks.report import Effort
from benchmarks.subjects.calls import ASYNC
from benchmarks.subjects.transfers import upload_ours
from benchmarks.workers import Worker, run_workers

_MIB = 1 << 20


def _gather(task: Task) -> None:
    """Run that many requests over loopback, described by one action."""
    from genai_fn import AsyncHttp, Gemini, collected, gather, generate, text

    async def main() -> None:
        async with AsyncHttp(Gemini("test-key", base_url=task.url)) as run:
            action = generate(MODEL, PROMPT) | text
            (await run(gather([action] * 64) | collected)).unwrap()
            with task.measure():
                for _ in range(task.count):
                    (await run(gather([action] * task.size) | collected)).unwrap()

    task.run(main)


def _encode_turns(task: Task) -> None:
    """Build and encode a request with that many turns as dicts."""
    from genai_fn import Gemini, encode, generate

    turns, backend = build_history(task.size), Gemini("test-key")
    task.repeat(lambda: encode(generate(MODEL, turns), backend).unwrap())


@dataclass(frozen=True)
class Curve:
    """The cost of one item at several numbers of items."""

    name: str
    item: str
    unit: str
    sizes: tuple[int, ...]
    costs: list[float] = field(default_factory=list)
    """CPU microseconds an item."""

    peaks: list[float] = field(default_factory=list)
    """MiB above the memory at the start."""

    @property
    def growth(self) -> float:
        """The cost of an item at the largest size, divided by the smallest cost at any size."""
        return self.costs[-1] / min(self.costs)

    def format(self) -> str:
        """Format the curve as one line."""
        points = zip(self.sizes, self.costs, self.peaks, strict=True)
        listed = "; ".join(f"{size:,}: {cost:.3g} µs, {peak:.3g} MiB" for size, cost, peak in points)
        return f"{self.name} (an item is {self.item}): {listed}; growth {self.growth:.2f}"

    def to_json(self) -> dict[str, Any]:
        """Return all points."""
        return {
            "name": self.name,
            "item": self.item,
            "sizes": self.sizes,
            "microseconds": self.costs,
            "peak_mib": self.peaks,
        }


CASES: Mapping[str, Case] = {
    "calls in flight": Case({"ours": ASYNC["ours"]}, 1),
    "actions in gather": Case({"ours": _gather}, 1),
    "turns of a request": Case({"ours": _encode_turns}, 1),
    "MiB of an upload": Case({"ours": upload_ours}, 1),
}
CURVES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "calls in flight": ("a call", (1, 10, 100, 1000, 10_000)),
    "actions in gather": ("an action", (10, 100, 1000, 10_000, 100_000)),
    "turns of a request": ("a turn", (10, 100, 1000, 10_000)),
    "MiB of an upload": ("a MiB", (1, 4, 16, 64, 256, 1024)),
}
_ITEMS = {"calls in flight": 10_000, "actions in gather": 10_000, "turns of a request": 40_000, "MiB of an upload": 256}
"""How many items one sample has at least, at full effort."""


def measure_growth(contestants: Mapping[str, Contestant], effort: Effort, server: Server) -> Iterator[Curve]:
    """Measure all curves, each size in a new process; there are fewer sizes in the short form."""
    for name, (item, sizes) in CURVES.items():
        kept = sizes if effort.scale >= SHORT_FORM else sizes[:2]
        curve = Curve(name, item, "µs", kept)
        for size in kept:
            with run_workers({OURS: contestants[OURS]}) as workers:
                cost, peak = _measure_point(name, size, workers[OURS], effort, server)
            curve.costs.append(cost)
            curve.peaks.append(peak)
        print(".", end="", file=sys.stderr, flush=True)
        yield curve


def _measure_point(name: str, size: int, worker: Worker, effort: Effort, server: Server) -> tuple[float, float]:
    """Measure one size: the median of some rounds, and the highest peak."""
    items = max(size, effort.scale_count(_ITEMS[name]))
    is_in_flight = name == "calls in flight"
    count = items if is_in_flight else max(1, items // size)
    task = Task(count, server.url, size * _MIB if name.startswith("MiB") else size)
    measured = [worker.run(__name__, name, task) for _ in range(min(3, effort.rounds))]
    done = count if is_in_flight else count * size
    return 1e6 * median(each["cpu"] for each in measured) / done, max(each["peak"] for each in measured)
