"""The example project: its agent holds under its own tests, and these find the bug that it had at first."""

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


def report_on(folder: Path, module: str) -> str:
    """Run the example's tests against a module of it, as whoever reads it would, and give what pytest says."""
    copytree(AGENT, folder, ignore=lambda *_: ["__pycache__"], dirs_exist_ok=True)
    tests = folder / "test_agent.py"
    tests.write_text(tests.read_text(encoding="utf-8").replace("from agent import", f"from {module} import"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "test_agent.py"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=False, timeout=600, env={"PYTHONPATH": str(ROOT)}
    )
    return done.stdout


def test_fixed(tmp_path: Path) -> None:
    """The agent passes all its tests."""
    assert re.search(r"^5 passed", report_on(tmp_path, "agent"), re.MULTILINE)


def test_bug_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The tests that say what a model answers pass with the bug; the one in which it may answer anything finds it, and
    tells the conversation, which does the same again.
    """
    said = report_on(tmp_path, "agent_with_a_bug")
    failed = re.findall(r"^FAILED test_agent.py::(\w+)", said, re.MULTILINE)
    assert ["test_whatever_the_model_does", "test_train_that_does_not_run"] == failed
    monkeypatch.syspath_prepend(AGENT)
    buggy: Any = import_module("agent_with_a_bug")
    trip = perform(buggy.planned("a museum"), script_in(said)).unwrap()
    assert trip.departure not in buggy.departures(trip.city)


def script_in(report: str) -> Any:
    """Run what a report tells to be pasted."""
    margin = re.search(r"^(E *)The conversation", report, re.MULTILINE)
    assert margin is not None, report
    plain = "\n".join(line.removeprefix(margin[1]) for line in report.splitlines() if line.strip() != "E")
    told = re.search(r"as a script for genai_fn.testing.perform:$(.*?^\]$)", plain, re.DOTALL | re.MULTILINE)
    assert told is not None, report
    names: dict[str, Any] = {}
    exec(told[1], names)  # noqa: S102  # written here, and by us
    return names["script"]
