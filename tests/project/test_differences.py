"""``docs/differences.md`` is complete, and a test shows every row of it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.cases.differences_page import EVIDENCE, TABLES
from tests.support.check_each import check_each

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "differences.md"
HEADS = ("you write", "you receive", "backend", "---")


def list_rows() -> Iterator[list[str]]:
    """List the cells of each row of the page; a ``|`` within code does not separate cells."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            cells = [each.strip() for each in re.split(r"\|(?=(?:[^`]*`[^`]*`)*[^`]*$)", line)[1:-1]]
            if cells[0] not in HEADS:
                yield cells


@cache
def list_tests(path: str) -> frozenset[str]:
    """List the tests of a file, those in classes as ``TestX::test_y``."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
    for group in (each for each in tree.body if isinstance(each, ast.ClassDef)):
        names |= {f"{group.name}::{each.name}" for each in group.body if isinstance(each, ast.FunctionDef)}
    return frozenset(names)


def exists(evidence: str) -> bool:
    """Whether a test, or the row of a table, exists."""
    path, _, name = evidence.partition("::")
    if name:
        return (ROOT / path).exists() and name in list_tests(path)
    table, _, row = evidence.partition("/")
    return row in TABLES[table]


def test_every_row_has_a_test() -> None:
    """Each row is mapped to what shows it, and nothing else is."""
    assert sorted(row[0] for row in list_rows()) == sorted(EVIDENCE)


@check_each(EVIDENCE)
def test_exists(row: str) -> None:
    """What shows a row exists."""
    assert [each for each in EVIDENCE[row] if not exists(each)] == []


@pytest.mark.parametrize("table", TABLES)
def test_complete(table: str) -> None:
    """Each row of the tables of differences is behind a row of the page."""
    shown = {each for evidence in EVIDENCE.values() for each in evidence}
    assert [row for row in TABLES[table] if f"{table}/{row}" not in shown] == []


def test_whole_rows() -> None:
    """Each row has a cell for 1.51.0, for 3.6.1, for what happens here, and for the reason, and none is empty."""
    assert [row for row in list_rows() if len(row) != 5 or not all(row)] == []
