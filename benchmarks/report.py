"""How a question is asked, fairly, and how the answers are laid out: contestants in turn, medians, ratios, goals."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median

Sample = Callable[[], float]


@dataclass(frozen=True)
class Effort:
    """How many rounds of all contestants, and by what everything within a round is scaled."""

    rounds: int = 7
    scale: float = 1.0

    def scaled(self, by: float) -> "Effort":
        """Take more pains, or fewer."""
        return replace(self, rounds=max(1, round(self.rounds * min(by, 1.0))), scale=self.scale * by)

    def times(self, count: int) -> int:
        """Say how often to do what is done so often at full effort."""
        return max(1, round(count * self.scale))


FULL = Effort()


@dataclass(frozen=True)
class Row:
    """
    One line of the table: what each contestant needed, and the goals, as ratios of ours to theirs and to the limit.

    `at_most` is a goal for ours alone, in the row's own unit. Where `more_is_better` goals are floors, else ceilings.
    """

    question: str
    unit: str
    found: Mapping[str, float]
    of_theirs: float | None = None
    of_limit: float | None = None
    at_most: float | None = None
    more_is_better: bool = False

    def ratio(self, other: str) -> float | None:
        """Say what ours is of another's."""
        return self.found["ours"] / self.found[other] if self.found.get(other) else None

    @property
    def is_met(self) -> bool | None:
        """Whether every goal that there is is met; None where there is none."""
        pairs = (
            (self.ratio("theirs"), self.of_theirs),
            (self.ratio("limit"), self.of_limit),
            (self.found["ours"], self.at_most),
        )
        met = [self._meets(value, goal) for value, goal in pairs if value is not None and goal is not None]
        return all(met) if met else None

    def _meets(self, value: float, goal: float) -> bool:
        return value >= goal if self.more_is_better else value <= goal


def compared(contestants: Mapping[str, Sample], rounds: int) -> dict[str, float]:
    """Take the median of each contestant's samples, taken in turn, so that what disturbs one disturbs all."""
    (found,) = compared_each({name: _one(sample) for name, sample in contestants.items()}, rounds)
    return found


def _one(sample: Sample) -> Callable[[], list[float]]:
    return lambda: [sample()]


def compared_each(contestants: Mapping[str, Callable[[], list[float]]], rounds: int) -> list[dict[str, float]]:
    """Do the same for samples of several numbers: one answer for each."""
    samples: dict[str, list[list[float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, sample in contestants.items():
            samples[name].append(sample())
    medians = {name: [median(column) for column in zip(*each, strict=True)] for name, each in samples.items()}
    return [dict(zip(medians, column, strict=True)) for column in zip(*medians.values(), strict=True)]


def cpu(function: Callable[[], object], times: int) -> Sample:
    """Make a sample of the processor's seconds that a call of a function takes, on average over so many."""

    def sample() -> float:
        started = time.process_time()
        for _ in range(times):
            function()
        return (time.process_time() - started) / times

    function()  # caches are warm
    return sample


def milli(seconds: Mapping[str, float]) -> dict[str, float]:
    """Count in thousandths."""
    return {name: each * 1e3 for name, each in seconds.items()}


def micro(seconds: Mapping[str, float]) -> dict[str, float]:
    """Count in millionths."""
    return {name: each * 1e6 for name, each in seconds.items()}


def table(rows: Iterable[Row]) -> str:
    """Lay the answers out as Markdown."""
    lines = list(_lines(rows))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _lines(rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    yield ("question", "unit", "ours", "1.51.0", "limit", "ours/1.51.0", "goal", "ours/limit", "goal", "met")
    for row in rows:
        print(".", end="", file=sys.stderr, flush=True)
        sign = "≥" if row.more_is_better else "≤"
        limit = row.of_limit if row.at_most is None else row.at_most
        yield (
            row.question,
            row.unit,
            *(_number(row.found.get(name)) for name in ("ours", "theirs", "limit")),
            _number(row.ratio("theirs")),
            _goal(sign, row.of_theirs if "theirs" in row.found else None),
            _number(row.ratio("limit")),
            _goal(sign, limit) + ("" if row.at_most is None else f" {row.unit}"),
            {True: "yes", False: "no", None: ""}[row.is_met],
        )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _goal(sign: str, goal: float | None) -> str:
    return "" if goal is None else f"{sign} {goal:g}"
