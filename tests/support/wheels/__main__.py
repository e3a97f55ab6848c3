"""
``python -m tests.support.wheels``: builds the distributions twice, and tries the wheel on each Python at hand.

Each environment first has the wheel and what it requires, then all extras: see `smoke`. A wheel that is too large fails
at the end, after it was tried.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.support.wheels.building import MAX_BYTES, ROOT, build_twice
from tests.support.wheels.pythons import VERSIONS, find_python, install_into, make_environment

UNTRIED = {"daft", "dev", "ray"}
"""Extras that the task ``engines`` tries, each in an environment of its own, and the one of development."""

SMOKE = Path(__file__).with_name("smoke.py")


def run_smoke(interpreter: Path, state: str, folder: Path) -> None:
    """Run the smoke program away from the tree, without the variables that would configure it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GEMINI_", "PYTHON"))}
    command = [str(interpreter), "-I", "-W", "error", str(SMOKE), state]
    subprocess.run(command, cwd=folder, env=kept, check=True, timeout=600)


def try_wheel(version: str, wheel: Path, folder: Path) -> None:
    """Install the wheel for a version of Python, bare and then with all extras, and run the smoke program in each."""
    python = find_python(version)
    if python is None:
        report(f"Python {version}: not here")
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = ",".join(sorted(project["optional-dependencies"].keys() - UNTRIED))
    constraint = ("--constraint", str(ROOT / "requirements.lock"))
    interpreter = make_environment(python, folder / version, *constraint, str(wheel))
    run_smoke(interpreter, "absent", folder)
    install_into(interpreter, (*constraint, f"{wheel}[{extras}]"))
    run_smoke(interpreter, "present", folder)
    report(f"Python {version}: works without and with {extras}")


def report(line: str) -> None:
    """Print a line at once, as installing takes minutes."""
    print(line, flush=True)  # noqa: T201  # a command


def main() -> int:
    """Build, check and try the distributions; return the status."""
    with tempfile.TemporaryDirectory(prefix="genai-fn-wheels-") as name:
        folder = Path(name)
        builder = make_environment(Path(sys.executable), folder / "builder", "hatchling>=1.25")
        wheel = build_twice(builder, folder)
        size = wheel.stat().st_size
        report(f"{wheel.name}: {size:,} bytes, the same in three builds")
        for version in VERSIONS:
            try_wheel(version, wheel, folder)
    if size > MAX_BYTES:
        report(f"the wheel has {size:,} bytes, and should have at most {MAX_BYTES:,}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
