"""
The connections of an async interpreter, on asyncio and trio alike: at most so many exchanges at once, and lanes kept.

Nothing but cancellation and the like is raised: what could not be had is `Lost`. There is one cancel scope a phase.
"""

import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import closing, suppress
from types import ModuleType
from typing import Any

import anyio
from anyio import to_thread
from anyio.lowlevel import current_token

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, TimeoutPhase
from genai_fn.http import FileSlice, Headers, HttpRequest
from genai_fn.interpreters.net.connect import (
    ConnectConfig,
    ConnectionSetupError,
    Target,
    open_connection,
    parse_target,
)
from genai_fn.interpreters.net.connect_async import AsyncNetworkStream, perform_steps
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

__all__ = ["AsyncPool", "AsyncPooledResponse"]


class AsyncPool:
    """
    Connections for tasks: `count` exchanges at once, callers beyond that wait in order.

    Args:
        count: How many.

        proxy: ``http://user:password@host:port`` or ``socks5://…``; None asks `environ`, an empty string goes without.

        environ: Where proxies are looked for; the process's own environment is not read.

        ssl_context: Whom to trust; None is the system's certificates, read in a worker thread.

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

    async def send(
        self, request: HttpRequest, *, deadline: float, connect_timeout: float, needs_new_connection: bool = False
    ) -> "AsyncPooledResponse | EffectFailed":
        """
        Send a request and read the head of its answer.

        Args:
            request: What to send.

            deadline: Until when, in seconds of ``time.monotonic()``, the wait for a lane included.

            connect: How long dialling may take, in seconds.

            fresh: Dial anew, for what may not be sent twice.
        """
        try:
            target = parse_target(request.url)
        except ConnectionSetupError as error:
            return build_connect_failure(error)
        depot = self._config.get_state((os.getpid(), current_token()))
        lost = await _acquire_slot(depot, deadline)
        if lost:
            return lost
        try:
            opened = await self._open_response(
                depot, request, target, deadline=deadline, connect=connect_timeout, fresh=needs_new_connection
            )
        except BaseException:
            depot.release_slot()
            raise
        if isinstance(opened, EffectFailed):
            depot.release_slot()
        return opened

    @property
    def connect_config(self) -> ConnectConfig:
        """How these connections are made, for others that are to be made alike."""
        return self._config.connect_config

    async def aclose(self) -> None:
        """Close idle connections, and those in use once they are done with; no exchange opens after that."""
        self._config.close()

    async def _open_response(
        self, depot: PoolState, request: HttpRequest, target: Target, *, deadline: float, connect: float, fresh: bool
    ) -> "AsyncPooledResponse | EffectFailed":
        lane = None if fresh else depot.take_idle(target)
        if lane is None:
            depot.make_room()
            dialled = await self._open_connection(target, min(deadline - time.monotonic(), connect))
            if isinstance(dialled, EffectFailed):
                return dialled
            lane = dialled
        try:
            response = await self._send_on_connection(lane, request, deadline)
        except BaseException:
            lane.socket.close()
            raise
        if isinstance(response, EffectFailed):
            lane.socket.close()
            return response
        return AsyncPooledResponse(depot, lane, response)

    async def _open_connection(self, target: Target, seconds: float) -> PooledConnection | EffectFailed:
        try:
            with anyio.move_on_after(seconds):
                wire = await perform_steps(open_connection(target, self._config.connect_config))
                return self._config.build_connection(target, wire, AsyncNetworkStream, "AsyncHTTP11Connection")
        except Exception as error:  # noqa: BLE001 - whatever it is, no connection came about
            return build_connect_failure(error)
        return build_timeout_failure("connect", f"connecting to {target}")

    async def _send_on_connection(self, lane: PooledConnection, request: HttpRequest, deadline: float) -> Any:
        wire = lane.socket
        wire.has_sent = wire.has_received = False
        try:
            content = _AsyncBody(iterate_body(request.body), blocking=isinstance(request.body, FileSlice))
            with closing(content) as body, anyio.move_on_after(deadline - time.monotonic()):
                return await lane.http_connection.handle_async_request(
                    build_http1_request(request, lane.target, self._config.transport, body)
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return build_transfer_failure(error, f"asking {lane.target}", wire, reused=lane.was_used)
        return build_timeout_failure("headers", f"waiting for {lane.target}", wire)


async def _acquire_slot(depot: PoolState, deadline: float) -> EffectFailed | None:
    bell = None if depot.is_closed else depot.acquire_slot(anyio.Event)
    if bell:
        rang = False
        try:
            with anyio.move_on_after(deadline - time.monotonic()):
                await bell.wait()
                rang = True
        finally:
            if not rang:
                depot.cancel_wait(bell)
        if not rang:
            return build_timeout_failure("total", "waiting for a lane")
    return EffectFailed(Closed()) if depot.is_closed else None


class _AsyncBody:
    """
    A body to iterate over; a file is read in a worker thread.

    It is no generator of asyncio's kind, which a fault would leave hanging.
    """

    def __init__(self, content: Generator[bytes], *, blocking: bool) -> None:
        self._content = content
        self._is_blocking = blocking
        self._lock = threading.Lock()

    def __aiter__(self) -> "_AsyncBody":
        return self

    async def __anext__(self) -> bytes:
        piece = await to_thread.run_sync(self._read_next) if self._is_blocking else self._read_next()
        if piece is None:
            raise StopAsyncIteration
        return piece

    def _read_next(self) -> bytes | None:
        with self._lock:
            return next(self._content, None)

    def close(self) -> None:
        """Close the file; a read that goes on in its thread, though nobody waits for it any more, ends first."""
        with self._lock:
            self._content.close()


class AsyncPooledResponse:
    """An answer whose head is here: whoever opened it owes an `aclose`."""

    def __init__(self, depot: PoolState, lane: PooledConnection, response: Any) -> None:
        self.status: int = response.status
        self.headers: Headers = decode_headers(response.headers)
        self._state = depot
        self._connection = lane
        self._response = response
        self._body: AsyncIterator[bytes] = aiter(response.stream)
        self._final_result: bytes | EffectFailed | None = None
        self._has_started = self._is_reading = self._is_aborted = self._is_closed = False

    async def read(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        """Read the next piece of the body, nothing at its end; what ended it is answered again to whoever reads on."""
        if self._final_result is None:
            piece = await self._read_chunk(deadline, phase)
            if self._is_aborted:
                piece = EffectFailed(Closed("the exchange was closed", sent=True))
                await self._finish_generators()
            if piece and not isinstance(piece, EffectFailed):
                return piece
            self._final_result = piece
        return self._final_result

    async def _read_chunk(self, deadline: float, phase: TimeoutPhase) -> bytes | EffectFailed:
        doing = f"reading from {self._connection.target}"
        self._is_reading = self._has_started = True
        try:
            with anyio.move_on_after(deadline - time.monotonic()):
                return await self._read_next()
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return build_transfer_failure(error, doing, self._connection.socket, reused=False)
        except BaseException:
            self._final_result = build_cancelled_failure(doing)
            raise
        finally:
            self._is_reading = False
        return build_timeout_failure(phase, doing, self._connection.socket)

    async def _read_next(self) -> bytes:
        try:
            return await self._body.__anext__()
        except StopAsyncIteration:
            await self._response.aclose()
            return b""

    def abort(self) -> None:
        """Close the connection at once, from any thread or task: a reader wakes up. `aclose` is owed all the same."""
        self._is_aborted = True
        self._connection.socket.close()

    async def aclose(self) -> None:
        """
        Be done with it, in any task.

        A body read to its end leaves the connection for the next; a reader in another task wakes up and learns of it.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._final_result == b"" and not self._is_aborted and self._connection.is_reusable():
                self._state.put_idle(self._connection)
            else:
                self.abort()
                await self._finish_generators()
        finally:
            self._state.release_slot()

    async def _finish_generators(self) -> None:
        """Bring httpcore's generators to their end: trio warns of those left hanging. Nothing waits on a cut wire."""
        with anyio.CancelScope(shield=True), suppress(Exception):  # StopAsyncIteration, or what the cut raises
            while self._has_started and not self._is_reading:
                await self._body.__anext__()
