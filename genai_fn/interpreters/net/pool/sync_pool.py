"""
The connection pool for threads.

It raises nothing but ``KeyboardInterrupt`` and the like: failures are returned as `EffectFailed`.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from genai_fn.effects import EffectFailed
from genai_fn.engine.stepper import run_program
from genai_fn.errors import Closed, TimeoutPhase
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.cancel_handle import CancelHandle
from genai_fn.interpreters.executors.threads import Latch
from genai_fn.interpreters.net.connect.connection import open_connection
from genai_fn.interpreters.net.connect.sync_steps import perform_steps
from genai_fn.interpreters.net.http1.sync_connections import build_sync_connection
from genai_fn.interpreters.net.pool.base import (
    BasePool,
    BasePooledResponse,
    OpenConnection,
    PoolStep,
    SendOnConnection,
    WaitForSlot,
)
from genai_fn.interpreters.net.pool.failures import (
    build_cancelled_failure,
    build_timeout_failure,
    build_transfer_failure,
)
from genai_fn.interpreters.net.socket import DeadlineExceededError, SocketClosedError


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
        steps = self._send_request(
            request,
            os.getpid(),
            _ThreadWaiter,
            PooledResponse,
            deadline=deadline,
            connect_timeout=connect_timeout,
            needs_new_connection=needs_new_connection,
            on_slot=cancel_handle.keep_slot,
        )
        try:
            response = run_program(steps, partial(self._perform, cancel_handle))
        except BaseException:  # an interrupt
            steps.close()
            raise
        if cancel_handle.is_cancelled and isinstance(response, EffectFailed):
            sent = getattr(response.error, "sent", None)  # of errors of the network
            return response if sent is None else EffectFailed(Closed(sent=sent))
        return response

    def close(self) -> None:
        """
        Close idle connections now, and those in use when their responses are closed.

        From now on, `send` returns ``EffectFailed(Closed)``.
        """
        self._config.close()

    def _perform(self, cancel_handle: CancelHandle, step: PoolStep) -> Any:
        try:
            match step:
                case SendOnConnection(connection, request, deadline):
                    cancel_handle.set_waker(connection.socket.close)
                    return connection.http.send_request(request, deadline)
                case WaitForSlot(waiter, deadline):
                    cancel_handle.set_waker(waiter.wake)
                    return waiter.wait(deadline - time.monotonic())
                case OpenConnection(target, deadline):
                    sock = perform_steps(
                        open_connection(target, self.connect_config), deadline, partial(_begin_wait, cancel_handle)
                    )
                    return self._config.build_connection(target, sock, build_sync_connection)
        except DeadlineExceededError:
            return None
        finally:
            cancel_handle.set_waker(None)


def _begin_wait(cancel_handle: CancelHandle, wake: Callable[[], object]) -> None:
    """
    Set the function that ends the next wait of `open_connection`; raises `SocketClosedError` if `send` is cancelled.

    Without this error, `open_connection` would wait again: a socket that was shut down looks as if it still connects.
    """
    cancel_handle.set_waker(wake)
    if cancel_handle.is_cancelled:
        raise SocketClosedError


class _ThreadWaiter:
    """A thread's waiter; `wake` ends the wait without a slot."""

    def __init__(self) -> None:
        self._wake_event = Latch()
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        self._wake_event.set()

    def set_soon(self) -> None:
        self.set()

    def wake(self) -> None:
        self._wake_event.set()

    def wait(self, seconds: float) -> bool:
        self._wake_event.wait(seconds)
        return self._is_set


class PooledResponse(BasePooledResponse):
    """A response whose head has been read; the caller must call `close`."""

    def read(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        """Read the next chunk of the body, ``b""`` at its end; further reads return the final result again."""
        if self._final_result is None:
            chunk = self._read_chunk(deadline, phase)
            if isinstance(chunk, bytes) and chunk:
                return chunk
            self._final_result = (
                EffectFailed(Closed("the response was closed", sent=True)) if self._is_closed else chunk
            )
        return self._final_result

    def _read_chunk(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        try:
            return self._connection.http.read_body(deadline)  # type: ignore[no-any-return]  # of a SyncConnection
        except DeadlineExceededError:
            return build_timeout_failure(phase, self._describe_read(), self._connection.socket)
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is unusable
            return build_transfer_failure(error, self._describe_read(), self._connection.socket, reused=False)
        except BaseException:
            self._final_result = build_cancelled_failure(self._describe_read())
            raise

    def close(self) -> None:
        """
        Close the response, from any thread, and release its slot. A second call completes an interrupted one.

        If the body was read to its end, the connection is kept for the next request. Else it is closed, and a read in
        another thread fails with `Closed`.
        """
        self._is_closed = True
        try:
            if self._can_reuse_connection():
                self._state.put_idle(self._slot)
        finally:
            self._slot.close()
