"""mypy and pyright, both strict, accept the tables beside this file and every example of README."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.markdown_pages import list_code_blocks

ROOT = Path(__file__).parent.parent.parent


def run_checker(*command: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", *command)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


def write_readme(folder: Path) -> Path:
    """Write README's examples as one module, each at its own line, and return its path."""
    lines: list[str] = []
    for lines_above, code in list_code_blocks(ROOT / "README.md"):
        lines += [""] * (lines_above - len(lines)) + code.splitlines()
    path = folder / "readme.py"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_mypy(tmp_path: Path) -> None:
    """In strict mode mypy finds no type that differs from the tables, no needless ignore, and no error in README."""
    process = run_checker("mypy", "tests/typing", str(write_readme(tmp_path)))
    assert [line for line in process.stdout.splitlines() if "error:" in line] == []
    assert process.stdout.startswith("Success: no issues found"), process.stdout + process.stderr


def test_pyright(tmp_path: Path) -> None:
    """In strict mode pyright finds no type that differs from the tables, no needless ignore, and no error in README."""
    readme = str(write_readme(tmp_path))
    process = run_checker("pyright", "--pythonpath", sys.executable, "--outputjson", "tests/typing", readme)
    found = json.loads(process.stdout)
    assert [each for each in found["generalDiagnostics"] if each["severity"] != "information"] == []
    assert found["summary"]["filesAnalyzed"] == len([*Path(__file__).parent.glob("*.py")]) + 1


def test_tables_import() -> None:
    """The tables use only names that exist."""
    tables = ", ".join(f"tests.typing.{each.stem}" for each in sorted(Path(__file__).parent.glob("*api.py")))
    command = [sys.executable, "-c", f"import {tables}"]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=600).returncode == 0
