"""
The state of a connection pool: slots, the queue of waiting callers, and idle connections.

Both pools use it; nothing in it waits. At most `max_connections` requests are in flight, callers get their slots in
order of arrival, and there are never more than `max_connections` sockets, idle ones included.
"""

import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol, TypeVar

from genai_fn.interpreters.net.connect.connection import ConnectConfig, Target
from genai_fn.interpreters.net.pool.log_masking import mask_log
from genai_fn.interpreters.net.socket import NonBlockingSocket


class Waiter(Protocol):
    """The event that a caller without a slot waits for: of a thread or of a task."""

    def set(self) -> Any:
        """Wake the caller: it owns a slot now, or the pool is closed."""

    def is_set(self) -> bool:
        """Return whether `set` was called."""
        ...


W = TypeVar("W", bound=Waiter)


class PoolConfig:
    """The settings of a pool, and its state in the current process and event loop."""

    def __init__(
        self,
        max_connections: int,
        proxy: str | None,
        environ: Mapping[str, str] | None,
        ssl_context: ssl.SSLContext | None,
        transport: ModuleType | None,
    ) -> None:
        self.connect_config = ConnectConfig(proxy=proxy, environ=environ, ssl_context=ssl_context)
        self.is_closed = False
        self._max_connections = max_connections
        self._transport = transport
        self._is_log_masked = False
        self._state = PoolState(max_connections, None)

    @property
    def transport(self) -> ModuleType:
        """The module httpcore or httpcore2, imported at the first use. Its log hides credentials from then on."""
        if not self._is_log_masked:
            self._transport = self._transport or import_module("httpcore")
            mask_log(self._transport)
            self._is_log_masked = True
        assert self._transport is not None  # noqa: S101  # set above
        return self._transport

    def get_state(self, owner: object) -> "PoolState":
        """Return the state of a process and event loop, and abandon the state of any other owner."""
        if self._state.owner != owner:
            previous, self._state = self._state, PoolState(self._max_connections, owner)
            self._state.is_closed = self.is_closed
            previous.abandon()
        return self._state

    def close(self) -> None:
        """Close idle connections now, and those in use when their responses are closed."""
        self.is_closed = True
        self._state.close()
        self._state.owner = None  # an event loop that may be over

    def build_connection(
        self, target: Target, sock: NonBlockingSocket, stream_type: type[Any], connection_type: str
    ) -> "PooledConnection":
        """Wrap a connected socket in one of httpcore's connection classes; close the socket if that fails."""
        try:
            stream = stream_type(sock, self.transport.WriteError)
            scheme, host = b"https" if target.tls else b"http", target.host.encode("ascii")
            origin = self.transport.Origin(scheme, host, target.port)
            http_connection = getattr(self.transport, connection_type)(origin, stream)
        except BaseException:
            sock.close()
            raise
        return PooledConnection(target, sock, stream, http_connection)


class PooledConnection:
    """One connection: its socket, the stream that httpcore reads and writes, and httpcore's HTTP state."""

    def __init__(self, target: Target, sock: NonBlockingSocket, stream: Any, http_connection: Any) -> None:
        self.target = target
        self.socket = sock
        self.stream = stream
        self.http_connection = http_connection
        self.was_used = False
        self.idle_since = 0.0

    def is_reusable(self) -> bool:
        """
        Return whether the last response ended cleanly, so that another request can follow.

        Bytes after a response would be read as the response to the next request. Where they cannot be seen, because
        httpcore keeps its protocol state elsewhere, the connection is not used again.
        """
        trailing = getattr(getattr(self.http_connection, "_h11_state", None), "trailing_data", None)
        return trailing is not None and not trailing[0] and bool(self.http_connection.is_available())


class PoolState:
    """Free slots, waiting callers in order of arrival, and idle connections, newest last."""

    def __init__(self, max_connections: int, owner: object) -> None:
        self.owner = owner
        self.is_closed = False
        self._is_abandoned = False
        self._free_slots = max_connections
        self._waiters: deque[Waiter] = deque()
        self._idle_connections: list[PooledConnection] = []
        self._lock = threading.RLock()  # a signal handler may close the pool while its thread holds the lock

    def acquire_slot(self, make_waiter: Callable[[], W]) -> W | None:
        """Take a slot and return None, or join the queue: the slot is the caller's once the returned waiter is set."""
        waiter = make_waiter()  # before the look at free slots, so that one released by a signal handler is found
        with self._lock:
            if self._free_slots:
                self._free_slots -= 1
                return None
            self._waiters.append(waiter)
            return waiter

    def release_slot(self) -> None:
        """Pass a slot to the first waiter, or add it to the free ones."""
        with self._lock:
            self._pass_slot_on()

    def cancel_wait(self, waiter: Waiter) -> None:
        """Leave the queue; a slot that was assigned meanwhile passes to the next waiter."""
        with self._lock:
            if waiter.is_set():
                self._pass_slot_on()
            else:
                self._waiters.remove(waiter)

    def _pass_slot_on(self) -> None:
        if self._waiters:
            self._waiters.popleft().set()
        else:
            self._free_slots += 1

    def take_idle(self, target: Target) -> PooledConnection | None:
        """Take the newest idle connection to a target that is still usable."""
        while True:
            with self._lock:
                self._close_expired()
                connection = self._pop_newest(target)
                if connection is None:
                    return None
            if connection.socket.is_quiet():
                return connection
            connection.socket.close()

    def _pop_newest(self, target: Target) -> PooledConnection | None:
        for connection in reversed(self._idle_connections):
            if connection.target == target:
                with suppress(ValueError):  # a signal handler has just closed them all
                    self._idle_connections.remove(connection)
                return connection
        return None

    def make_room(self) -> None:
        """Close the oldest idle connection if one more would exceed the limit."""
        with self._lock:
            while len(self._idle_connections) > self._free_slots:
                self._idle_connections.pop(0).socket.close()

    def put_idle(self, connection: PooledConnection) -> None:
        """Keep a connection for the next request, or close it if the pool is closed."""
        with self._lock:
            self._close_expired()
            if self.is_closed or self._is_abandoned:
                connection.socket.close()
                return
            connection.was_used = True
            connection.idle_since = time.monotonic()
            self._idle_connections.append(connection)

    def close(self) -> None:
        """Close idle connections and wake all waiters, which then find the pool closed."""
        with self._lock:
            self.is_closed = True
            self._close_all()
            while self._waiters:
                self._waiters.popleft().set()

    def abandon(self) -> None:
        """Close all connections of another process or event loop, without the lock, which a fork may have left held."""
        self._is_abandoned = True
        self._close_all()

    def _close_all(self) -> None:
        while self._idle_connections:
            self._idle_connections.pop().socket.close()

    def _close_expired(self) -> None:
        oldest = time.monotonic() - _MAX_IDLE_SECONDS
        while self._idle_connections and self._idle_connections[0].idle_since < oldest:
            self._idle_connections.pop(0).socket.close()


_MAX_IDLE_SECONDS = 60.0
