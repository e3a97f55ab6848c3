"""
An interrupt at any line of a call, a stream, an upload or a download loses no place in the pool, and no file.

Lines spread over each subject are tried here; ``python tasks.py faults`` tries all.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cancellation.interrupted_lines import SUBJECTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("http1", "count"), [("httptools", "50"), ("httpcore", "25")])
def test_interrupted_at_any_line(http1: str, count: str) -> None:
    """
    Whichever line raises ``KeyboardInterrupt``, the interpreter serves at once with all places.

    50 lines of each subject are tried with httptools and 25 with httpcore, the first and the last among them.
    """
    # Where the interrupt ends the code that closes a socket, the collector closes it, with a warning.
    process = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-W", "ignore::ResourceWarning"),
            *("-m", "tests.support.cancellation.interrupted_lines", http1, count),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    assert (process.returncode, process.stderr) == (0, ""), process.stdout + process.stderr
    lines = dict(line.split("\t") for line in process.stdout.splitlines())
    assert lines.keys() == SUBJECTS.keys()
    assert min(map(int, lines.values())) > 1000  # as many as there are
