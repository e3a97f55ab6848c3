"""How a live session connects over the network: who calls, the proxy, TLS, the handshake; on trio and on asyncio."""

import dataclasses
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import anyio
from returns.result import Failure, Result

from genai_fn.backend import Credential, Gemini, complete_project, origin, own_credential
from genai_fn.effects import Lost, Token
from genai_fn.errors import GenaiError, NotInThisWorld, TimedOut
from genai_fn.exchange import HttpExchange, nobody
from genai_fn.extras import install_command
from genai_fn.http import HttpRequest
from genai_fn.interpret.async_world import AsyncWorld
from genai_fn.interpret.dial import DialError, Dialling, dial, target_of
from genai_fn.interpret.dial_async import perform
from genai_fn.interpret.dial_wire import Wire
from genai_fn.interpret.lanes_message import undialled
from genai_fn.interpret.sockets import Ending, Socket
from genai_fn.masking import Masker
from genai_fn.options import Timeouts
from genai_fn.request import Live
from genai_fn.schema._base import Value
from genai_fn.sessions.frames import decode_frame, encode_frame
from genai_fn.sessions.opening import Opened, credential_for_live, opening
from genai_fn.wire import addressed, sign

__all__ = ["HttpWiring", "Unwired"]


class HttpWiring:
    """
    Connects a session to a backend.

    What a session says may depend on the project, which credentials may have to tell: the first connection settles it.
    """

    def __init__(self, live: Live[Any], exchange: HttpExchange, world: AsyncWorld, dialling: Dialling) -> None:
        self._live = live
        self._exchange = exchange
        self._world = world
        self._dialling = dialling
        self._backend = addressed(exchange.backend, live.options)
        self._opened: Opened | None = None
        self._masker = Masker(())

    @property
    def timeouts(self) -> Timeouts:
        """How long to wait for what."""
        return self._live.options.timeouts or self._exchange.timeouts

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Write a frame of ours."""
        return encode_frame(frame, self._backend)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Read a message of the peer's."""
        assert self._opened is not None  # noqa: S101  # nothing is read before a connection was opened
        return self._masker.mask_result(decode_frame(data, self._opened))

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[Socket, Any] | Lost, None]:
        """Connect, up to and with the handshake; gives the socket, and the setup to be written first."""
        ready = await self._ready(handle)
        wire = ready if isinstance(ready, Lost) else await self._dialled(ready.signed.url)
        if isinstance(ready, Lost) or isinstance(wire, Lost):
            yield self._mask_lost(wire)  # type: ignore[arg-type]  # lost it is
            return
        try:
            async with _shaken(wire, ready.signed, self.timeouts.idle) as met:
                yield (
                    self._mask_lost(met) if isinstance(met, Lost) else (_MaskingSocket(met, self._masker), ready.setup)
                )
        finally:
            wire.close()

    def _mask_lost(self, lost: Lost) -> Lost:
        return Lost(self._masker.mask_error(lost.error), lost.reused)

    async def _ready(self, handle: str | None) -> "_Ready | Lost":
        """Say who calls, then how the session is opened: only with a token may the project be known."""
        is_ephemeral = isinstance(self._backend, Gemini) and self._backend.is_ephemeral
        problem = _missing() or (None if is_ephemeral else nobody(self._backend))
        if problem is not None:
            return Lost(problem)
        had = await self._credential()
        if isinstance(had, Lost):
            return had
        completed = complete_project(self._backend, had)
        if isinstance(completed, Failure):
            return Lost(completed.failure())
        self._backend = completed.unwrap()
        opened = opening(self._live, self._backend, handle)
        if isinstance(opened, Failure):
            return Lost(opened.failure())
        self._opened = opened.unwrap()
        signed = sign(self._opened.http, credential_for_live(self._backend, had))
        self._masker = Masker(signed.headers)
        return _Ready(signed, self._opened.setup)

    async def _credential(self) -> Credential | Lost:
        own = own_credential(self._backend)
        if own is not None:
            return own
        had: Credential | Lost = await self._world.perform(Token(time.monotonic() + self.timeouts.total))
        if isinstance(had, Lost):
            return had
        return dataclasses.replace(had, origin=origin(self._backend.root))

    async def _dialled(self, url: str) -> Wire | Lost:
        target = None
        try:
            target = target_of(_http(url))
            with anyio.move_on_after(self.timeouts.connect):
                return await perform(dial(target, self._dialling))
        except DialError as error:
            return undialled(error)
        return Lost(TimedOut("connect", f"connecting to {target}"))


class _MaskingSocket:
    """A connection whose peer may repeat our credential in the reason why it closes: there it is masked."""

    def __init__(self, socket: Socket, masker: Masker) -> None:
        self._socket = socket
        self._masker = masker

    @property
    def moved(self) -> int:
        return self._socket.moved

    async def send(self, data: Any) -> bool:
        return await self._socket.send(data)

    async def receive(self) -> Any:
        received = await self._socket.receive()
        if isinstance(received, Ending):
            return Ending(received.code, self._masker.mask_text(received.reason))
        return received

    async def ping(self) -> None:
        await self._socket.ping()

    async def close(self) -> None:
        await self._socket.close()

    def cut(self) -> None:
        self._socket.cut()


class Unwired:
    """Connects to nothing, and says why."""

    def __init__(self, error: GenaiError) -> None:
        self._error = error

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Write nothing."""
        return Failure(self._error)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Read nothing."""
        return Failure(self._error)

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[Socket, Any] | Lost, None]:
        """Connect to nothing."""
        yield Lost(self._error)


class _Ready(Value):
    """Who is asked for a connection, as whom, and what is said first."""

    signed: HttpRequest
    setup: bytes


def _shaken(wire: Wire, request: HttpRequest, seconds: float) -> AbstractAsyncContextManager[Any]:
    """Shake hands as the world at hand does it."""
    address = urlsplit(request.url)
    if _is_trio():
        from genai_fn.interpret import sockets_trio  # noqa: PLC0415  # in this world alone

        resource = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        return sockets_trio.opened(wire, _host(request.url), resource, request.headers, seconds)
    from genai_fn.interpret import sockets_asyncio  # noqa: PLC0415  # in this world alone

    return sockets_asyncio.opened(wire, request.url, request.headers, seconds)


def _http(url: str) -> str:
    """Name the address that a WebSocket is asked for at."""
    return url.replace("ws", "http", 1)


def _host(url: str) -> str:
    """Name the host, and the port where it is not the usual one."""
    target = target_of(_http(url))
    usual = 443 if target.tls else 80
    return str(target).removesuffix(f":{usual}")


def _is_trio() -> bool:
    trio: Any = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


def _missing() -> NotInThisWorld | None:
    """Say what this world lacks for WebSockets."""
    if _is_trio() or find_spec("websockets") is not None:
        return None
    command = install_command("websockets")
    return NotInThisWorld(f"live sessions on asyncio need the package websockets: {command}; trio needs nothing more")
