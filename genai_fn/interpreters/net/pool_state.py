"""
Where idle lanes stand and callers queue: what the lanes of both worlds share, without a wait in it.

A *lane* is one connection and its HTTP state. At most `count` calls are under way, who comes first goes first, and
there are never more than `count` sockets, idle ones among them.
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

from genai_fn.interpreters.net.connect import ConnectConfig, Target
from genai_fn.interpreters.net.socket import NonBlockingSocket

__all__ = ["PoolConfig", "PoolState", "PooledConnection", "Waiter"]


class Waiter(Protocol):
    """What a waiting caller listens for: the event of a thread or of a task."""

    def set(self) -> Any:
        """Ring."""

    def is_set(self) -> bool:
        """Tell whether it has rung."""
        ...


B = TypeVar("B", bound=Waiter)


class PoolConfig:
    """What an interpreter's lanes are made with, and the depot of the process and event loop that it is used in."""

    def __init__(
        self,
        count: int,
        proxy: str | None,
        environ: Mapping[str, str] | None,
        ssl_context: ssl.SSLContext | None,
        transport: ModuleType | None,
    ) -> None:
        self.connect_config = ConnectConfig(proxy=proxy, environ=environ, ssl_context=ssl_context)
        self.is_closed = False
        self._max_connections = count
        self._transport = transport
        self._state = PoolState(count, None)

    @property
    def transport(self) -> ModuleType:
        """The transport module, imported at the first need."""
        if self._transport is None:
            self._transport = import_module("httpcore")
        return self._transport

    def get_state(self, world: object) -> "PoolState":
        """Answer this world's depot: what another process or event loop left is forgotten."""
        if self._state.owner != world:
            others, self._state = self._state, PoolState(self._max_connections, world)
            self._state.is_closed = self.is_closed
            others.abandon()
        return self._state

    def close(self) -> None:
        """Close idle lanes, and those in use once they are done with."""
        self.is_closed = True
        self._state.close()
        self._state.owner = None  # an event loop that may be over

    def build_connection(
        self, target: Target, wire: NonBlockingSocket, stream: type[Any], connection: str
    ) -> "PooledConnection":
        """Lay a lane over a wire, with one of the transport's kinds of connection."""
        try:
            flow = stream(wire, self.transport.WriteError)
            scheme, host = b"https" if target.tls else b"http", target.host.encode("ascii")
            http = getattr(self.transport, connection)(self.transport.Origin(scheme, host, target.port), flow)
        except BaseException:
            wire.close()
            raise
        return PooledConnection(target, wire, flow, http)


class PooledConnection:
    """One connection: `http` is httpcore's view of it, `stream` the one that it reads and writes."""

    def __init__(self, target: Target, wire: NonBlockingSocket, stream: Any, http: Any) -> None:
        self.target = target
        self.socket = wire
        self.stream = stream
        self.http_connection = http
        self.was_used = False
        self.idle_since = 0.0

    def is_reusable(self) -> bool:
        """
        Tell whether an exchange ended so that another can follow: nothing may have come after its answer.

        Bytes after the answer would be taken for the answer to the next request. Where they cannot be seen, because the
        transport keeps its protocol state elsewhere, the connection does not serve again.
        """
        trailing = getattr(getattr(self.http_connection, "_h11_state", None), "trailing_data", None)
        return trailing is not None and not trailing[0] and bool(self.http_connection.is_available())


class PoolState:
    """The places of calls under way, the queue for them, and the idle lanes, newest last."""

    def __init__(self, count: int, world: object) -> None:
        self.owner = world
        self.is_closed = False
        self._is_abandoned = False
        self._free_slots = count
        self._waiters: deque[Waiter] = deque()
        self._idle_connections: list[PooledConnection] = []
        self._lock = threading.RLock()  # a signal handler may close what its thread is just using

    def acquire_slot(self, bell: Callable[[], B]) -> B | None:
        """Take a place, or get in line: once the bell rings, the place is the caller's."""
        waiting = bell()  # before looking: what a signal handler gives back meanwhile is found
        with self._lock:
            if self._free_slots:
                self._free_slots -= 1
                return None
            self._waiters.append(waiting)
            return waiting

    def release_slot(self) -> None:
        """Give a place to the first in line, or back."""
        with self._lock:
            self._pass_slot_on()

    def cancel_wait(self, bell: Waiter) -> None:
        """Get out of the line; a place that was given at the last moment goes on to the next."""
        with self._lock:
            if bell.is_set():
                self._pass_slot_on()
            else:
                self._waiters.remove(bell)

    def _pass_slot_on(self) -> None:
        if self._waiters:
            self._waiters.popleft().set()
        else:
            self._free_slots += 1

    def take_idle(self, target: Target) -> PooledConnection | None:
        """Take the newest idle lane to a target that is still good."""
        while True:
            with self._lock:
                self._drop_expired()
                lane = self._newest(target)
                if lane is None:
                    return None
            if lane.socket.is_quiet():
                return lane
            lane.socket.close()

    def _newest(self, target: Target) -> PooledConnection | None:
        for lane in reversed(self._idle_connections):
            if lane.target == target:
                with suppress(ValueError):  # a signal handler closed them all, just now
                    self._idle_connections.remove(lane)
                return lane
        return None

    def make_room(self) -> None:
        """Close the oldest idle lane if a new one would be one too many."""
        with self._lock:
            while len(self._idle_connections) > self._free_slots:
                self._idle_connections.pop(0).socket.close()

    def put_idle(self, lane: PooledConnection) -> None:
        """Let a lane stand idle."""
        with self._lock:
            self._drop_expired()
            if self.is_closed or self._is_abandoned:
                lane.socket.close()
                return
            lane.was_used = True
            lane.idle_since = time.monotonic()
            self._idle_connections.append(lane)

    def close(self) -> None:
        """Close idle lanes, and let who waits find out."""
        with self._lock:
            self.is_closed = True
            self._drop_all()
            while self._waiters:
                self._waiters.popleft().set()

    def abandon(self) -> None:
        """Drop the lanes of another process or event loop, now and later; its locks may be held for ever."""
        self._is_abandoned = True
        self._drop_all()

    def _drop_all(self) -> None:
        while self._idle_connections:
            self._idle_connections.pop().socket.close()

    def _drop_expired(self) -> None:
        expired = time.monotonic() - _MAX_IDLE_SECONDS
        while self._idle_connections and self._idle_connections[0].idle_since < expired:
            self._idle_connections.pop(0).socket.close()


_MAX_IDLE_SECONDS = 60.0
