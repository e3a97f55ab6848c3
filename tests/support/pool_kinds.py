"""One face for the lanes of all worlds, so that one test runs in each, on either transport, and what they are asked."""

import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpcore
import httpcore2

from genai_fn.effects import EffectFailed
from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.pool.sync_pool import PooledResponse, SyncPool
from tests.support.loopback import Loopback, Reply

WORLDS = tuple((world, module) for world in ("sync", "asyncio", "trio") for module in (httpcore, httpcore2))
IDS = tuple(f"{world}-{module.__name__}" for world, module in WORLDS)
OK = Reply(body=b"ok")
CHUNKED = (("transfer-encoding", "chunked"),)


class World:
    """Lanes that are awaited, whichever they are; `run` runs a test's coroutine."""

    def __init__(self, world: str, transport: Any) -> None:
        self.is_sync = world == "sync"
        self.backend = "asyncio" if self.is_sync else world
        self.transport = transport

    def run(self, body: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            with anyio.fail_after(120):
                await body()

        anyio.run(bounded, backend=self.backend)

    def lanes(self, count: int = 4, **settings: Any) -> "Faced":
        settings.setdefault("transport", self.transport)
        return Faced(SyncPool(count, **settings) if self.is_sync else AsyncPool(count, **settings))


class Faced:
    """Lanes with short words."""

    def __init__(self, lanes: Any) -> None:
        self.lanes = lanes

    async def open(self, request: HttpRequest, *, within: float = 60, connect: float = 60, fresh: bool = False) -> Any:
        deadline = time.monotonic() + within
        opened = await _had(
            self.lanes.send(request, deadline=deadline, connect_timeout=connect, needs_new_connection=fresh)
        )
        return opened if isinstance(opened, EffectFailed) else FacedExchange(opened)

    async def call(self, request: HttpRequest, **options: Any) -> Any:
        """Answer the status and the whole body, or what was lost on the way."""
        exchange = await self.open(request, **options)
        if isinstance(exchange, EffectFailed):
            return exchange
        try:
            body = await exchange.whole()
        finally:
            await exchange.close()
        return body if isinstance(body, EffectFailed) else (exchange.status, body)

    async def close(self) -> None:
        await _had(self.lanes.close() if isinstance(self.lanes, SyncPool) else self.lanes.aclose())

    async def __aenter__(self) -> "Faced":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class FacedExchange:
    """An exchange with short words."""

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.status = exchange.status
        self.headers = exchange.headers

    async def read(self, *, within: float = 60) -> Any:
        return await _had(self.exchange.read(time.monotonic() + within, "idle"))

    async def whole(self) -> Any:
        body = b""
        while piece := await self.read():
            if isinstance(piece, EffectFailed):
                return piece
            body += piece
        return body

    async def close(self) -> None:
        await _had(self.exchange.close() if isinstance(self.exchange, PooledResponse) else self.exchange.aclose())


async def _had(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value


def get(url: str, path: str = "/") -> HttpRequest:
    """Ask for something."""
    return HttpRequest("GET", f"{url}{path}")


def post(url: str, body: Any = b"hello", **more: Any) -> HttpRequest:
    """Send something."""
    return HttpRequest("POST", f"{url}/v1", body=body, **more)


def trusting(server: Loopback) -> Any:
    """Trust the server's authority, or nobody in particular where it speaks no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server.tls:
        server.ca.configure_trust(context)
    return context
