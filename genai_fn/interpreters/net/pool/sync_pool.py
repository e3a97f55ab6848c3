"""
The connection pool for threads.

It raises nothing but ``KeyboardInterrupt`` and the like: failures are returned as `EffectFailed`.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, TimeoutPhase
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.threads import Latch
from genai_fn.interpreters.net.connect.connection import ConnectionSetupError, Target, open_connection, parse_target
from genai_fn.interpreters.net.connect.sync_steps import DeadlineExceededError, NetworkStream, perform_steps
from genai_fn.interpreters.net.pool.base import BasePool, BasePooledResponse
from genai_fn.interpreters.net.pool.http1 import (
    build_cancelled_failure,
    build_connect_failure,
    build_http1_request,
    build_timeout_failure,
    build_transfer_failure,
    iterate_body,
)
from genai_fn.interpreters.net.pool.state import PooledConnection, PoolState

__all__ = ["CancelHandle", "PooledResponse", "SyncPool"]


class CancelHandle:
    """Lets another thread cancel a `SyncPool.send` that waits for a slot or for the head of a response."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may cancel while its thread holds the lock
        self._wake: Callable[[], object] | None = None
        self.is_cancelled = False

    def cancel(self) -> None:
        """Cancel now, or at the next wait; a connection that is being opened is completed first."""
        with self._lock:
            self.is_cancelled = True
            if self._wake is not None:
                self._wake()

    def set_waker(self, wake: Callable[[], object] | None) -> None:
        """Set the function that ends the next wait; None when the wait is over."""
        with self._lock:
            self._wake = wake
            if self.is_cancelled and wake is not None:
                wake()


class SyncPool(BasePool):
    """A connection pool for threads."""

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
        Send a request and read the head of its response.

        Args:
            request: The request.

            deadline: Point of ``time.monotonic()`` in seconds; waiting for a slot counts.

            connect_timeout: Limit for opening a connection, in seconds.

            needs_new_connection: Use no idle connection, for requests that must not be sent twice.

            cancel_handle: Lets another thread cancel; the result is then ``EffectFailed(Closed)``.
        """
        cancel_handle = CancelHandle() if cancel_handle is None else cancel_handle
        try:
            target = parse_target(request.url)
        except ConnectionSetupError as error:
            return build_connect_failure(error)
        state = self._config.get_state(os.getpid())
        failed = _acquire_slot(state, deadline, cancel_handle)
        if failed:
            return failed
        try:
            response = self._open_response(
                state,
                request,
                target,
                cancel_handle,
                deadline=deadline,
                connect_timeout=connect_timeout,
                needs_new=needs_new_connection,
            )
        except BaseException:
            state.release_slot()
            raise
        if isinstance(response, EffectFailed):
            state.release_slot()
        return response

    def close(self) -> None:
        """Close idle connections now, and those in use when their responses are closed; then `send` fails."""
        self._config.close()

    def _open_response(
        self,
        state: PoolState,
        request: HttpRequest,
        target: Target,
        cancel_handle: CancelHandle,
        *,
        deadline: float,
        connect_timeout: float,
        needs_new: bool,
    ) -> "PooledResponse | EffectFailed":
        connection = None if needs_new else state.take_idle(target)
        if connection is None:
            state.make_room()
            opened = self._open_connection(target, min(deadline, time.monotonic() + connect_timeout))
            if isinstance(opened, EffectFailed):
                return opened
            connection = opened
        try:
            cancel_handle.set_waker(connection.socket.close)
            response = self._send_on_connection(connection, request, deadline)
            cancel_handle.set_waker(None)
        except BaseException:
            connection.socket.close()
            raise
        if isinstance(response, EffectFailed):
            connection.socket.close()
            return EffectFailed(Closed(sent=connection.socket.has_sent)) if cancel_handle.is_cancelled else response
        return PooledResponse(state, connection, response)

    def _open_connection(self, target: Target, deadline: float) -> PooledConnection | EffectFailed:
        try:
            sock = perform_steps(open_connection(target, self._config.connect_config), deadline)
        except DeadlineExceededError:
            return build_timeout_failure("connect", f"connecting to {target}")
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no connection
            return build_connect_failure(error)
        return self._config.build_connection(target, sock, NetworkStream, "HTTP11Connection")

    def _send_on_connection(self, connection: PooledConnection, request: HttpRequest, deadline: float) -> Any:
        sock = connection.socket
        sock.has_sent = sock.has_received = False
        connection.stream.deadline = deadline
        try:
            with closing(iterate_body(request.body)) as body:
                return connection.http_connection.handle_request(
                    build_http1_request(request, connection.target, self._config.transport, body)
                )
        except DeadlineExceededError:
            return build_timeout_failure("headers", f"waiting for {connection.target}", sock)
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is unusable
            doing = f"sending a request to {connection.target}"
            return build_transfer_failure(error, doing, sock, reused=connection.was_used)


def _acquire_slot(state: PoolState, deadline: float, cancel_handle: CancelHandle) -> EffectFailed | None:
    waiter = None if state.is_closed else state.acquire_slot(_ThreadWaiter)
    if waiter:
        has_slot = False
        try:
            cancel_handle.set_waker(waiter.wake)
            has_slot = waiter.wait(deadline - time.monotonic())
        finally:
            cancel_handle.set_waker(None)
            if not has_slot:
                state.cancel_wait(waiter)
        if not has_slot:
            return (
                EffectFailed(Closed())
                if cancel_handle.is_cancelled
                else build_timeout_failure("total", "waiting for a free connection")
            )
    return EffectFailed(Closed()) if state.is_closed else None


class _ThreadWaiter:
    """A thread's waiter; `wake` ends the wait without a slot."""

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


class PooledResponse(BasePooledResponse):
    """A response whose head has been read; the caller must call `close`."""

    def __init__(self, state: PoolState, connection: PooledConnection, response: Any) -> None:
        super().__init__(state, connection, response)
        self._body: Iterator[bytes] = iter(response.stream)
        self._lock = threading.RLock()  # a signal handler may close while its thread holds the lock

    def read(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        """Read the next chunk of the body, ``b""`` at its end; further reads return the final result again."""
        if self._final_result is None:
            chunk = self._read_chunk(deadline, phase)
            if chunk and not isinstance(chunk, EffectFailed):
                return chunk
            self._final_result = (
                EffectFailed(Closed("the response was closed", sent=True)) if self._is_closed else chunk
            )
        return self._final_result

    def _read_chunk(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        self._connection.stream.deadline = deadline
        doing = f"reading from {self._connection.target}"
        try:
            chunk = next(self._body, b"")
            if not chunk:
                self._response.close()
        except DeadlineExceededError:
            return build_timeout_failure(phase, doing, self._connection.socket)
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is unusable
            return build_transfer_failure(error, doing, self._connection.socket, reused=False)
        except BaseException:
            self._final_result = build_cancelled_failure(doing)
            raise
        return chunk

    def close(self) -> None:
        """
        Close the response, from any thread, and release its slot.

        If the body was read to its end, the connection is kept for the next request. Else it is closed, and a read in
        another thread fails with `Closed`.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                if self._can_reuse_connection():
                    self._state.put_idle(self._connection)
                else:
                    self._connection.socket.close()
            except BaseException:  # an interrupt
                self._connection.socket.close()
                raise
            finally:
                self._state.release_slot()
