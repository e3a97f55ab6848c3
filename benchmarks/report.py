"""Rows of results: medians of samples, ratios with their interval, the table and the JSON of all rows."""

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from benchmarks.environments import NEW, OLD, RAW


@dataclass(frozen=True)
class Effort:
    """The number of rounds of all contestants, and a factor for the repetitions within a round."""

    rounds: int = 9
    scale: float = 1.0

    def scale_by(self, factor: float) -> "Effort":
        """Multiply the repetitions by a factor; a factor below 1 also reduces the rounds."""
        return replace(self, rounds=max(1, round(self.rounds * min(factor, 1.0))), scale=self.scale * factor)

    def scale_count(self, count: int) -> int:
        """Scale a number of repetitions; at least 1."""
        return max(1, round(count * self.scale))


FULL_EFFORT = Effort()


@dataclass(frozen=True)
class Row:
    """One line of the table: the samples of each contestant, one a round, and the goals. Less is better."""

    name: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    """By contestant: ``ours``, and any of ``1.51.0``, ``3.6.1`` and ``raw``."""

    goal: float | None = None
    """Goal for the ratio of ours to 3.6.1."""

    raw_goal: float | None = None
    """Goal for the ratio of ours to the bare tools."""

    at_most: float | None = None
    """Goal for ours, in the unit of the row."""

    server: Sequence[float] = ()
    """CPU time in µs that the server took for each request of ours."""

    def compute_median(self, name: str) -> float | None:
        """Return the median of the samples of a contestant; None if it has none."""
        return median(self.samples[name]) if self.samples.get(name) else None

    def compute_ratio(self, other: str) -> float | None:
        """Return the median of our samples divided by those of the other in the same round; None if it has none."""
        ratios = self._compute_ratios(other)
        return median(ratios) if ratios else None

    def compute_interval(self, other: str) -> tuple[float, float] | None:
        """Return the interval that contains the ratio with a probability of 95 %; None if the other has no samples."""
        ratios = self._compute_ratios(other)
        return median_interval(ratios) if ratios else None

    def _compute_ratios(self, other: str) -> list[float]:
        pairs = zip(self.samples["ours"], self.samples.get(other, ()), strict=False)
        return [ours / theirs for ours, theirs in pairs if theirs]

    @property
    def is_met(self) -> bool | None:
        """Whether all goals are met; None if the row has none that was measured."""
        pairs = (
            (self.compute_ratio(NEW), self.goal),
            (self.compute_ratio(RAW), self.raw_goal),
            (self.compute_median("ours"), self.at_most),
        )
        met = [value <= goal for value, goal in pairs if value is not None and goal is not None]
        return all(met) if met else None

    def to_json(self) -> dict[str, Any]:
        """Return the samples and what is computed from them."""
        return {
            "name": self.name,
            "unit": self.unit,
            "medians": {name: self.compute_median(name) for name in self.samples},
            "ratios": {name: self.compute_ratio(name) for name in self.samples if name != "ours"},
            "intervals": {name: self.compute_interval(name) for name in self.samples if name != "ours"},
            "goal": self.goal,
            "raw_goal": self.raw_goal,
            "at_most": self.at_most,
            "met": self.is_met,
            "server_microseconds": median(self.server) if self.server else None,
            "samples": {name: list(each) for name, each in self.samples.items()},
        }


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """
    Return the order statistics that enclose the median with 95 % probability, by the normal approximation of ranks.

    >>> median_interval([float(each) for each in range(1, 21)])
    (6.0, 15.0)
    """
    ordered, half = sorted(values), 1.96 * len(values) ** 0.5 / 2
    low = max(0, int(len(values) / 2 - half))
    return ordered[low], ordered[-1 - low]


def format_table(rows: Iterable[Row]) -> str:
    """Format rows as a Markdown table."""
    lines = list(_format_rows(rows))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _format_rows(rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    ratios = ("ours ÷ 1.51.0", "ours ÷ 3.6.1", "goal", "ours ÷ raw", "goal")
    yield ("benchmark", "unit", "ours", *ratios, "server, µs", "met")
    for row in rows:
        yield (
            row.name,
            row.unit,
            _format_number(row.compute_median("ours")),
            _format_number(row.compute_ratio(OLD)),
            _format_ratio(row),
            _format_goal(row.goal) if row.at_most is None else f"≤ {row.at_most:g} {row.unit}",
            _format_number(row.compute_ratio(RAW)),
            _format_goal(row.raw_goal),
            _format_number(median(row.server) if row.server else None),
            {True: "yes", False: "no", None: ""}[row.is_met],
        )


def _format_ratio(row: Row) -> str:
    interval = row.compute_interval(NEW)
    if interval is None:
        return ""
    return f"{_format_number(row.compute_ratio(NEW))} ({_format_number(interval[0])} to {_format_number(interval[1])})"


def _format_number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def _format_goal(goal: float | None) -> str:
    return "" if goal is None else f"≤ {goal:g}"


def format_json(rows: Sequence[Row], curves: Sequence[Any] = ()) -> str:
    """Format all results, and what they were measured with, as JSON."""
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count()}
    results = {"machine": machine, "rows": [each.to_json() for each in rows], "growth": [*curves]}
    return json.dumps(results, indent=1, ensure_ascii=False) + "\n"
