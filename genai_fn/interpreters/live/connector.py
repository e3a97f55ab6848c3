"""Opens the connections of live sessions over the network: credential, proxy, TLS and WebSocket handshake."""

import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
from msgspec.structs import replace
from returns.result import Failure, Result

from genai_fn.backend import Credential, Gemini, build_own_credential, complete_project, extract_origin
from genai_fn.effects import EffectFailed, GetToken
from genai_fn.engine.handler import HttpHandler, find_credential_problem
from genai_fn.engine.retry import is_unauthenticated
from genai_fn.errors import GenaiError, TimedOut
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.executors.event_loops import is_asyncio
from genai_fn.interpreters.live.addresses import build_http_url
from genai_fn.interpreters.live.sockets import CloseStatus, MessageSocket, SocketWrapper
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.connect.connection import (
    ConnectConfig,
    ConnectionSetupError,
    open_connection,
    parse_target,
)
from genai_fn.interpreters.net.pool.failures import build_connect_failure
from genai_fn.interpreters.net.socket import NonBlockingSocket
from genai_fn.live_protocol.frames import decode_frame, encode_frame
from genai_fn.live_protocol.handshake import EncodedHandshake, build_live_credential, encode_handshake
from genai_fn.options import Timeouts
from genai_fn.request import Live
from genai_fn.wire import apply_address_options, drop_backend, sign_request
from genai_fn.wire.masking import Masker
from genai_fn.wire.secret_values import find_secrets


class HttpConnector:
    """
    Connects a session to a backend.

    Frames may depend on the project. If the backend does not name it, the first connection takes it from the
    credentials.
    """

    def __init__(
        self, live: Live[Any], handler: HttpHandler, executor: AsyncExecutor, connect_config: ConnectConfig
    ) -> None:
        self._live = drop_backend(live)
        self._handler = handler
        self._executor = executor
        self._connect_config = connect_config
        account = handler.get_account(live.options)
        self._token_backend = account.token_backend
        self._backend = apply_address_options(account.backend, self._live.options)
        self._handshake: EncodedHandshake | None = None
        self._masker = Masker(())
        self._token: Credential | None = None

    @property
    def timeouts(self) -> Timeouts:
        """The session's own timeouts, or else the interpreter's."""
        return self._live.options.timeouts or self._handler.timeouts

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Encode a client message as JSON for the backend."""
        return encode_frame(frame, self._backend)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Decode a server message."""
        assert self._handshake is not None  # noqa: S101  # messages arrive only over an open connection
        return self._masker.mask_result(decode_frame(data, self._handshake))

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """
        Connect and perform the WebSocket handshake; yields the socket and the setup message to send first.

        If the server refuses the token, it is renewed once.
        """
        async with self._connect_once(handle, None) as opened:
            if self._token is None or not (isinstance(opened, EffectFailed) and is_unauthenticated(opened.error)):
                yield opened
                return
        async with self._connect_once(handle, self._token) as opened:
            yield opened

    @asynccontextmanager
    async def _connect_once(
        self, handle: str | None, refused: Credential | None
    ) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        handshake = await self._prepare_handshake(handle, refused)
        if isinstance(handshake, EffectFailed):
            yield self._mask_failure(handshake)
            return
        request, setup = handshake
        sock = await self._open_connection(request.url)
        if isinstance(sock, EffectFailed):
            yield self._mask_failure(sock)
            return
        try:
            async with _perform_handshake(sock, request, self.timeouts.idle) as socket:
                is_refused = isinstance(socket, EffectFailed)
                yield self._mask_failure(socket) if is_refused else (_MaskingSocket(socket, self._masker), setup)
        finally:
            sock.close()

    def _mask_failure(self, failed: EffectFailed) -> EffectFailed:
        return EffectFailed(self._masker.mask_error(failed.error), failed.was_reused)

    async def _prepare_handshake(
        self, handle: str | None, refused: Credential | None
    ) -> tuple[HttpRequest, bytes] | EffectFailed:
        """
        Get the credential, then encode and sign the handshake, which may need the credential's project.

        Returns the signed request, and the setup message to send after it.
        """
        is_ephemeral = isinstance(self._backend, Gemini) and self._backend.is_ephemeral
        problem = None if is_ephemeral else find_credential_problem(self._backend)
        if problem is not None:
            return EffectFailed(problem)
        credential = await self._get_credential(refused)
        if isinstance(credential, EffectFailed):
            return credential
        backend = complete_project(self._backend, credential)
        if isinstance(backend, Failure):
            return EffectFailed(backend.failure())
        self._backend = backend.unwrap()
        handshake = encode_handshake(self._live, self._backend, handle)
        if isinstance(handshake, Failure):
            return EffectFailed(handshake.failure())
        self._handshake = handshake.unwrap()
        signed = sign_request(self._handshake.http, build_live_credential(self._backend, credential))
        self._masker = Masker(signed.headers, find_secrets(self._live.operation))
        return signed, self._handshake.setup

    async def _get_credential(self, refused: Credential | None) -> Credential | EffectFailed:
        own = build_own_credential(self._backend)
        if own is not None:
            return own
        token: Credential | EffectFailed = await self._executor.perform(
            GetToken(time.monotonic() + self.timeouts.total, refused, self._token_backend)
        )
        if isinstance(token, EffectFailed):
            return token
        self._token = token
        return replace(token, origin=extract_origin(self._backend.root))

    async def _open_connection(self, url: str) -> NonBlockingSocket | EffectFailed:
        target = None
        try:
            target = parse_target(build_http_url(url))
            with anyio.move_on_after(self.timeouts.connect):
                return await perform_steps(open_connection(target, self._connect_config))
        except ConnectionSetupError as error:
            return build_connect_failure(error)
        return EffectFailed(TimedOut("connect", f"connecting to {target}"))


class _MaskingSocket(SocketWrapper):
    """Masks the credential in the reason of a close frame, where a server may repeat it."""

    def __init__(self, inner: MessageSocket, masker: Masker) -> None:
        super().__init__(inner)
        self._masker = masker

    async def receive(self) -> Any:
        received = await self.inner.receive()
        if isinstance(received, CloseStatus):
            return CloseStatus(received.code, self._masker.mask_text(received.reason))
        return received


class FailedConnector:
    """A connector whose every operation fails with one error."""

    def __init__(self, error: GenaiError) -> None:
        self._error = error

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Return the error."""
        return Failure(self._error)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Return the error."""
        return Failure(self._error)

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Yield the error."""
        yield EffectFailed(self._error)


def _perform_handshake(
    sock: NonBlockingSocket, request: HttpRequest, seconds: float
) -> AbstractAsyncContextManager[Any]:
    """Perform the WebSocket handshake with the library for the running event loop."""
    headers = tuple(pair for pair in request.headers if pair[0].lower() != "host")  # it comes from the URL
    if is_asyncio():
        from genai_fn.interpreters.live import asyncio_socket  # noqa: PLC0415  # trio needs no second library

        return asyncio_socket.open_socket(sock, request.url, headers, seconds)
    from genai_fn.interpreters.live import trio_socket  # noqa: PLC0415  # needs trio

    return trio_socket.open_socket(sock, request.url, headers, seconds)
