"""Runs code in a new interpreter process and reads the numbers that it prints."""

import os
import subprocess
import sys
from pathlib import Path

DEFINE_RSS = """
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
"""


def run_isolated(code: str, *arguments: str) -> list[float]:
    """Run code in a new process and return the numbers that it prints. Bytecode is cached, as for a user."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ["PYTHONPATH"] = os.pathsep.join(path for path in (str(Path.cwd()), environ.get("PYTHONPATH")) if path)
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environ, check=True, capture_output=True, text=True, timeout=120
    )
    return [float(each) for each in process.stdout.split()]
