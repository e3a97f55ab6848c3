"""The benchmarks run, with minimal repetition. Their results are not checked."""

import math
from pathlib import Path

import pytest

from benchmarks import compare as compare_trees, scaling
from benchmarks.__main__ import BENCHMARKS
from benchmarks.report import Effort, Row, compare, format_table

_MIN_EFFORT = Effort(rounds=1, scale=0.002)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark(name: str) -> None:
    """Every benchmark yields rows with finite numbers, ours among them, and each row is one line of the table."""
    rows = list(BENCHMARKS[name](_MIN_EFFORT))
    assert [] == [row for row in rows if "ours" not in row.results or not all(map(math.isfinite, row.results.values()))]
    assert 2 + len(rows) == len(format_table(rows).splitlines())


@pytest.mark.parametrize("name", scaling.SUBJECTS)
def test_scaling(name: str) -> None:
    """Every reader and combinator runs at all sizes, and is one row of the table."""
    curve = scaling.measure_curve(name, 2, scaling.SUBJECTS[name][1], rounds=1)
    assert len(curve.seconds) == 4
    assert scaling.format_curve(curve).count("|") == 8


@pytest.mark.parametrize(("seconds", "expected"), [((1.0, 2.6, 5.2, 10.0), True), ((1.0, 2.0, 4.0, 10.5), False)])
def test_is_linear(seconds: tuple[float, ...], expected: bool) -> None:
    """A factor over 2.6 for any doubling is not linear."""
    assert scaling.Curve("a", 1, seconds).is_linear is expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row("q", "s", {"ours": 1.0, "theirs": 4.0, "limit": 1.0}, of_theirs=0.25, of_limit=1.0), True),
        (Row("q", "s", {"ours": 1.0, "theirs": 3.0, "limit": 1.0}, of_theirs=0.25, of_limit=1.0), False),
        (Row("q", "1/s", {"ours": 10.0, "theirs": 1.0}, of_theirs=10.0, more_is_better=True), True),
        (Row("q", "1/s", {"ours": 9.0, "theirs": 1.0}, of_theirs=10.0, more_is_better=True), False),
        (Row("q", "s", {"ours": 9.0}, at_most=8.0), False),
        (Row("q", "s", {"ours": 9.0}, of_theirs=0.1), None),
    ],
)
def test_is_met(row: Row, expected: bool | None) -> None:
    """A goal is a maximum, or a minimum if more is better; `is_met` is None without goals."""
    assert expected is row.is_met


def test_contestants_take_turns() -> None:
    """Contestants take turns, and the result is the median of each."""
    order: list[str] = []
    samples = iter([3.0, 30.0, 1.0, 10.0, 2.0, 20.0])

    def sample(name: str) -> float:
        order.append(name)
        return next(samples)

    results = compare({"ours": lambda: sample("ours"), "limit": lambda: sample("limit")}, 3)
    assert {"ours": 2.0, "limit": 20.0} == results
    assert ["ours", "limit"] * 3 == order


def test_comparison_of_two_trees() -> None:
    """The interval of a median encloses it, and one scenario runs with a tree."""
    assert compare_trees.median_interval([float(each) for each in range(1, 21)]) == (6.0, 15.0)
    assert compare_trees.measure_cpu(compare_trees.SCENARIOS["import and build"], ROOT) > 0
