"""Sync and async connection pools behind one awaitable interface, so that one test runs on each kind of pool."""

import ssl
import time
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import anyio
import httpcore
import httpcore2
import httptools

from genai_fn.effects import EffectFailed, SendRequest
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.cancel_handle import CancelHandle
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.pool.sync_pool import PooledResponse, SyncPool
from tests.support.loopback import Loopback, Reply

POOL_KINDS = tuple(product(("sync", "asyncio", "trio"), (httpcore, httpcore2, httptools)))
POOL_KIND_IDS = tuple(f"{kind}-{module.__name__}" for kind, module in POOL_KINDS)
OK = Reply(body=b"ok")
CHUNKED = (("transfer-encoding", "chunked"),)


class PoolKind:
    """A kind of pool, ``sync``, ``asyncio`` or ``trio``, with one of the transports."""

    def __init__(self, kind: str, transport: Any) -> None:
        self.is_sync = kind == "sync"
        self.backend = "asyncio" if self.is_sync else kind
        self.transport = transport

    def run(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run a test's coroutine function for at most two minutes."""

        async def run_bounded() -> None:
            with anyio.fail_after(120):
                await body()

        anyio.run(run_bounded, backend=self.backend)

    def make_pool(self, max_connections: int = 4, **settings: Any) -> "AwaitablePool":
        """Make a pool of this kind."""
        settings.setdefault("transport", self.transport)
        return AwaitablePool((SyncPool if self.is_sync else AsyncPool)(max_connections, **settings))


class AwaitablePool:
    """A pool whose methods are awaited, also if it is sync."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    async def open(
        self,
        request: HttpRequest,
        *,
        timeout: float = 60,  # noqa: ASYNC109  # passed on as a deadline
        connect_timeout: float = 60,
        needs_new_connection: bool = False,
    ) -> Any:
        """Send a request and read the head of the response; returns that, or `EffectFailed`."""
        send = SendRequest(request, time.monotonic() + timeout, connect_timeout, needs_new_connection)
        is_sync = isinstance(self.pool, SyncPool)
        response = await _await_if_needed(self.pool.send(send, CancelHandle()) if is_sync else self.pool.send(send))
        return response if isinstance(response, EffectFailed) else AwaitableResponse(response)

    async def call(self, request: HttpRequest, **options: Any) -> Any:
        """Send a request; return status and body, or `EffectFailed`."""
        response = await self.open(request, **options)
        if isinstance(response, EffectFailed):
            return response
        try:
            body = await response.read_all()
        finally:
            await response.close()
        return body if isinstance(body, EffectFailed) else (response.status, body)

    async def close(self) -> None:
        """Close the pool."""
        self.pool.close()

    async def __aenter__(self) -> "AwaitablePool":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AwaitableResponse:
    """A pooled response whose methods are awaited, also if it is sync."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status = response.status
        self.headers = response.headers

    async def read(self, *, timeout: float = 60) -> Any:  # noqa: ASYNC109  # passed on as a deadline
        """Read a chunk of the body."""
        return await _await_if_needed(self.response.read(time.monotonic() + timeout, "idle"))

    async def read_all(self) -> Any:
        """Read the body to its end; returns it, or `EffectFailed`."""
        body = b""
        while chunk := await self.read():
            if isinstance(chunk, EffectFailed):
                return chunk
            body += chunk
        return body

    async def close(self) -> None:
        """Close the response."""
        is_sync = isinstance(self.response, PooledResponse)
        await _await_if_needed(self.response.close() if is_sync else self.response.aclose())


async def _await_if_needed(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value


def build_get(url: str, path: str = "/") -> HttpRequest:
    """Build a GET request."""
    return HttpRequest("GET", f"{url}{path}")


def build_send(request: HttpRequest, *, timeout: float = 60, needs_new_connection: bool = False) -> SendRequest:
    """Build the effect that sends a request, whose deadline is `timeout` seconds from now."""
    return SendRequest(request, time.monotonic() + timeout, 60, needs_new_connection)


def build_post(url: str, body: Any = b"hello", **options: Any) -> HttpRequest:
    """Build a POST request."""
    return HttpRequest("POST", f"{url}/v1", body=body, **options)


def make_trusting_context(server: Loopback) -> Any:
    """Make a TLS context that trusts a server's authority, and nothing if the server has no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server.tls:
        server.ca.configure_trust(context)
    return context
