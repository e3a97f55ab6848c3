"""The benchmarks run: each question, with next to no repetition; what they find is not judged here."""

import math

import pytest

from benchmarks.__main__ import QUESTIONS
from benchmarks.report import Effort, Row, compared, table

_LEAST = Effort(rounds=1, scale=0.002)


@pytest.mark.parametrize("name", QUESTIONS)
def test_question(name: str) -> None:
    """Every question is answered by numbers, ours among them, and each of its rows is one line of the table."""
    rows = list(QUESTIONS[name](_LEAST))
    assert [] == [row for row in rows if "ours" not in row.found or not all(map(math.isfinite, row.found.values()))]
    assert 2 + len(rows) == len(table(rows).splitlines())


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("q", "s", {"ours": 1.0, "theirs": 4.0, "limit": 1.0}, of_theirs=0.25, of_limit=1.0), True),
        (Row("q", "s", {"ours": 1.0, "theirs": 3.0, "limit": 1.0}, of_theirs=0.25, of_limit=1.0), False),
        (Row("q", "1/s", {"ours": 10.0, "theirs": 1.0}, of_theirs=10.0, more_is_better=True), True),
        (Row("q", "1/s", {"ours": 9.0, "theirs": 1.0}, of_theirs=10.0, more_is_better=True), False),
        (Row("q", "s", {"ours": 9.0}, at_most=8.0), False),
        (Row("q", "s", {"ours": 9.0}, of_theirs=0.1), None),
    ],
)
def test_met(row: Row, met: bool | None) -> None:
    """A goal is a ceiling, or a floor where more is better; a row meets all of its goals or none, and none is none."""
    assert met is row.is_met


def test_in_turn() -> None:
    """Contestants take turns, and the median of each is what counts."""
    order: list[str] = []
    numbers = iter([3.0, 30.0, 1.0, 10.0, 2.0, 20.0])

    def sample(name: str) -> float:
        order.append(name)
        return next(numbers)

    found = compared({"ours": lambda: sample("ours"), "limit": lambda: sample("limit")}, 3)
    assert {"ours": 2.0, "limit": 20.0} == found
    assert ["ours", "limit"] * 3 == order
