"""
The contestants, each with the Python interpreter that runs it.

google-genai 3.6.1 cannot be installed beside 1.51.0, and uvloop is no dependency of the project, so both have an
environment of their own, made once in the folder of temporary files.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import Http1

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = Path(tempfile.gettempdir()) / "genai-fn-environments"


@dataclass(frozen=True)
class Contestant:
    """A contestant: which code of a case it runs, with which interpreter, HTTP implementation and event loop."""

    role: str
    """``ours``, ``theirs`` or ``raw``."""

    interpreter: str = sys.executable
    http1: Http1 = "auto"
    uses_uvloop: bool = False


OURS, HTTPCORE, UVLOOP, RAW = "ours", "ours, httpcore", "ours, uvloop", "raw"
OLD, NEW = "1.51.0", "3.6.1"

INSTALLED: Mapping[str, Contestant] = {
    OURS: Contestant("ours"),
    HTTPCORE: Contestant("ours", http1="httpcore"),
    OLD: Contestant("theirs"),
    RAW: Contestant("raw"),
}
"""The contestants that need no other environment than the one of development."""


def make_contestants() -> dict[str, Contestant]:
    """Return all contestants, in the order of the table; make the environments that do not exist yet."""
    new = make_environment(f"google-genai-{NEW}-aiohttp-pyarrow", f"google-genai[aiohttp]=={NEW}", "numpy", "pyarrow")
    uvloop = make_environment("uvloop", "uvloop>=0.22", "--editable", f"{ROOT}[fast,live]")
    others = {NEW: Contestant("theirs", new), UVLOOP: Contestant("ours", uvloop, uses_uvloop=True)}
    contestants = {**INSTALLED, **others}
    return {name: contestants[name] for name in (OURS, HTTPCORE, UVLOOP, OLD, NEW, RAW)}


def make_environment(name: str, *install: str) -> str:
    """Make a virtual environment unless it is there and complete; return the path of its interpreter."""
    folder = ENVIRONMENTS / name
    interpreter, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        print(f"making the environment {name}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        options = ("--quiet", "--disable-pip-version-check")
        subprocess.run([str(interpreter), "-m", "pip", "install", *options, *install], check=True)
        complete.touch()
    return str(interpreter)
