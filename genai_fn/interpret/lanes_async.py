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

from genai_fn.effects import Lost
from genai_fn.errors import Closed, Phase
from genai_fn.http import FileSlice, Headers, HttpRequest
from genai_fn.interpret.dial import DialError, Dialling, Target, dial, target_of
from genai_fn.interpret.dial_async import AsyncStream, perform
from genai_fn.interpret.lanes_depot import Depot, Lane, Yard
from genai_fn.interpret.lanes_message import broken, headers_of, interrupted, late, message, pieces, undialled

__all__ = ["AsyncLanes", "AsyncOpenExchange"]


class AsyncLanes:
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
        count: int = 64,
        *,
        proxy: str | None = None,
        environ: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: ModuleType | None = None,
    ) -> None:
        self._yard = Yard(count, proxy, environ, ssl_context, transport)

    async def open(
        self, request: HttpRequest, *, deadline: float, connect: float, fresh: bool = False
    ) -> "AsyncOpenExchange | Lost":
        """
        Send a request and read the head of its answer.

        Args:
            request: What to send.

            deadline: Until when, in seconds of ``time.monotonic()``, the wait for a lane included.

            connect: How long dialling may take, in seconds.

            fresh: Dial anew, for what may not be sent twice.
        """
        try:
            target = target_of(request.url)
        except DialError as error:
            return undialled(error)
        depot = self._yard.depot((os.getpid(), current_token()))
        lost = await _entered(depot, deadline)
        if lost:
            return lost
        try:
            opened = await self._opened(depot, request, target, deadline=deadline, connect=connect, fresh=fresh)
        except BaseException:
            depot.leave()
            raise
        if isinstance(opened, Lost):
            depot.leave()
        return opened

    @property
    def dialling(self) -> Dialling:
        """How these connections are made, for others that are to be made alike."""
        return self._yard.dialling

    async def aclose(self) -> None:
        """Close idle connections, and those in use once they are done with; no exchange opens after that."""
        self._yard.close()

    async def _opened(
        self, depot: Depot, request: HttpRequest, target: Target, *, deadline: float, connect: float, fresh: bool
    ) -> "AsyncOpenExchange | Lost":
        lane = None if fresh else depot.take(target)
        if lane is None:
            depot.make_room()
            dialled = await self._dialled(target, min(deadline - time.monotonic(), connect))
            if isinstance(dialled, Lost):
                return dialled
            lane = dialled
        try:
            response = await self._asked(lane, request, deadline)
        except BaseException:
            lane.wire.close()
            raise
        if isinstance(response, Lost):
            lane.wire.close()
            return response
        return AsyncOpenExchange(depot, lane, response)

    async def _dialled(self, target: Target, seconds: float) -> Lane | Lost:
        try:
            with anyio.move_on_after(seconds):
                wire = await perform(dial(target, self._yard.dialling))
                return self._yard.lane(target, wire, AsyncStream, "AsyncHTTP11Connection")
        except Exception as error:  # noqa: BLE001 - whatever it is, no connection came about
            return undialled(error)
        return late("connect", f"connecting to {target}")

    async def _asked(self, lane: Lane, request: HttpRequest, deadline: float) -> Any:
        wire = lane.wire
        wire.sent = wire.received = False
        try:
            content = _Pieces(pieces(request.body), blocking=isinstance(request.body, FileSlice))
            with closing(content) as body, anyio.move_on_after(deadline - time.monotonic()):
                return await lane.http.handle_async_request(message(request, lane.target, self._yard.transport, body))
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return broken(error, f"asking {lane.target}", wire, reused=lane.served)
        return late("headers", f"waiting for {lane.target}", wire)


async def _entered(depot: Depot, deadline: float) -> Lost | None:
    bell = None if depot.closed else depot.enter(anyio.Event)
    if bell:
        rang = False
        try:
            with anyio.move_on_after(deadline - time.monotonic()):
                await bell.wait()
                rang = True
        finally:
            if not rang:
                depot.give_up(bell)
        if not rang:
            return late("total", "waiting for a lane")
    return Lost(Closed()) if depot.closed else None


class _Pieces:
    """
    A body to iterate over; a file is read in a worker thread.

    It is no generator of asyncio's kind, which a fault would leave hanging.
    """

    def __init__(self, content: Generator[bytes], *, blocking: bool) -> None:
        self._content = content
        self._blocking = blocking
        self._guard = threading.Lock()

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        piece = await to_thread.run_sync(self._next) if self._blocking else self._next()
        if piece is None:
            raise StopAsyncIteration
        return piece

    def _next(self) -> bytes | None:
        with self._guard:
            return next(self._content, None)

    def close(self) -> None:
        """Close the file; a read that goes on in its thread, though nobody waits for it any more, ends first."""
        with self._guard:
            self._content.close()


class AsyncOpenExchange:
    """An answer whose head is here: whoever opened it owes an `aclose`."""

    def __init__(self, depot: Depot, lane: Lane, response: Any) -> None:
        self.status: int = response.status
        self.headers: Headers = headers_of(response.headers)
        self._depot = depot
        self._lane = lane
        self._response = response
        self._body: AsyncIterator[bytes] = aiter(response.stream)
        self._end: bytes | Lost | None = None
        self._begun = self._reading = self._cut = self._closed = False

    async def read(self, deadline: float, phase: Phase) -> bytes | Lost:
        """Read the next piece of the body, nothing at its end; what ended it is answered again to whoever reads on."""
        if self._end is None:
            piece = await self._read(deadline, phase)
            if self._cut:
                piece = Lost(Closed("the exchange was closed", sent=True))
                await self._finish()
            if piece and not isinstance(piece, Lost):
                return piece
            self._end = piece
        return self._end

    async def _read(self, deadline: float, phase: Phase) -> bytes | Lost:
        doing = f"reading from {self._lane.target}"
        self._reading = self._begun = True
        try:
            with anyio.move_on_after(deadline - time.monotonic()):
                return await self._next()
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange is broken
            return broken(error, doing, self._lane.wire, reused=False)
        except BaseException:
            self._end = interrupted(doing)
            raise
        finally:
            self._reading = False
        return late(phase, doing, self._lane.wire)

    async def _next(self) -> bytes:
        try:
            return await self._body.__anext__()
        except StopAsyncIteration:
            await self._response.aclose()
            return b""

    def cut(self) -> None:
        """Close the connection at once, from any thread or task: a reader wakes up. `aclose` is owed all the same."""
        self._cut = True
        self._lane.wire.close()

    async def aclose(self) -> None:
        """
        Be done with it, in any task.

        A body read to its end leaves the connection for the next; a reader in another task wakes up and learns of it.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._end == b"" and not self._cut and self._lane.clean():
                self._depot.put(self._lane)
            else:
                self.cut()
                await self._finish()
        finally:
            self._depot.leave()

    async def _finish(self) -> None:
        """Bring httpcore's generators to their end: trio warns of those left hanging. Nothing waits on a cut wire."""
        with anyio.CancelScope(shield=True), suppress(Exception):  # StopAsyncIteration, or what the cut raises
            while self._begun and not self._reading:
                await self._body.__anext__()
