"""Runs a few lines in an interpreter of their own, and reads the numbers they print."""

import os
import subprocess
import sys
from pathlib import Path

RSS = """
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
"""


def numbers(code: str, *arguments: str) -> list[float]:
    """Run code in a new process; bytecode is cached, as it is for a user."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ["PYTHONPATH"] = os.pathsep.join(path for path in (str(Path.cwd()), environ.get("PYTHONPATH")) if path)
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environ, check=True, capture_output=True, text=True, timeout=120
    )
    return [float(each) for each in ran.stdout.split()]
