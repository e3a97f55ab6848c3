"""
A lock that delays ``os.fork`` while another thread imports a module, reads certificates, or changes shared state.

The child process has only the thread that forks. If another one is importing a module meanwhile, or holds a lock of
OpenSSL, the child inherits the locked lock without the thread that releases it: its own first call would never end.
"""

import os
from contextlib import suppress
from importlib import import_module
from threading import RLock, local

__all__ = ["delay_forks", "register_fork_delay"]

delay_forks = RLock()
"""Forks in other threads wait until it is released. It is re-entrant, as an import may run any code."""
_UNREGISTERED = {True, False}
"""The arguments that `register_fork_delay` has not been called with. ``remove`` is atomic, so one thread registers."""


class _Fork(local):
    """Of each thread that forks: how often it has acquired `delay_forks`, once for each registration."""

    count = 0


_FORK = _Fork()


def register_fork_delay(*, with_logging: bool = True) -> None:
    """
    Delay forks from now on; later calls do nothing.

    Python calls the functions before a fork in reverse order of registration. Modules that lock something else before a
    fork, which an import may need, are therefore imported first: their locks are acquired after `delay_forks`.

    Args:
        with_logging: False if nothing that uses ``logging`` is imported while forks wait. Importing it takes a tenth of
            the time that a client takes. A later call with True registers once more, after the import.
    """
    if with_logging not in _UNREGISTERED or True not in _UNREGISTERED:
        return
    if with_logging:
        for name in ("logging", "concurrent.futures.thread"):
            import_module(name)
    with suppress(KeyError):  # another thread was faster
        _UNREGISTERED.remove(with_logging)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_wait, after_in_parent=_resume, after_in_child=_resume)


def _wait() -> None:
    """Wait for `delay_forks`, at most 10 s: an import may in turn wait for what other modules lock before a fork."""
    _FORK.count += delay_forks.acquire(timeout=_MAX_SECONDS)


def _resume() -> None:
    if _FORK.count:
        _FORK.count -= 1
        delay_forks.release()


_MAX_SECONDS = 10.0
