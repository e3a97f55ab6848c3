"""
An interrupt at any line of a call, a stream, an upload or a download loses no place in the pool, and no file.

A sample of the lines is tried here; ``python tasks.py faults`` tries all.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("http1", "step"), [("httptools", "26"), ("httpcore", "53")])
@pytest.mark.parametrize(
    ("subject", "connection"),
    [
        ("call", "first"),
        ("stream", "later"),
        ("upload", "later"),
        ("download", "later"),
        ("download to a path", "first"),
    ],
)
def test_interrupted_at_any_line(subject: str, connection: str, http1: str, step: str) -> None:
    """
    Whichever line raises ``KeyboardInterrupt``, the interpreter serves at once with all places.

    ``first`` opens the connection, and ``later`` uses an idle one.
    """
    # Where the interrupt ends the code that closes a socket, the collector closes it, with a warning.
    process = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-W", "ignore::ResourceWarning"),
            *("-m", "tests.support.cancellation.interrupted_lines", subject, http1, connection, step),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    assert (process.returncode, process.stderr) == (0, ""), process.stderr
    assert int(process.stdout) > 1000  # the number of lines at which it was interrupted
