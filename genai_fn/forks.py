"""
Lets a fork wait for what must not be cut short: imports at the first use, and reading the certificates.

The child process has only the thread that forks. If another one is importing a module meanwhile, or holds a lock of
OpenSSL, the child has that lock too, and nobody releases it: its own first call would wait for ever.
"""

import os
from importlib import import_module
from threading import RLock

delay_forks = RLock()
"""Forks in other threads wait until it is released. It is re-entrant, as an import may run any code."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=delay_forks.acquire, after_in_parent=delay_forks.release, after_in_child=delay_forks.release
    )


def import_fork_hooks() -> None:
    """
    Import the standard modules that register functions for forks, before anything that imports them.

    While a fork waits it is too late: Python would call only those functions that run after the fork.
    """
    with delay_forks:
        for name in ("logging", "concurrent.futures.thread"):
            import_module(name)
