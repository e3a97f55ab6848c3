"""
The connection pool for threads.

It raises nothing but ``KeyboardInterrupt`` and the like: failures are returned as `EffectFailed`.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from genai_fn.effects import EffectFailed, SendRequest
from genai_fn.engine.stepper import run_program
from genai_fn.errors import Closed, TimeoutPhase
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
from genai_fn.interpreters.net.pool.failures import explain_closed
from genai_fn.interpreters.net.socket import DeadlineExceededError, SocketClosedError


class SyncPool(BasePool):
    """A connection pool for threads."""

    def send(self, request: SendRequest, cancel_handle: CancelHandle) -> "PooledResponse | EffectFailed":
        """
        Send a request and read the head of its response. Its deadline is a point of ``time.monotonic()``.

        `cancel_handle` lets another thread cancel; the result is then ``EffectFailed(Closed)``.
        """
        steps = self._send_request(request, os.getpid(), _ThreadWaiter, PooledResponse, cancel_handle.keep_slot)
        try:
            response = run_program(steps, partial(self._perform, cancel_handle))
        except BaseException:  # an interrupt
            steps.close()
            raise
        if cancel_handle.is_cancelled and isinstance(response, EffectFailed):
            return explain_closed(response)
        return response

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
                    return self._build_connection(target, sock, build_sync_connection)
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
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is unusable
            return self._build_read_failure(error, phase)
        except BaseException:
            self._mark_cancelled()
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
