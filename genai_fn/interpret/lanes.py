"""
The connections of a sync interpreter: at most so many exchanges at once, over connections that are kept for the next.

Nothing but ``KeyboardInterrupt`` and the like is raised: what could not be had is `Lost`.
"""

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from types import ModuleType
from typing import Any

from genai_fn.effects import Lost
from genai_fn.errors import Closed, Phase
from genai_fn.http import Headers, HttpRequest
from genai_fn.interpret.dial import DialError, Target, dial, target_of
from genai_fn.interpret.dial_sync import OutOfTimeError, Stream, perform
from genai_fn.interpret.lanes_depot import Depot, Lane, Yard
from genai_fn.interpret.lanes_message import broken, headers_of, interrupted, late, message, pieces, undialled
from genai_fn.interpret.threads import Latch

__all__ = ["Cut", "Lanes", "OpenExchange"]


class Cut:
    """How another thread ends an open that is under way: while it waits for a lane, or for the head of an answer."""

    def __init__(self) -> None:
        self._guard = threading.RLock()  # a signal handler may end what its thread is just at
        self._wake: Callable[[], object] | None = None
        self.is_made = False

    def make(self) -> None:
        """End it, now or as soon as it waits; a connection that is being dialled comes about first."""
        with self._guard:
            self.is_made = True
            if self._wake is not None:
                self._wake()

    def during(self, wake: Callable[[], object] | None) -> None:
        """Say what ends the wait that comes next."""
        with self._guard:
            self._wake = wake
            if self.is_made and wake is not None:
                wake()


class Lanes:
    """
    Connections for threads: `count` exchanges at once, callers beyond that wait in order.

    Args:
        count: How many.

        proxy: ``http://user:password@host:port`` or ``socks5://…``; None asks `environ`, an empty string goes without.

        environ: Where proxies are looked for; the process's own environment is not read.

        ssl_context: Whom to trust; None is the system's certificates.

        transport: ``httpcore`` or ``httpcore2``; None imports httpcore at the first call.
    """

    def __init__(
        self,
        count: int = 64,
        *,
        proxy: str | None = None,
        environ: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: ModuleType | None = None,
    ) -> None:
        self._yard = Yard(count, proxy, environ, ssl_context, transport)

    def open(
        self, request: HttpRequest, *, deadline: float, connect: float, fresh: bool = False, cut: Cut | None = None
    ) -> "OpenExchange | Lost":
        """
        Send a request and read the head of its answer.

        Args:
            request: What to send.

            deadline: Until when, in seconds of ``time.monotonic()``, the wait for a lane included.

            connect: How long dialling may take, in seconds.

            fresh: Dial anew, for what may not be sent twice.

            cut: With which another thread ends this: what comes of it then is ``Lost(Closed)``.
        """
        cut = Cut() if cut is None else cut
        try:
            target = target_of(request.url)
        except DialError as error:
            return undialled(error)
        depot = self._yard.depot(os.getpid())
        lost = _entered(depot, deadline, cut)
        if lost:
            return lost
        try:
            opened = self._opened(depot, request, target, cut, deadline=deadline, connect=connect, fresh=fresh)
        except BaseException:
            depot.leave()
            raise
        if isinstance(opened, Lost):
            depot.leave()
        return opened

    def close(self) -> None:
        """Close idle connections, and those in use once they are done with; no exchange opens after that."""
        self._yard.close()

    def _opened(
        self,
        depot: Depot,
        request: HttpRequest,
        target: Target,
        cut: Cut,
        *,
        deadline: float,
        connect: float,
        fresh: bool,
    ) -> "OpenExchange | Lost":
        lane = None if fresh else depot.take(target)
        if lane is None:
            depot.make_room()
            dialled = self._dialled(target, min(deadline, time.monotonic() + connect))
            if isinstance(dialled, Lost):
                return dialled
            lane = dialled
        try:
            cut.during(lane.wire.close)
            response = self._asked(lane, request, deadline)
            cut.during(None)
        except BaseException:
            lane.wire.close()
            raise
        if isinstance(response, Lost):
            lane.wire.close()
            return Lost(Closed(sent=lane.wire.sent)) if cut.is_made else response
        return OpenExchange(depot, lane, response)

    def _dialled(self, target: Target, deadline: float) -> Lane | Lost:
        try:
            wire = perform(dial(target, self._yard.dialling), deadline)
        except OutOfTimeError:
            return late("connect", f"connecting to {target}")
        except Exception as error:  # noqa: BLE001 - whatever it is, no connection came about
            return undialled(error)
        return self._yard.lane(target, wire, Stream, "HTTP11Connection")

    def _asked(self, lane: Lane, request: HttpRequest, deadline: float) -> Any:
        wire = lane.wire
        wire.sent = wire.received = False
        lane.stream.deadline = deadline
        try:
            with closing(pieces(request.body)) as content:
                return lane.http.handle_request(message(request, lane.target, self._yard.transport, content))
        except OutOfTimeError:
            return late("headers", f"waiting for {lane.target}", wire)
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return broken(error, f"asking {lane.target}", wire, reused=lane.served)


def _entered(depot: Depot, deadline: float, cut: Cut) -> Lost | None:
    bell = None if depot.closed else depot.enter(_Bell)
    if bell:
        rang = False
        try:
            cut.during(bell.wake)
            rang = bell.wait(deadline - time.monotonic())
        finally:
            cut.during(None)
            if not rang:
                depot.give_up(bell)
        if not rang:
            return Lost(Closed()) if cut.is_made else late("total", "waiting for a lane")
    return Lost(Closed()) if depot.closed else None


class _Bell:
    """The event of a thread, which can be woken though it has not rung."""

    def __init__(self) -> None:
        self._came = Latch()
        self._rang = False

    def set(self) -> None:
        self._rang = True
        self._came.set()

    def is_set(self) -> bool:
        return self._rang

    def wake(self) -> None:
        self._came.set()

    def wait(self, seconds: float) -> bool:
        self._came.wait(seconds)
        return self._rang


class OpenExchange:
    """An answer whose head is here: whoever opened it owes a `close`."""

    def __init__(self, depot: Depot, lane: Lane, response: Any) -> None:
        self.status: int = response.status
        self.headers: Headers = headers_of(response.headers)
        self._depot = depot
        self._lane = lane
        self._response = response
        self._body: Iterator[bytes] = iter(response.stream)
        self._guard = threading.RLock()  # a signal handler may close what its thread is just closing
        self._end: bytes | Lost | None = None
        self._closed = False

    def read(self, deadline: float, phase: Phase) -> bytes | Lost:
        """Read the next piece of the body, nothing at its end; what ended it is answered again to whoever reads on."""
        if self._end is None:
            piece = self._read(deadline, phase)
            if piece and not isinstance(piece, Lost):
                return piece
            self._end = Lost(Closed("the exchange was closed", sent=True)) if self._closed else piece
        return self._end

    def _read(self, deadline: float, phase: Phase) -> bytes | Lost:
        self._lane.stream.deadline = deadline
        doing = f"reading from {self._lane.target}"
        try:
            piece = next(self._body, b"")
            if not piece:
                self._response.close()
        except OutOfTimeError:
            return late(phase, doing, self._lane.wire)
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return broken(error, doing, self._lane.wire, reused=False)
        except BaseException:
            self._end = interrupted(doing)
            raise
        return piece

    def close(self) -> None:
        """
        Be done with it, from any thread.

        A body read to its end leaves the connection for the next; a reader in another thread wakes up and learns of it.
        """
        with self._guard:
            if self._closed:
                return
            self._closed = True
            try:
                if self._end == b"" and self._lane.clean():
                    self._depot.put(self._lane)
                else:
                    self._lane.wire.close()
            except BaseException:  # an interrupt, in the midst of this
                self._lane.wire.close()
                raise
            finally:
                self._depot.leave()
