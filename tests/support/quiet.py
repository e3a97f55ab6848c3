"""Detects when threads of a server or a test wait and nothing changes any more, instead of sleeping."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from itertools import count
from selectors import EVENT_READ, DefaultSelector
from types import FrameType

PAUSE = 0.02
"""Seconds between two checks that must agree; longer than any pending timer."""


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
        if any(each not in waiting or _is_ready(waiting[each][1]) for each in alive):
            return None
        return frozenset(waiting[each][0] for each in alive)


def _is_ready(wanted: Mapping[socket.socket, int]) -> bool:
    try:
        with DefaultSelector() as selector:
            for sock, events in wanted.items():
                if events:
                    selector.register(sock, events)
            return bool(selector.select(0))
    except (OSError, ValueError):  # closed meanwhile
        return True


def is_stuck(thread: threading.Thread) -> bool:
    """Return whether a thread waits in a system call, and does not continue for a moment."""
    before = _get_position(thread)
    time.sleep(PAUSE)
    return _is_sleeping(thread) and _get_position(thread) == before


def _get_position(thread: threading.Thread) -> tuple[FrameType, int] | None:
    frame = sys._current_frames().get(thread.ident or 0)
    return None if frame is None else (frame, frame.f_lasti)


def _is_sleeping(thread: threading.Thread) -> bool:
    """Return whether the system reports the thread as sleeping; one that waits for a processor is not."""
    status = os.open(f"/proc/self/task/{thread.native_id}/stat", os.O_RDONLY)
    try:
        return os.read(status, 1000).rpartition(b") ")[2].startswith(b"S")
    finally:
        os.close(status)
