"""Both type checkers agree with the tables beside this file."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MYPY = ("mypy",)
PYRIGHT = ("pyright", "--pythonpath", sys.executable)


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_checkers_agree(checker: tuple[str, ...]) -> None:
    """In strict mode neither checker finds a type other than the tables say, nor an ignore that is not needed."""
    command = [sys.executable, "-m", *checker, "tests/typing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert [line for line in done.stdout.splitlines() if "tests/typing" in line and "error" in line] == []
    assert "errors" in done.stdout or "Success" in done.stdout, done.stderr


def test_tables_import() -> None:
    """The tables name only what is there."""
    tables = ", ".join(f"tests.typing.{each.stem}" for each in sorted(Path(__file__).parent.glob("*api.py")))
    command = [sys.executable, "-c", f"import {tables}"]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=600).returncode == 0
