"""A signal such as Ctrl-C at any point: nothing hangs, and the next call succeeds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cancellation.interrupt_points import MANNERS, RAISE, SUBJECTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_interrupted_anywhere(subject: str, manner: str) -> None:
    """A signal handler may raise, or close the interpreter, at any point of a stream, a call or a wait."""
    # A socket is closed by Python, with a warning, where the interrupt comes between its making and the block that
    # would close it, or between a read's end and its being noted. It is closed all the same, which the process counts.
    warnings = ["-W", "error", "-W", "ignore::ResourceWarning"] if manner == RAISE else ["-W", "error"]
    done = subprocess.run(
        [sys.executable, *warnings, "-m", "tests.support.cancellation.interrupt_points", subject, manner],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert int(done.stdout) > 10  # points, at which it was interrupted, one after the other
