"""Finds the versions of Python on this machine, and makes environments with nothing but pip."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""The versions to look for."""


def find_python(version: str) -> Path | None:
    """Find an interpreter on the path or of pyenv; one that does not start, as pyenv's placeholders, is none."""
    on_path = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [*([Path(on_path)] if on_path else []), *sorted(pyenv.glob(f"versions/{version}.*/bin/python"))]
    return next((each for each in candidates if _starts_as(each, version)), None)


def _starts_as(python: Path, version: str) -> bool:
    program = "import sys, venv, ensurepip; print(*sys.version_info[:2], sep='.')"
    process = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=False)
    return process.stdout.strip() == version


def make_environment(python: Path, folder: Path, *install: str) -> Path:
    """Make a virtual environment and install into it; return its interpreter."""
    subprocess.run([str(python), "-m", "venv", "--clear", str(folder)], check=True)
    interpreter = folder / "bin" / "python"
    install_into(interpreter, install)
    return interpreter


def install_into(interpreter: Path, install: Sequence[str]) -> None:
    """Install requirements with pip."""
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *install]
    subprocess.run(command, check=True)
