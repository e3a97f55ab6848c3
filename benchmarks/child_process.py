"""Starts a server of the benchmarks as a child process, and ends it with its parent."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

from benchmarks.environments import ROOT

_MAX_SECONDS = 3600


@contextmanager
def run_child(module: str, interpreter: str = sys.executable, *arguments: str) -> Generator[list[int]]:
    """Context manager: run a module as a process, yield the ports that it prints, and end it."""
    command = [interpreter, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield [int(port) for port in process.stdout.readline().split()]
        finally:
            process.stdin.close()
            process.wait(60)


async def serve_until_orphaned(*ports: int) -> None:
    """In the child: print the ports, then wait until the parent closes standard input, at most an hour."""
    closed, loop = asyncio.Event(), asyncio.get_running_loop()
    threading.Thread(target=_wait_for_parent, args=(loop, closed), daemon=True).start()
    print(*ports, flush=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(closed.wait(), _MAX_SECONDS)


def _wait_for_parent(loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    os.read(sys.stdin.fileno(), 1)  # unbuffered: a blocked read of sys.stdin would hold its lock at exit
    with suppress(RuntimeError):  # the loop is closed after an hour
        loop.call_soon_threadsafe(closed.set)
