"""
A signal such as Ctrl-C at any point: nothing hangs, and the next call succeeds.

A sample of the points is tried here; ``python tasks.py faults`` tries all.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cancellation.interrupt_points import MANNERS, RAISE, SUBJECTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("http1", "step"), [("httptools", "2"), ("httpcore", "5")])
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_interrupted_anywhere(subject: str, manner: str, http1: str, step: str) -> None:
    """A signal handler may raise, or close the interpreter, at any point of a stream, a call or a wait."""
    # If the interrupt occurs between the creation of a socket and the block that closes it, or between the end of a
    # read and its record, Python closes the socket with a warning. The process checks that no socket is left.
    warnings = ["-W", "error", "-W", "ignore::ResourceWarning"] if manner == RAISE else ["-W", "error"]
    process = subprocess.run(
        [
            *(sys.executable, *warnings),
            *("-m", "tests.support.cancellation.interrupt_points", subject, manner, http1, step),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    assert (process.returncode, process.stderr) == (0, ""), process.stderr
    assert int(process.stdout) > 10  # the number of points at which it was interrupted
