"""
Lets a fork wait for what must not be cut short: imports at the first call, and reading the certificates.

The child process has only the thread that forks. If another one is importing a module meanwhile, or holds a lock of
OpenSSL, the child has that lock too, and nobody releases it: its own first call would wait for ever.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from threading import RLock

_RUNNING = RLock()
"""Re-entrant, as an import may run any code."""


@contextmanager
def delay_forks() -> Generator[None]:
    """Let forks in other threads wait until the end of the block."""
    with _RUNNING:
        yield


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_RUNNING.acquire, after_in_parent=_RUNNING.release, after_in_child=_RUNNING.release)
