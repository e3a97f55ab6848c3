"""
The connection pool for tasks of asyncio and trio.

It raises nothing but cancellation and the like: failures are returned as `EffectFailed`. A call enters a cancel scope
only while it opens a connection.
"""

import os
import sys
import time
from collections.abc import Awaitable
from contextlib import suppress
from importlib import import_module
from typing import Any

import anyio
from anyio.lowlevel import EventLoopToken, current_token

from genai_fn.effects import EffectFailed, SendRequest
from genai_fn.engine.stepper import arun_program
from genai_fn.errors import Closed, TimeoutPhase
from genai_fn.interpreters.executors.event_loops import call_soon
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.connect.connection import open_connection
from genai_fn.interpreters.net.http1.async_connections import build_async_connection
from genai_fn.interpreters.net.http1.requests import ResponseHead
from genai_fn.interpreters.net.pool.base import (
    BasePool,
    BasePooledResponse,
    OpenConnection,
    PoolStep,
    SendOnConnection,
    WaitForSlot,
)
from genai_fn.interpreters.net.pool.failures import explain_closed
from genai_fn.interpreters.net.pool.state import PooledConnection
from genai_fn.interpreters.net.socket import DeadlineExceededError, NonBlockingSocket
from genai_fn.interpreters.net.waits.selection import TaskWaiter, get_waits


class AsyncPool(BasePool):
    """A connection pool for tasks. It looks hosts up, and reads the certificates, in threads of its own."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._connecting: dict[anyio.CancelScope, EventLoopToken] = {}
        self._waiting: set[TaskWaiter] = set()
        self._sending: set[NonBlockingSocket] = set()

    def load_transport(self) -> None:
        """Import now what the first request needs."""
        super().load_transport()
        for library in ("asyncio", "trio"):
            if library in sys.modules:
                import_module(f"genai_fn.interpreters.net.waits.{library}_waits")

    async def send(self, request: SendRequest) -> "AsyncPooledResponse | EffectFailed":
        """Send a request and read the head of its response. Its deadline is a point of ``time.monotonic()``."""
        waits = get_waits()
        owner = (os.getpid(), waits.get_event_loop())
        steps = self._send_request(request, owner, waits.make_waiter, AsyncPooledResponse)
        try:
            response = await arun_program(steps, self._perform)
        except BaseException:  # a cancellation
            steps.close()
            raise
        if self._is_closed and isinstance(response, EffectFailed):  # `close` has ended a wait
            return explain_closed(response)
        return response

    def close(self) -> None:
        """Close idle connections and end each `send` now; close the connections of responses when those are closed."""
        super().close()
        for waiter in tuple(self._waiting):
            waiter.set_soon(False)
        for scope, token in tuple(self._connecting.items()):
            call_soon(token, scope.cancel)
        for sock in tuple(self._sending):
            sock.close()

    def _perform(self, step: PoolStep) -> Awaitable[Any]:
        match step:
            case SendOnConnection():
                return self._send_on_connection(step)
            case WaitForSlot(waiter, deadline):
                return self._wait_for_slot(waiter, deadline)
            case OpenConnection():
                return self._open_connection(step)

    async def _wait_for_slot(self, waiter: TaskWaiter, deadline: float) -> bool:
        self._waiting.add(waiter)
        try:
            if self._is_closed:  # by another thread, meanwhile
                return False
            remaining = deadline - time.monotonic()
            return remaining > 0 and await waiter.wait(remaining)
        finally:
            self._waiting.discard(waiter)

    async def _open_connection(self, step: OpenConnection) -> PooledConnection | None:
        with anyio.move_on_after(step.deadline - time.monotonic()) as scope:
            self._connecting[scope] = current_token()
            try:
                sock = await perform_steps(open_connection(step.target, self.connect_config))
                return self._build_connection(step.target, sock, build_async_connection)
            finally:
                del self._connecting[scope]
        return None

    async def _send_on_connection(self, step: SendOnConnection) -> ResponseHead | None:
        sock = step.connection.socket
        self._sending.add(sock)
        try:
            if self._is_closed:  # by another thread, meanwhile
                sock.close()
            return await step.connection.http.send_request(step.request, step.deadline)  # type: ignore[no-any-return]  # of an AsyncConnection
        except DeadlineExceededError:
            return None
        finally:
            self._sending.discard(sock)


class AsyncPooledResponse(BasePooledResponse):
    """A response whose head has been read; the caller must call `aclose`."""

    _is_reading = _is_aborted = False

    async def read(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        """Read the next chunk of the body, ``b""`` at its end; further reads return the final result again."""
        if self._final_result is None:
            chunk = await self._read_chunk(deadline, phase)
            if self._is_aborted:
                chunk = EffectFailed(Closed("the response was closed", sent=True))
                await self._finish_body()
            if chunk and not isinstance(chunk, EffectFailed):
                return chunk
            self._final_result = chunk
        return self._final_result

    async def _read_chunk(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        self._is_reading = True
        try:
            return await self._connection.http.read_body(deadline)  # type: ignore[no-any-return]  # of an AsyncConnection
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is unusable
            return self._build_read_failure(error, phase)
        except BaseException:
            self._mark_cancelled()
            raise
        finally:
            self._is_reading = False

    def abort(self) -> None:
        """Close the connection at once, from any thread or task; pending reads fail. `aclose` must still be called."""
        self._is_aborted = True
        self._connection.socket.close()

    async def aclose(self) -> None:
        """
        Close the response, from any task, and release its slot.

        If the body was read to its end, the connection is kept for the next request. Else it is closed, and a read in
        another task fails with `Closed`.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if not self._is_aborted and self._can_reuse_connection():
                self._state.put_idle(self._slot)
            else:
                self.abort()
                await self._finish_body()
        finally:
            self._slot.close()

    async def _finish_body(self) -> None:
        if not self._is_reading:
            with anyio.CancelScope(shield=True), suppress(Exception):  # an error of the closed socket
                await self._connection.http.finish_body()
