"""
A signal such as Ctrl-C at any point: nothing hangs, and the next call succeeds.

Points spread over each subject are tried here; ``python tasks.py faults`` tries all.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cancellation.interrupt_points import MANNERS, RAISE, SUBJECTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("http1", "count"), [("httptools", "40"), ("httpcore", "20")])
@pytest.mark.parametrize("manner", MANNERS)
def test_interrupted_anywhere(manner: str, http1: str, count: str) -> None:
    """
    A signal handler may raise, or close the interpreter, at any point of a stream, a call or a wait.

    40 points of each subject are tried with httptools and 20 with httpcore, the first and the last among them.
    """
    # If the interrupt occurs between the creation of a socket and the block that closes it, or between the end of a
    # read and its record, Python closes the socket with a warning. The process checks that no socket is left.
    warnings = ["-W", "error", "-W", "ignore::ResourceWarning"] if manner == RAISE else ["-W", "error"]
    process = subprocess.run(
        [
            *(sys.executable, *warnings),
            *("-m", "tests.support.cancellation.interrupt_points", manner, http1, count),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    assert (process.returncode, process.stderr) == (0, ""), process.stdout + process.stderr
    points = dict(line.split("\t") for line in process.stdout.splitlines())
    assert points.keys() == SUBJECTS.keys()
    assert min(map(int, points.values())) > 10  # as many as there are
