"""Detects when the threads of a server or a test wait and nothing changes any more: tests need not sleep."""

import socket
import threading
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

PAUSE = 0.02
"""Seconds between two checks that must find no change; longer than any timer of the tests."""


class StoppedError(Exception):
    """The server is being stopped."""


class SocketWaiter:
    """Waits for sockets in a server's threads, until the server is stopped."""

    def __init__(self) -> None:
        # Closing one end makes the other readable for every thread that waits, at once and for good.
        self._stop_sender, self._stop_receiver = socket.socketpair()
        self._numbers = count()
        self._waiting: dict[int, tuple[int, Mapping[socket.socket, int]]] = {}

    def stop(self) -> None:
        """Wake all waiting threads; their `wait` raises `StoppedError`."""
        self._stop_sender.close()

    def close(self) -> None:
        """Close the socket, once no thread waits any more."""
        self._stop_receiver.close()

    def wait(self, sockets: Mapping[socket.socket, int], timeout: float | None = None) -> None:
        """Wait for a socket; raises `StoppedError` if the server is stopped."""
        with DefaultSelector() as selector:
            selector.register(self._stop_receiver, EVENT_READ)
            for sock, events in sockets.items():
                if events:
                    selector.register(sock, events)
            thread = threading.get_ident()
            if timeout is None:
                self._waiting[thread] = next(self._numbers), sockets
            try:
                ready = selector.select(timeout)
            finally:
                self._waiting.pop(thread, None)
            if any(key.fileobj is self._stop_receiver for key, _ in ready):
                raise StoppedError

    def get_idle_waits(self, threads: Iterable[threading.Thread]) -> frozenset[int] | None:
        """
        Return the waits of some threads, if all of them wait for sockets that are not ready.

        Returns:
            None if a thread is running; else the numbers of the waits: if two calls agree, nothing happened in between.
        """
        waiting = dict(self._waiting)
        alive = [each.ident or 0 for each in threads if each.is_alive()]
        if any(each not in waiting or _has_ready_socket(waiting[each][1]) for each in alive):
            return None
        return frozenset(waiting[each][0] for each in alive)


def _has_ready_socket(sockets: Mapping[socket.socket, int]) -> bool:
    try:
        with DefaultSelector() as selector:
            for sock, events in sockets.items():
                if events:
                    selector.register(sock, events)
            return bool(selector.select(0))
    except (OSError, ValueError):  # closed meanwhile
        return True


def is_blocked(thread: threading.Thread) -> bool:
    """Return whether a thread sleeps in a system call and is not woken for `PAUSE` seconds."""
    before = _read_context_switches(thread)
    time.sleep(PAUSE)
    return before is not None and _read_context_switches(thread) == before


def _read_context_switches(thread: threading.Thread) -> list[str] | None:
    """Read the counts of context switches of a thread; None unless it sleeps."""
    lines = Path(f"/proc/self/task/{thread.native_id}/status").read_text(encoding="ascii", errors="ignore").splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if not fields["State"].startswith("S"):
        return None
    return [value for name, value in fields.items() if name.endswith("ctxt_switches")]
