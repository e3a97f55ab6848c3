"""The benchmarks run in their short form. Their results are not checked."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import compare as compare_trees, scaling
from benchmarks.__main__ import BENCHMARKS, measure_rows, write_results
from benchmarks.environments import INSTALLED
from benchmarks.growth import CURVES, Curve, measure_growth
from benchmarks.http_server import Server, run_server
from benchmarks.isolated import sample_columns
from benchmarks.report import Effort, Row, format_table, median_interval
from benchmarks.workers import keep_workers

_SHORT_FORM = Effort(rounds=1, scale=0.001)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run the server of the benchmarks, and keep the workers for all of them."""
    with run_server() as running, keep_workers():
        yield running


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark(name: str, server: Server) -> None:
    """Every benchmark yields rows with finite numbers, ours among them, and each row is one line of the table."""
    rows = list(measure_rows(name, INSTALLED, _SHORT_FORM, server))
    numbers = {row.name: [number for each in row.samples.values() for number in each] for row in rows}
    assert {name: each for name, each in numbers.items() if not each or not all(map(math.isfinite, each))} == {}
    assert [row.name for row in rows if "ours" not in row.samples] == []
    assert 2 + len(rows) == len(format_table(rows).splitlines())


def test_growth(server: Server) -> None:
    """Every curve of growth has a cost for each of its sizes."""
    curves = list(measure_growth(INSTALLED, _SHORT_FORM, server))
    assert [each.name for each in curves] == [*CURVES]
    assert [each.name for each in curves if not len(each.sizes) == len(each.costs) == len(each.peaks)] == []


def test_results_are_written(tmp_path: Path) -> None:
    """The results are JSON, and both plots are well-formed SVG."""
    row = Row("a < b", "ms", {"ours": [1.0, 2.0], "3.6.1": [2.0, 4.0]}, goal=0.5)
    curves = [Curve(name, "an item", "µs", (1, 10), [1.0, 2.0], [0.0, 1.0]) for name in CURVES]
    write_results(tmp_path, [row], curves)
    written = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert (written["rows"][0]["ratios"], written["rows"][0]["met"]) == ({"3.6.1": 0.5}, True)
    assert len(written["growth"]) == len(CURVES)
    for plot in ("ratios", "growth"):
        assert ET.parse(tmp_path / f"{plot}.svg").getroot().tag.endswith("svg")  # noqa: S314  # our own


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
        (Row("q", "s", {"ours": [1.0], "3.6.1": [4.0], "raw": [1.0]}, goal=0.25, raw_goal=1.0), True),
        (Row("q", "s", {"ours": [1.0], "3.6.1": [3.0], "raw": [1.0]}, goal=0.25, raw_goal=1.0), False),
        (Row("q", "s", {"ours": [9.0]}, at_most=8.0), False),
        (Row("q", "s", {"ours": [9.0]}, goal=0.1), None),
        (Row("q", "s", {"ours": [9.0], "3.6.1": [1.0]}), None),
    ],
)
def test_is_met(row: Row, expected: bool | None) -> None:
    """A goal is a maximum; `is_met` is None without goals, or if the other contestant did not take part."""
    assert expected is row.is_met


def test_ratio_is_the_median_of_rounds() -> None:
    """A ratio is the median over the rounds, so that a disturbance of one round does not count."""
    row = Row("q", "s", {"ours": [1.0, 90.0, 1.0], "3.6.1": [2.0, 3.0, 4.0]})
    assert row.compute_ratio("3.6.1") == 0.5
    assert row.compute_interval("3.6.1") == (0.25, 30.0)
    assert row.compute_ratio("1.51.0") is None


def test_contestants_take_turns() -> None:
    """Contestants take turns, and each number of a sample has a column of its own."""
    order: list[str] = []

    def sample(name: str) -> list[float]:
        order.append(name)
        return [float(len(order)), 0.0]

    columns = sample_columns({"ours": lambda: sample("ours"), "raw": lambda: sample("raw")}, 2)
    assert columns == [{"ours": [1.0, 3.0], "raw": [2.0, 4.0]}, {"ours": [0.0, 0.0], "raw": [0.0, 0.0]}]
    assert ["ours", "raw"] * 2 == order


def test_comparison_of_two_trees() -> None:
    """The interval of a median encloses it, and one scenario runs with a tree."""
    assert median_interval([float(each) for each in range(1, 21)]) == (6.0, 15.0)
    assert compare_trees.measure_cpu(compare_trees.SCENARIOS["import and build"], ROOT) > 0
