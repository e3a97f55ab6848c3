"""
Lets a fork wait for what must not be cut short: imports at the first call, reading the certificates, and the calls of
an `Offline`.

The child process has only the thread that forks. If another one is importing a module meanwhile, or holds a lock of
OpenSSL, the child inherits the locked lock without the thread that releases it: its own first call would never end.
"""

import os
from contextlib import suppress
from importlib import import_module
from threading import RLock

__all__ = ["delay_forks", "register_fork_delay"]

delay_forks = RLock()
"""Forks in other threads wait until it is released. It is re-entrant, as an import may run any code."""
_UNREGISTERED = [True]
_ACQUIRED: list[bool] = []


def register_fork_delay() -> None:
    """
    Let forks wait from now on; later calls do nothing.

    Python calls first what was registered last. So the modules that lock something else before a fork, which an import
    may need, are imported before.
    """
    if not _UNREGISTERED:
        return
    for name in ("logging", "concurrent.futures.thread"):
        import_module(name)
    with suppress(IndexError):  # another thread was faster
        _UNREGISTERED.pop()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_wait, after_in_parent=_resume, after_in_child=_resume)


def _wait() -> None:
    """Wait, but not for ever: what other modules lock before a fork may be what an import waits for."""
    _ACQUIRED.append(delay_forks.acquire(timeout=_MAX_SECONDS))


def _resume() -> None:
    if _ACQUIRED.pop():
        delay_forks.release()


_MAX_SECONDS = 10.0
