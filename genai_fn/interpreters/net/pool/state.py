"""
The state of a connection pool: its slots and its idle connections.

Both pools use it; nothing in it waits or takes a lock. At most `max_connections` requests are in flight, callers get
their slots in order of arrival, and there are never more than `max_connections` sockets, idle ones included.
"""

import time
from contextlib import suppress
from typing import Any

from genai_fn.interpreters.net.connect.connection import Target
from genai_fn.interpreters.net.pool.slots import Slot, SlotQueue
from genai_fn.interpreters.net.socket import NonBlockingSocket, close_when_collected


class PooledConnection:
    """
    One connection: its socket, and its HTTP state, a `SyncConnection` or `AsyncConnection`.

    When a connection is collected, its socket is closed.
    """

    def __init__(self, target: Target, sock: NonBlockingSocket, http: Any) -> None:
        self.target = target
        self.socket = sock
        self.http = http
        self.was_used = False
        self.idle_since = 0.0
        self._finalizer = close_when_collected(self, sock)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
        self._finalizer.detach()  # an interrupt in a finalizer would be lost


class PoolState:
    """The slots, and the idle connections, newest last. All of it can be called from any thread or signal handler."""

    def __init__(self, max_connections: int, owner: object) -> None:
        self.owner = owner
        self.is_closed = False
        self._is_abandoned = False
        self._slots = SlotQueue(max_connections)
        self._idle_connections: list[PooledConnection] = []

    def make_slot(self) -> Slot:
        """Make a slot, which has no place yet."""
        return Slot(self._slots)

    def take_idle(self, slot: Slot, target: Target) -> PooledConnection | None:
        """Take the newest idle connection to a target that is still usable, as the connection of a slot."""
        self._close_expired()
        for connection in reversed(self._idle_connections.copy()):
            if connection.target == target and self._remove_idle(connection):
                slot.use_connection(connection)
                if connection.socket.is_quiet():
                    return connection
                slot.pop_connection()
                connection.close()
        return None

    def _remove_idle(self, connection: PooledConnection) -> bool:
        try:
            self._idle_connections.remove(connection)
        except ValueError:  # another thread or a signal handler was faster
            return False
        return True

    def make_room(self) -> None:
        """Close the oldest idle connection if one more would exceed the limit."""
        while len(self._idle_connections) > self._slots.free_places:
            self._close_oldest()

    def put_idle(self, slot: Slot) -> None:
        """Keep the connection of a slot for the next request, or close it if the pool is closed."""
        self._close_expired()
        connection: PooledConnection | None = slot.pop_connection()
        if connection is None:
            return
        connection.was_used = True
        connection.idle_since = time.monotonic()
        self._idle_connections.append(connection)
        if self.is_closed or self._is_abandoned:
            self._close_all()

    def close(self) -> None:
        """Close idle connections and wake all waiting callers, which then find the pool closed."""
        self.is_closed = True
        self._close_all()
        self._slots.wake_all()

    def abandon(self) -> None:
        """Close all connections of another process or event loop."""
        self._is_abandoned = True
        self._close_all()

    def _close_all(self) -> None:
        while self._idle_connections:
            self._close_oldest()

    def _close_expired(self) -> None:
        limit = time.monotonic() - _MAX_IDLE_SECONDS
        try:
            while self._idle_connections and self._idle_connections[0].idle_since < limit:
                self._close_oldest()
        except IndexError:  # another thread or a signal handler was faster
            return

    def _close_oldest(self) -> None:
        with suppress(IndexError, ValueError):  # another thread or a signal handler was faster
            oldest = self._idle_connections[0]
            oldest.close()  # first, so that an interrupt does not lose it: a closed one is never used
            self._idle_connections.remove(oldest)


_MAX_IDLE_SECONDS = 60.0
