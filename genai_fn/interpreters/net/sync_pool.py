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

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, TimeoutPhase
from genai_fn.http import Headers, HttpRequest
from genai_fn.interpreters.executors.threads import Latch
from genai_fn.interpreters.net.connect import ConnectionSetupError, Target, open_connection, parse_target
from genai_fn.interpreters.net.connect_sync import DeadlineExceededError, NetworkStream, perform_steps
from genai_fn.interpreters.net.http1 import (
    build_cancelled_failure,
    build_connect_failure,
    build_http1_request,
    build_timeout_failure,
    build_transfer_failure,
    decode_headers,
    iterate_body,
)
from genai_fn.interpreters.net.pool_state import PoolConfig, PooledConnection, PoolState

__all__ = ["CancelHandle", "PooledResponse", "SyncPool"]


class CancelHandle:
    """How another thread ends an open that is under way: while it waits for a lane, or for the head of an answer."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may end what its thread is just at
        self._wake: Callable[[], object] | None = None
        self.is_cancelled = False

    def cancel(self) -> None:
        """End it, now or as soon as it waits; a connection that is being dialled comes about first."""
        with self._lock:
            self.is_cancelled = True
            if self._wake is not None:
                self._wake()

    def set_waker(self, wake: Callable[[], object] | None) -> None:
        """Say what ends the wait that comes next."""
        with self._lock:
            self._wake = wake
            if self.is_cancelled and wake is not None:
                wake()


class SyncPool:
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
        max_connections: int = 64,
        *,
        proxy: str | None = None,
        environ: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: ModuleType | None = None,
    ) -> None:
        self._config = PoolConfig(max_connections, proxy, environ, ssl_context, transport)

    def send(
        self,
        request: HttpRequest,
        *,
        deadline: float,
        connect_timeout: float,
        needs_new_connection: bool = False,
        cancel_handle: CancelHandle | None = None,
    ) -> "PooledResponse | EffectFailed":
        """
        Send a request and read the head of its answer.

        Args:
            request: What to send.

            deadline: Until when, in seconds of ``time.monotonic()``, the wait for a lane included.

            connect: How long dialling may take, in seconds.

            fresh: Dial anew, for what may not be sent twice.

            cut: With which another thread ends this: what comes of it then is ``Lost(Closed)``.
        """
        cancel_handle = CancelHandle() if cancel_handle is None else cancel_handle
        try:
            target = parse_target(request.url)
        except ConnectionSetupError as error:
            return build_connect_failure(error)
        depot = self._config.get_state(os.getpid())
        lost = _acquire_slot(depot, deadline, cancel_handle)
        if lost:
            return lost
        try:
            opened = self._open_response(
                depot,
                request,
                target,
                cancel_handle,
                deadline=deadline,
                connect=connect_timeout,
                fresh=needs_new_connection,
            )
        except BaseException:
            depot.release_slot()
            raise
        if isinstance(opened, EffectFailed):
            depot.release_slot()
        return opened

    def close(self) -> None:
        """Close idle connections, and those in use once they are done with; no exchange opens after that."""
        self._config.close()

    def _open_response(
        self,
        depot: PoolState,
        request: HttpRequest,
        target: Target,
        cut: CancelHandle,
        *,
        deadline: float,
        connect: float,
        fresh: bool,
    ) -> "PooledResponse | EffectFailed":
        lane = None if fresh else depot.take_idle(target)
        if lane is None:
            depot.make_room()
            dialled = self._open_connection(target, min(deadline, time.monotonic() + connect))
            if isinstance(dialled, EffectFailed):
                return dialled
            lane = dialled
        try:
            cut.set_waker(lane.socket.close)
            response = self._send_on_connection(lane, request, deadline)
            cut.set_waker(None)
        except BaseException:
            lane.socket.close()
            raise
        if isinstance(response, EffectFailed):
            lane.socket.close()
            return EffectFailed(Closed(sent=lane.socket.has_sent)) if cut.is_cancelled else response
        return PooledResponse(depot, lane, response)

    def _open_connection(self, target: Target, deadline: float) -> PooledConnection | EffectFailed:
        try:
            wire = perform_steps(open_connection(target, self._config.connect_config), deadline)
        except DeadlineExceededError:
            return build_timeout_failure("connect", f"connecting to {target}")
        except Exception as error:  # noqa: BLE001 - whatever it is, no connection came about
            return build_connect_failure(error)
        return self._config.build_connection(target, wire, NetworkStream, "HTTP11Connection")

    def _send_on_connection(self, lane: PooledConnection, request: HttpRequest, deadline: float) -> Any:
        wire = lane.socket
        wire.has_sent = wire.has_received = False
        lane.stream.deadline = deadline
        try:
            with closing(iterate_body(request.body)) as content:
                return lane.http_connection.handle_request(
                    build_http1_request(request, lane.target, self._config.transport, content)
                )
        except DeadlineExceededError:
            return build_timeout_failure("headers", f"waiting for {lane.target}", wire)
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return build_transfer_failure(error, f"asking {lane.target}", wire, reused=lane.was_used)


def _acquire_slot(depot: PoolState, deadline: float, cut: CancelHandle) -> EffectFailed | None:
    bell = None if depot.is_closed else depot.acquire_slot(_ThreadWaiter)
    if bell:
        rang = False
        try:
            cut.set_waker(bell.wake)
            rang = bell.wait(deadline - time.monotonic())
        finally:
            cut.set_waker(None)
            if not rang:
                depot.cancel_wait(bell)
        if not rang:
            return EffectFailed(Closed()) if cut.is_cancelled else build_timeout_failure("total", "waiting for a lane")
    return EffectFailed(Closed()) if depot.is_closed else None


class _ThreadWaiter:
    """The event of a thread, which can be woken though it has not rung."""

    def __init__(self) -> None:
        self._wake_event = Latch()
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        self._wake_event.set()

    def is_set(self) -> bool:
        return self._is_set

    def wake(self) -> None:
        self._wake_event.set()

    def wait(self, seconds: float) -> bool:
        self._wake_event.wait(seconds)
        return self._is_set


class PooledResponse:
    """An answer whose head is here: whoever opened it owes a `close`."""

    def __init__(self, depot: PoolState, lane: PooledConnection, response: Any) -> None:
        self.status: int = response.status
        self.headers: Headers = decode_headers(response.headers)
        self._state = depot
        self._connection = lane
        self._response = response
        self._body: Iterator[bytes] = iter(response.stream)
        self._lock = threading.RLock()  # a signal handler may close what its thread is just closing
        self._final_result: bytes | EffectFailed | None = None
        self._is_closed = False

    def read(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        """Read the next piece of the body, nothing at its end; what ended it is answered again to whoever reads on."""
        if self._final_result is None:
            piece = self._read_chunk(deadline, phase)
            if piece and not isinstance(piece, EffectFailed):
                return piece
            self._final_result = (
                EffectFailed(Closed("the exchange was closed", sent=True)) if self._is_closed else piece
            )
        return self._final_result

    def _read_chunk(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        self._connection.stream.deadline = deadline
        doing = f"reading from {self._connection.target}"
        try:
            piece = next(self._body, b"")
            if not piece:
                self._response.close()
        except DeadlineExceededError:
            return build_timeout_failure(phase, doing, self._connection.socket)
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return build_transfer_failure(error, doing, self._connection.socket, reused=False)
        except BaseException:
            self._final_result = build_cancelled_failure(doing)
            raise
        return piece

    def close(self) -> None:
        """
        Be done with it, from any thread.

        A body read to its end leaves the connection for the next; a reader in another thread wakes up and learns of it.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                if self._final_result == b"" and self._connection.is_reusable():
                    self._state.put_idle(self._connection)
                else:
                    self._connection.socket.close()
            except BaseException:  # an interrupt, in the midst of this
                self._connection.socket.close()
                raise
            finally:
                self._state.release_slot()
