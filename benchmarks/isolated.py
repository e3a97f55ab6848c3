"""Runs code in a new interpreter process and reads the numbers that it prints."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

DEFINE_RSS = """
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
"""


def run_isolated(
    code: str, *arguments: str, interpreter: str = sys.executable, folder: Path | None = None
) -> list[float]:
    """
    Run code in a new process and return the numbers that it prints. Bytecode is cached, as for a user.

    It imports from `folder`, by default the current one, before anything else.
    """
    folder = (folder or Path.cwd()).resolve()
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ["PYTHONPATH"] = os.pathsep.join(path for path in (str(folder), environ.get("PYTHONPATH")) if path)
    command = [interpreter, "-c", code, *arguments]
    process = subprocess.run(command, env=environ, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
    return [float(each) for each in process.stdout.split()]


def sample_columns(samples: Mapping[str, Callable[[], list[float]]], rounds: int) -> list[dict[str, list[float]]]:
    """Take samples of several numbers each, all contestants in turns; return one mapping for each number."""
    taken: dict[str, list[list[float]]] = {name: [] for name in samples}
    for _ in range(rounds):
        for name, sample in samples.items():
            taken[name].append(sample())
    columns = {name: [list(column) for column in zip(*each, strict=True)] for name, each in taken.items()}
    return [dict(zip(columns, column, strict=True)) for column in zip(*columns.values(), strict=True)]
