"""Detects when threads of a server or a test wait and nothing changes any more, instead of sleeping."""

import socket
import threading
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

PAUSE = 0.02
"""How many seconds apart two looks are, in which nothing may have changed; more than any timer that is still to run."""


class StoppedError(Exception):
    """The server is being stopped."""


class Waits:
    """Waits for sockets in a server's threads, until the server is stopped."""

    def __init__(self) -> None:
        # Closing one end makes the other readable for every thread that waits, at once and for good.
        self._stop, self._stopped = socket.socketpair()
        self._numbers = count()
        self._waiting: dict[int, tuple[int, Mapping[socket.socket, int]]] = {}

    def stop(self) -> None:
        """Wake all waiting threads: their `wait` raises `StoppedError`."""
        self._stop.close()

    def close(self) -> None:
        """Close the socket, once no thread waits any more."""
        self._stopped.close()

    def wait(self, wanted: Mapping[socket.socket, int], timeout: float | None = None) -> None:
        """Wait for a socket; raises `StoppedError` if the server is stopped."""
        with DefaultSelector() as selector:
            selector.register(self._stopped, EVENT_READ)
            for sock, events in wanted.items():
                if events:
                    selector.register(sock, events)
            thread = threading.get_ident()
            if timeout is None:
                self._waiting[thread] = next(self._numbers), wanted
            try:
                chosen = selector.select(timeout)
            finally:
                self._waiting.pop(thread, None)
            if any(key.fileobj is self._stopped for key, _ in chosen):
                raise StoppedError

    def at_rest(self, threads: Iterable[threading.Thread]) -> frozenset[int] | None:
        """
        Return the waits of some threads, if all of them wait for sockets that are not ready.

        Returns:
            None if a thread is running; else the numbers of the waits: if two calls agree, nothing happened in between.
        """
        waiting = dict(self._waiting)
        alive = [each.ident or 0 for each in threads if each.is_alive()]
        if any(each not in waiting or _is_there(waiting[each][1]) for each in alive):
            return None
        return frozenset(waiting[each][0] for each in alive)


def _is_there(wanted: Mapping[socket.socket, int]) -> bool:
    try:
        with DefaultSelector() as selector:
            for sock, events in wanted.items():
                if events:
                    selector.register(sock, events)
            return bool(selector.select(0))
    except (OSError, ValueError):  # closed meanwhile
        return True


def is_stuck(thread: threading.Thread) -> bool:
    """Return whether a thread sleeps in a system call and is not woken for `PAUSE` seconds."""
    before = _switches(thread)
    time.sleep(PAUSE)
    return before is not None and _switches(thread) == before


def _switches(thread: threading.Thread) -> list[str] | None:
    """Read how often a thread fell asleep and was woken; None unless it sleeps, and not for want of a processor."""
    lines = Path(f"/proc/self/task/{thread.native_id}/status").read_text(encoding="ascii", errors="ignore").splitlines()
    said = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if not said["State"].startswith("S"):
        return None
    return [value for name, value in said.items() if name.endswith("ctxt_switches")]
