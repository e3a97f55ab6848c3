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

from genai_fn.interpret.dial import Dialling, Target
from genai_fn.interpret.dial_wire import Wire

__all__ = ["Bell", "Depot", "Lane", "Yard"]


class Bell(Protocol):
    """What a waiting caller listens for: the event of a thread or of a task."""

    def set(self) -> Any:
        """Ring."""

    def is_set(self) -> bool:
        """Tell whether it has rung."""
        ...


B = TypeVar("B", bound=Bell)


class Yard:
    """What an interpreter's lanes are made with, and the depot of the process and event loop that it is used in."""

    def __init__(
        self,
        count: int,
        proxy: str | None,
        environ: Mapping[str, str] | None,
        ssl_context: ssl.SSLContext | None,
        transport: ModuleType | None,
    ) -> None:
        self.dialling = Dialling(proxy=proxy, environ=environ, ssl_context=ssl_context)
        self.closed = False
        self._count = count
        self._transport = transport
        self._depot = Depot(count, None)

    @property
    def transport(self) -> ModuleType:
        """The transport module, imported at the first need."""
        if self._transport is None:
            self._transport = import_module("httpcore")
        return self._transport

    def depot(self, world: object) -> "Depot":
        """Answer this world's depot: what another process or event loop left is forgotten."""
        if self._depot.world != world:
            others, self._depot = self._depot, Depot(self._count, world)
            self._depot.closed = self.closed
            others.forget()
        return self._depot

    def close(self) -> None:
        """Close idle lanes, and those in use once they are done with."""
        self.closed = True
        self._depot.close()
        self._depot.world = None  # an event loop that may be over

    def lane(self, target: Target, wire: Wire, stream: type[Any], connection: str) -> "Lane":
        """Lay a lane over a wire, with one of the transport's kinds of connection."""
        try:
            flow = stream(wire, self.transport.WriteError)
            scheme, host = b"https" if target.tls else b"http", target.host.encode("ascii")
            http = getattr(self.transport, connection)(self.transport.Origin(scheme, host, target.port), flow)
        except BaseException:
            wire.close()
            raise
        return Lane(target, wire, flow, http)


class Lane:
    """One connection: `http` is httpcore's view of it, `stream` the one that it reads and writes."""

    def __init__(self, target: Target, wire: Wire, stream: Any, http: Any) -> None:
        self.target = target
        self.wire = wire
        self.stream = stream
        self.http = http
        self.served = False
        self.idle_since = 0.0

    def clean(self) -> bool:
        """
        Tell whether an exchange ended so that another can follow: nothing may have come after its answer.

        Bytes after the answer would be taken for the answer to the next request. Where they cannot be seen, because the
        transport keeps its protocol state elsewhere, the connection does not serve again.
        """
        trailing = getattr(getattr(self.http, "_h11_state", None), "trailing_data", None)
        return trailing is not None and not trailing[0] and bool(self.http.is_available())


class Depot:
    """The places of calls under way, the queue for them, and the idle lanes, newest last."""

    def __init__(self, count: int, world: object) -> None:
        self.world = world
        self.closed = False
        self._forgotten = False
        self._places = count
        self._queue: deque[Bell] = deque()
        self._idle: list[Lane] = []
        self._guard = threading.RLock()  # a signal handler may close what its thread is just using

    def enter(self, bell: Callable[[], B]) -> B | None:
        """Take a place, or get in line: once the bell rings, the place is the caller's."""
        waiting = bell()  # before looking: what a signal handler gives back meanwhile is found
        with self._guard:
            if self._places:
                self._places -= 1
                return None
            self._queue.append(waiting)
            return waiting

    def leave(self) -> None:
        """Give a place to the first in line, or back."""
        with self._guard:
            self._left()

    def give_up(self, bell: Bell) -> None:
        """Get out of the line; a place that was given at the last moment goes on to the next."""
        with self._guard:
            if bell.is_set():
                self._left()
            else:
                self._queue.remove(bell)

    def _left(self) -> None:
        if self._queue:
            self._queue.popleft().set()
        else:
            self._places += 1

    def take(self, target: Target) -> Lane | None:
        """Take the newest idle lane to a target that is still good."""
        while True:
            with self._guard:
                self._drop_expired()
                lane = self._newest(target)
                if lane is None:
                    return None
            if lane.wire.quiet():
                return lane
            lane.wire.close()

    def _newest(self, target: Target) -> Lane | None:
        for lane in reversed(self._idle):
            if lane.target == target:
                with suppress(ValueError):  # a signal handler closed them all, just now
                    self._idle.remove(lane)
                return lane
        return None

    def make_room(self) -> None:
        """Close the oldest idle lane if a new one would be one too many."""
        with self._guard:
            while len(self._idle) > self._places:
                self._idle.pop(0).wire.close()

    def put(self, lane: Lane) -> None:
        """Let a lane stand idle."""
        with self._guard:
            self._drop_expired()
            if self.closed or self._forgotten:
                lane.wire.close()
                return
            lane.served = True
            lane.idle_since = time.monotonic()
            self._idle.append(lane)

    def close(self) -> None:
        """Close idle lanes, and let who waits find out."""
        with self._guard:
            self.closed = True
            self._drop_all()
            while self._queue:
                self._queue.popleft().set()

    def forget(self) -> None:
        """Drop the lanes of another process or event loop, now and later; its locks may be held for ever."""
        self._forgotten = True
        self._drop_all()

    def _drop_all(self) -> None:
        while self._idle:
            self._idle.pop().wire.close()

    def _drop_expired(self) -> None:
        expired = time.monotonic() - _IDLE
        while self._idle and self._idle[0].idle_since < expired:
            self._idle.pop(0).wire.close()


_IDLE = 60.0
