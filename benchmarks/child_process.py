"""Starts a server of the benchmarks as a child process, and ends it with its parent."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

_MAX_SECONDS = 1800


@contextmanager
def run_child(module: str) -> Generator[int]:
    """Context manager: run a module as a process, yield the port that it prints, and end it."""
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(60)


async def serve_until_orphaned(port: int) -> None:
    """In the child: print the port, then wait until the parent closes standard input, at most half an hour."""
    closed, loop = asyncio.Event(), asyncio.get_running_loop()
    threading.Thread(target=_wait_for_parent, args=(loop, closed), daemon=True).start()
    print(port, flush=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(closed.wait(), _MAX_SECONDS)


def _wait_for_parent(loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    os.read(sys.stdin.fileno(), 1)  # unbuffered: a blocked read of sys.stdin would hold its lock at exit
    with suppress(RuntimeError):  # the loop is closed after half an hour
        loop.call_soon_threadsafe(closed.set)
