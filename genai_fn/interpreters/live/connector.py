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

from genai_fn.backend import Credential, Gemini, build_own_credential, complete_project, extract_origin
from genai_fn.effects import EffectFailed, GetToken
from genai_fn.engine.handler import HttpHandler, find_credential_problem
from genai_fn.errors import AsyncOnly, GenaiError, TimedOut
from genai_fn.extras import install_command
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.live.sockets import CloseStatus, MessageSocket
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.connect.connection import (
    ConnectConfig,
    ConnectionSetupError,
    open_connection,
    parse_target,
)
from genai_fn.interpreters.net.pool.http1 import build_connect_failure
from genai_fn.interpreters.net.socket import NonBlockingSocket
from genai_fn.live_protocol.frames import decode_frame, encode_frame
from genai_fn.live_protocol.handshake import EncodedHandshake, build_live_credential, encode_handshake
from genai_fn.masking import Masker
from genai_fn.options import Timeouts
from genai_fn.request import Live
from genai_fn.values import Value
from genai_fn.wire import apply_address_options, sign_request

__all__ = ["FailedConnector", "HttpConnector"]


class HttpConnector:
    """
    Connects a session to a backend.

    What a session says may depend on the project, which credentials may have to tell: the first connection settles it.
    """

    def __init__(self, live: Live[Any], exchange: HttpHandler, world: AsyncExecutor, dialling: ConnectConfig) -> None:
        self._live = live
        self._handler = exchange
        self._executor = world
        self._connect_config = dialling
        self._backend = apply_address_options(exchange.backend, live.options)
        self._handshake: EncodedHandshake | None = None
        self._masker = Masker(())

    @property
    def timeouts(self) -> Timeouts:
        """How long to wait for what."""
        return self._live.options.timeouts or self._handler.timeouts

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Write a frame of ours."""
        return encode_frame(frame, self._backend)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Read a message of the peer's."""
        assert self._handshake is not None  # noqa: S101  # nothing is read before a connection was opened
        return self._masker.mask_result(decode_frame(data, self._handshake))

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Connect, up to and with the handshake; gives the socket, and the setup to be written first."""
        ready = await self._prepare_connection(handle)
        wire = ready if isinstance(ready, EffectFailed) else await self._open_connection(ready.signed_request.url)
        if isinstance(ready, EffectFailed) or isinstance(wire, EffectFailed):
            yield self._mask_lost(wire)  # type: ignore[arg-type]  # lost it is
            return
        try:
            async with _perform_handshake(wire, ready.signed_request, self.timeouts.idle) as met:
                yield (
                    self._mask_lost(met)
                    if isinstance(met, EffectFailed)
                    else (_MaskingSocket(met, self._masker), ready.setup)
                )
        finally:
            wire.close()

    def _mask_lost(self, lost: EffectFailed) -> EffectFailed:
        return EffectFailed(self._masker.mask_error(lost.error), lost.was_reused)

    async def _prepare_connection(self, handle: str | None) -> "_PreparedConnection | EffectFailed":
        """Say who calls, then how the session is opened: only with a token may the project be known."""
        is_ephemeral = isinstance(self._backend, Gemini) and self._backend.is_ephemeral
        problem = _find_missing_extra() or (None if is_ephemeral else find_credential_problem(self._backend))
        if problem is not None:
            return EffectFailed(problem)
        had = await self._get_credential()
        if isinstance(had, EffectFailed):
            return had
        completed = complete_project(self._backend, had)
        if isinstance(completed, Failure):
            return EffectFailed(completed.failure())
        self._backend = completed.unwrap()
        opened = encode_handshake(self._live, self._backend, handle)
        if isinstance(opened, Failure):
            return EffectFailed(opened.failure())
        self._handshake = opened.unwrap()
        signed = sign_request(self._handshake.http, build_live_credential(self._backend, had))
        self._masker = Masker(signed.headers)
        return _PreparedConnection(signed, self._handshake.setup)

    async def _get_credential(self) -> Credential | EffectFailed:
        own = build_own_credential(self._backend)
        if own is not None:
            return own
        had: Credential | EffectFailed = await self._executor.perform(GetToken(time.monotonic() + self.timeouts.total))
        if isinstance(had, EffectFailed):
            return had
        return dataclasses.replace(had, origin=extract_origin(self._backend.root))

    async def _open_connection(self, url: str) -> NonBlockingSocket | EffectFailed:
        target = None
        try:
            target = parse_target(_to_http_url(url))
            with anyio.move_on_after(self.timeouts.connect):
                return await perform_steps(open_connection(target, self._connect_config))
        except ConnectionSetupError as error:
            return build_connect_failure(error)
        return EffectFailed(TimedOut("connect", f"connecting to {target}"))


class _MaskingSocket:
    """A connection whose peer may repeat our credential in the reason why it closes: there it is masked."""

    def __init__(self, socket: MessageSocket, masker: Masker) -> None:
        self._socket = socket
        self._masker = masker

    @property
    def bytes_transferred(self) -> int:
        return self._socket.bytes_transferred

    async def send(self, data: Any) -> bool:
        return await self._socket.send(data)

    async def receive(self) -> Any:
        received = await self._socket.receive()
        if isinstance(received, CloseStatus):
            return CloseStatus(received.code, self._masker.mask_text(received.reason))
        return received

    async def ping(self) -> None:
        await self._socket.ping()

    async def close(self) -> None:
        await self._socket.close()

    def abort(self) -> None:
        self._socket.abort()


class FailedConnector:
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
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Connect to nothing."""
        yield EffectFailed(self._error)


class _PreparedConnection(Value):
    """Who is asked for a connection, as whom, and what is said first."""

    signed_request: HttpRequest
    setup: bytes


def _perform_handshake(
    wire: NonBlockingSocket, request: HttpRequest, seconds: float
) -> AbstractAsyncContextManager[Any]:
    """Shake hands as the world at hand does it."""
    address = urlsplit(request.url)
    if _is_trio():
        from genai_fn.interpreters.live import trio_socket  # noqa: PLC0415  # in this world alone

        resource = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        return trio_socket.open_socket(wire, _get_host_header(request.url), resource, request.headers, seconds)
    from genai_fn.interpreters.live import asyncio_socket  # noqa: PLC0415  # in this world alone

    return asyncio_socket.open_socket(wire, request.url, request.headers, seconds)


def _to_http_url(url: str) -> str:
    """Name the address that a WebSocket is asked for at."""
    return url.replace("ws", "http", 1)


def _get_host_header(url: str) -> str:
    """Name the host, and the port where it is not the usual one."""
    target = parse_target(_to_http_url(url))
    usual = 443 if target.tls else 80
    return str(target).removesuffix(f":{usual}")


def _is_trio() -> bool:
    trio: Any = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


def _find_missing_extra() -> AsyncOnly | None:
    """Say what this world lacks for WebSockets."""
    if _is_trio() or find_spec("websockets") is not None:
        return None
    command = install_command("websockets")
    return AsyncOnly(f"live sessions on asyncio need the package websockets: {command}; trio needs nothing more")
