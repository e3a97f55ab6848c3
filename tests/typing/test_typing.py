"""mypy and pyright, both strict, accept the tables beside this file and every example of README."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.markdown_pages import list_code_blocks

ROOT = Path(__file__).parent.parent.parent
MYPY = ("mypy",)
PYRIGHT = ("pyright", "--pythonpath", sys.executable)


def run_checker(checker: tuple[str, ...], *arguments: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", *checker, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_checkers_agree(checker: tuple[str, ...]) -> None:
    """In strict mode neither checker finds a type that differs from the tables, or an ignore that is not needed."""
    process = run_checker(checker, "tests/typing")
    assert [line for line in process.stdout.splitlines() if "tests/typing" in line and "error" in line] == []
    assert "errors" in process.stdout or "Success" in process.stdout, process.stderr


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    """A folder with README's examples as one module, each at its own line, and a pyright project around it."""
    lines: list[str] = []
    for lines_above, code in list_code_blocks(ROOT / "README.md"):
        lines += [""] * (lines_above - len(lines)) + code.splitlines()
    (tmp_path / "readme.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    project = {"include": ["readme.py"], "extraPaths": [str(ROOT)], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(project), encoding="utf-8")
    return tmp_path


def test_mypy_accepts_readme(readme: Path) -> None:
    """The examples of README have no error under ``mypy --strict``."""
    process = run_checker(MYPY, str(readme / "readme.py"))
    assert process.stdout.startswith("Success: no issues found in 1 source file"), process.stdout + process.stderr


def test_pyright_accepts_readme(readme: Path) -> None:
    """The examples of README have no error under pyright's strict mode."""
    process = run_checker(PYRIGHT, "--project", str(readme))
    assert process.stdout.startswith("0 errors, 0 warnings"), process.stdout + process.stderr


def test_tables_import() -> None:
    """The tables use only names that exist."""
    tables = ", ".join(f"tests.typing.{each.stem}" for each in sorted(Path(__file__).parent.glob("*api.py")))
    command = [sys.executable, "-c", f"import {tables}"]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=600).returncode == 0
