"""Takes samples of all contestants in turn, compares their medians with goals, and formats the results as a table."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median

Sample = Callable[[], float]


@dataclass(frozen=True)
class Effort:
    """The number of rounds of all contestants, and a factor for the repetitions within a round."""

    rounds: int = 7
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
    """
    One line of the table: the result of each contestant, and the goals.

    Contestants are ``ours`` (this library), ``theirs`` (google-genai) and ``limit`` (the bare tools).
    """

    name: str
    unit: str
    results: Mapping[str, float]
    of_theirs: float | None = None
    """Goal for the ratio of ours to theirs."""

    of_limit: float | None = None
    """Goal for the ratio of ours to the limit."""

    at_most: float | None = None
    """Goal for ours, in the unit of the row."""

    more_is_better: bool = False
    """Whether ratios must be at least the goal instead of at most."""

    def compute_ratio(self, other: str) -> float | None:
        """Divide our result by that of another contestant; None if it has none."""
        return self.results["ours"] / self.results[other] if self.results.get(other) else None

    @property
    def is_met(self) -> bool | None:
        """Whether all goals are met; None if the row has no goals."""
        pairs = (
            (self.compute_ratio("theirs"), self.of_theirs),
            (self.compute_ratio("limit"), self.of_limit),
            (self.results["ours"], self.at_most),
        )
        met = [self._meets_goal(value, goal) for value, goal in pairs if value is not None and goal is not None]
        return all(met) if met else None

    def _meets_goal(self, value: float, goal: float) -> bool:
        return value >= goal if self.more_is_better else value <= goal


def compare(contestants: Mapping[str, Sample], rounds: int) -> dict[str, float]:
    """Return the median of each contestant's samples. Samples are taken in turn, so a disturbance affects all."""
    (results,) = compare_columns({name: _as_list_sample(sample) for name, sample in contestants.items()}, rounds)
    return results


def _as_list_sample(sample: Sample) -> Callable[[], list[float]]:
    return lambda: [sample()]


def compare_columns(contestants: Mapping[str, Callable[[], list[float]]], rounds: int) -> list[dict[str, float]]:
    """Like `compare`, for samples of several numbers: return one mapping for each number."""
    samples: dict[str, list[list[float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, sample in contestants.items():
            samples[name].append(sample())
    medians = {name: [median(column) for column in zip(*each, strict=True)] for name, each in samples.items()}
    return [dict(zip(medians, column, strict=True)) for column in zip(*medians.values(), strict=True)]


def sample_cpu_time(function: Callable[[], object], times: int) -> Sample:
    """Return a sampler of the CPU seconds per call, averaged over `times` calls."""

    def sample() -> float:
        started = time.process_time()
        for _ in range(times):
            function()
        return (time.process_time() - started) / times

    function()  # fills caches
    return sample


def to_milli(seconds: Mapping[str, float]) -> dict[str, float]:
    """Convert seconds to milliseconds."""
    return {name: each * 1e3 for name, each in seconds.items()}


def to_micro(seconds: Mapping[str, float]) -> dict[str, float]:
    """Convert seconds to microseconds."""
    return {name: each * 1e6 for name, each in seconds.items()}


def format_table(rows: Iterable[Row]) -> str:
    """Format rows as a Markdown table, and print a dot to standard error for each."""
    lines = list(_format_rows(rows))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _format_rows(rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    yield ("benchmark", "unit", "ours", "1.51.0", "limit", "ours/1.51.0", "goal", "ours/limit", "goal", "met")
    for row in rows:
        print(".", end="", file=sys.stderr, flush=True)
        sign = "≥" if row.more_is_better else "≤"
        limit = row.of_limit if row.at_most is None else row.at_most
        yield (
            row.name,
            row.unit,
            *(_format_number(row.results.get(name)) for name in ("ours", "theirs", "limit")),
            _format_number(row.compute_ratio("theirs")),
            _format_goal(sign, row.of_theirs if "theirs" in row.results else None),
            _format_number(row.compute_ratio("limit")),
            _format_goal(sign, limit) + ("" if row.at_most is None else f" {row.unit}"),
            {True: "yes", False: "no", None: ""}[row.is_met],
        )


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _format_goal(sign: str, goal: float | None) -> str:
    return "" if goal is None else f"{sign} {goal:g}"
