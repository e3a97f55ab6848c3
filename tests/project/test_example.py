"""The example project: its tests, which run with the others, find the bug of the first version of its agent."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from genai_fn.testing import perform

ROOT = Path(__file__).parent.parent.parent
AGENT = ROOT / "docs" / "examples" / "agent"


def run_example_tests(folder: Path, module: str) -> str:
    """Run the tests of the example against one of its modules, and return the output of pytest."""
    copytree(AGENT, folder, ignore=lambda *_: ["__pycache__"], dirs_exist_ok=True)
    tests = folder / "test_agent.py"
    tests.write_text(tests.read_text(encoding="utf-8").replace("from agent import", f"from {module} import"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "test_agent.py"]
    process = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=False, timeout=600, env={"PYTHONPATH": str(ROOT)}
    )
    return process.stdout


def test_bug_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the bug, the tests with fixed answers pass, and the property test fails. The conversation that it reports
    reproduces the bug.
    """
    report = run_example_tests(tmp_path, "agent_with_a_bug")
    failed = re.findall(r"^FAILED test_agent.py::(\w+)", report, re.MULTILINE)
    assert ["test_whatever_the_model_does", "test_train_that_does_not_run"] == failed
    monkeypatch.syspath_prepend(AGENT)
    buggy: Any = import_module("agent_with_a_bug")
    trip = perform(buggy.plan_trip("a museum"), run_reported_script(report)).unwrap()
    assert trip.departure not in buggy.departures(trip.city)


def run_reported_script(report: str) -> Any:
    """Run the Python code in a report, and return its script."""
    margin = re.search(r"^(E *)The conversation", report, re.MULTILINE)
    assert margin is not None, report
    plain = "\n".join(line.removeprefix(margin[1]) for line in report.splitlines() if line.strip() != "E")
    code = re.search(r"as a script for genai_fn.testing.perform:$(.*?^\]$)", plain, re.DOTALL | re.MULTILINE)
    assert code is not None, report
    names: dict[str, Any] = {}
    exec(code[1], names)  # noqa: S102  # the report of our own tests
    return names["script"]
