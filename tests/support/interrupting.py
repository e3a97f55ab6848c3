"""Interrupts a test where it waits, as Ctrl-C does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.loopback import Loopback
from tests.support.quiet import is_stuck


@contextmanager
def interrupted(kind: type[BaseException], server: Loopback, requests: int = 0) -> Iterator[None]:
    """
    Have the block interrupted in the midst of what it waits for.

    Args:
        kind: What is raised there.

        server: Who has to wait in turn before.

        requests: How many requests have to have come before.
    """
    this, is_over = threading.current_thread(), threading.Event()

    def interrupt(*_: object) -> None:
        raise kind

    def watch() -> None:
        while not is_over.wait(0.001):
            rest = server.at_rest() if len(server.requests) >= requests else None
            if rest is not None and is_stuck(this) and server.at_rest() == rest:
                signal.pthread_kill(this.ident or 0, signal.SIGALRM)
                return

    before, watcher = signal.signal(signal.SIGALRM, interrupt), threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        signal.signal(signal.SIGALRM, before)
