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


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="only POSIX forks")
def test_logging_is_loaded_where_it_is_needed() -> None:
    """A first registration loads no logging, a later one may; a child process can call after either of them."""
    program = """
import os, sys
from genai_fn.forks import delay_forks, register_fork_delay
for with_logging in (False, False, True, True, False):
    register_fork_delay(with_logging=with_logging)
    print("logging" in sys.modules, end=" ", flush=True)
    child = os.fork()
    if not child:
        os._exit(0 if delay_forks.acquire(timeout=1) else 1)
    assert os.waitpid(child, 0)[1] == 0
"""
    command = [sys.executable, "-W", "error", "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120)
    assert (process.stdout.split(), process.stderr) == (["False", "False", "True", "True", "True"], "")
