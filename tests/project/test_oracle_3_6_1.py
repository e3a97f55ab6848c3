"""The files of google-genai 3.6.1: what captures them depends on nothing else, and they stay small."""

import ast
import json
import sys
from pathlib import Path

import pytest

from tests.support.google_genai_3_6_1 import captured

SUPPORT = Path(captured.__file__).parent
OURS = {"captured", "comparison", "export_inputs", "read_values", "__init__"}
"""Modules that run in the environment of the tests."""

CAPTURING = sorted(path.stem for path in SUPPORT.glob("*.py") if path.stem not in OURS)
INSTALLED = {"google", "httpx2", "pydantic"}
"""Packages that an environment with google-genai 3.6.1 has."""

JSON_LINES = sorted(captured.CASES.glob("*.jsonl"))


@pytest.mark.parametrize("name", CAPTURING)
def test_imports(name: str) -> None:
    """A module that captures imports google-genai, what it installs, the standard library, and its neighbours."""
    tree = ast.parse((SUPPORT / f"{name}.py").read_text(encoding="utf-8"))
    imported = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {each.partition(".")[0] for each in imported}
    assert roots - sys.stdlib_module_names - INSTALLED - {*CAPTURING} == set()


@pytest.mark.parametrize("path", JSON_LINES, ids=lambda path: path.name)
def test_distinct(path: Path) -> None:
    """No case occurs twice, and each has an outcome."""
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    inputs = [json.dumps(case[:-2] if path.stem == "calls" else case[:-1]) for case in cases]
    assert len(inputs) == len(set(inputs))
    assert {len(case) for case in cases} == {4}


def test_size() -> None:
    """The files have less than 2.5 MB together."""
    assert sum(path.stat().st_size for path in captured.CASES.iterdir()) < 2_500_000
