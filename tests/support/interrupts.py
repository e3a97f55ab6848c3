"""Interrupts a test while it waits, as Ctrl-C does."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.idle_threads import is_blocked
from tests.support.loopback import Loopback


@contextmanager
def interrupt_when_idle(error_type: type[BaseException], server: Loopback, requests: int = 0) -> Iterator[None]:
    """
    Interrupt the block once it waits and nothing else happens.

    Args:
        error_type: The exception to raise.

        server: The server that must be waiting for the client.

        requests: How many requests the server must have received.
    """

    def raise_error() -> None:
        raise error_type

    with call_when_idle(raise_error, server, requests):
        yield


@contextmanager
def call_when_idle(call: Callable[[], object], server: Loopback, requests: int = 0) -> Iterator[None]:
    """Call a function in a signal handler, once the block waits as in `interrupt_when_idle`."""
    thread, is_finished = threading.current_thread(), threading.Event()

    def watch() -> None:
        while not is_finished.wait(0.001):
            waits = server.get_idle_waits() if len(server.requests) >= requests else None
            if waits is not None and is_blocked(thread) and server.get_idle_waits() == waits:
                signal.pthread_kill(thread.ident or 0, signal.SIGALRM)
                return

    before, watcher = signal.signal(signal.SIGALRM, lambda *_: call()), threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_finished.set()
        watcher.join()
        signal.signal(signal.SIGALRM, before)
