"""A fork during the first call does not hang the child: its first call succeeds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked_calls import PROGRAMS

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="only POSIX forks")
@pytest.mark.parametrize("program", PROGRAMS)
def test_fork_during_the_first_call(program: str) -> None:
    """The fork waits until the other thread has imported the network stack, or has read the certificates."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.support.forked_calls", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    assert (process.returncode, process.stderr) == (0, "")
