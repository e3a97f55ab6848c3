"""Interrupts a test while it waits, as Ctrl-C does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.loopback import Loopback
from tests.support.quiet import is_stuck


@contextmanager
def interrupted(kind: type[BaseException], server: Loopback, requests: int = 0) -> Iterator[None]:
    """
    Interrupt the block once it waits and nothing else happens.

    Args:
        kind: The exception to raise.

        server: The server that must be waiting for the client.

        requests: How many requests the server must have received.
    """
    this, is_over = threading.current_thread(), threading.Event()

    def interrupt(*_: object) -> None:
        raise kind

    def watch() -> None:
        while not is_over.wait(0.001):
            waits = server.at_rest() if len(server.requests) >= requests else None
            if waits is not None and is_stuck(this) and server.at_rest() == waits:
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
