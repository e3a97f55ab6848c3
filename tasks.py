"""
The house's chores, one command each: ``python tasks.py lint types``.

lint, types, test, cover, docs and bench run in the Python that runs this file, where the extra ``dev`` is installed;
CI calls the same ones. lock and floor want ``uv`` on the path: lock writes requirements.lock anew, floor runs the tests
with the oldest versions that pyproject.toml allows.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent
FLOOR = Path(tempfile.gettempdir()) / "genai-fn-floor"
HERE = (sys.executable, "-m")
TASKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "lint": ((*HERE, "ruff", "check", "."), (*HERE, "ruff", "format", "--check", ".")),
    "types": ((*HERE, "mypy"), (*HERE, "pyright", "--pythonpath", sys.executable)),
    "test": ((*HERE, "pytest", "--numprocesses", "2"),),
    "cover": ((*HERE, "pytest", "--quiet", "--numprocesses", "2", "--cov", "--cov-report=term:skip-covered"),),
    "docs": (
        (sys.executable, "docs/write_operations.py"),
        (sys.executable, "docs/write_types.py"),
        (*HERE, "pytest", "README.md", "docs"),
    ),
    "bench": ((*HERE, "benchmarks"),),
    "lock": (
        (
            *("uv", "pip", "compile", "pyproject.toml", "--all-extras", "--universal", "--python-version", "3.11"),
            *("--no-header", "--no-annotate", "--no-emit-index-url", "--quiet", "--upgrade", "-o", "requirements.lock"),
        ),
    ),
    "floor": (
        ("uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(FLOOR)),
        ("uv", "pip", "install", "--quiet", "--python", str(FLOOR), "--resolution", "lowest-direct", "-e", ".[dev]"),
        (str(FLOOR / "bin" / "python"), "-m", "pytest", "--numprocesses", "2"),
    ),
}


def main(names: list[str]) -> int:
    """Do the chores named, in order, up to the first that fails."""
    if not names or not TASKS.keys() >= set(names):
        print(f"usage: python tasks.py {' | '.join(TASKS)} …", file=sys.stderr)  # noqa: T201  # a command
        return 2
    for command in (each for name in names for each in TASKS[name]):
        print("$", *command, flush=True)  # noqa: T201  # a command
        if status := subprocess.run(command, cwd=ROOT, check=False).returncode:  # noqa: S603  # from the table above
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
