"""An interpreter with two connections, a server, and requests between them that tests cancel."""

import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any

import anyio
from anyio import to_thread

from genai_fn import AsyncHttp, Gemini, Retry, Success, Vertex, generate, streamed, with_options
from genai_fn.request import Action, Request
from genai_fn.schema import GenerateContentResponse
from tests.support.cancellation.points import Cut, client_sockets
from tests.support.loopback import (
    Answer,
    Drip,
    Forever,
    Hang,
    Loopback,
    Received,
    Send,
    chunk,
    event,
    head,
    json_reply,
    sse_reply,
)

SAID: dict[str, Any] = {"candidates": [{"content": {"role": "model", "parts": [{"text": "yes"}]}}]}
SSE = (("content-type", "text/event-stream"), ("transfer-encoding", "chunked"))
ANSWERS: dict[str, Answer] = {
    "call": json_reply(SAID),
    "events": sse_reply([SAID, SAID, SAID]),
    "busy": json_reply({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}, 503),
    "dripping": (Drip(head(200, (("content-length", "9" * 9),)), 0.0002), Forever(b" ", 0.0002)),
    "no-head": Hang(),
    "half-head": (Send(b"HTTP/1.1 200 O"), Hang()),
    "half-body": (Send(head(200, (("content-length", "100"),)) + b'{"candidates": ['), Hang()),
    "half-error": (Send(head(503, (("content-length", "100"),)) + b'{"error": '), Hang()),
    "between-events": (Send(head(200, SSE) + chunk(event(SAID))), Hang()),
    "half-event": (Send(head(200, SSE) + chunk(event(SAID)) + chunk(b"data: {")), Hang()),
}


class Script:
    """Answers by the model in the URL; ``pair`` waits until two requests have arrived."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)

    def __call__(self, received: Received) -> Answer:
        model = received.target.rpartition("/")[2].partition(":")[0]
        if model == "pair":
            self._both.wait(timeout=60)
            return ANSWERS["call"]
        return ANSWERS[model]


class Scene:
    """A server, and interpreters whose sockets are counted."""

    def __init__(
        self,
        server: Loopback,
        transport: ModuleType,
        credentials: Callable[[], Any] | None = None,
        others: tuple[int, ...] = (),
    ) -> None:
        self.server = server
        self._ports = (server.port, *others)
        self._transport = transport
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if server.tls:
            server.ca.configure_trust(self._context)
        self._credentials = credentials
        self._before = client_sockets(*self._ports)

    @asynccontextmanager
    async def interpreter(self) -> AsyncIterator[AsyncHttp]:
        """Open an interpreter with two connections, and check that it leaves no socket."""
        backend: Gemini | Vertex = Gemini("test-key", base_url=self.server.url)
        if self._credentials is not None:
            backend = Vertex("p", "l", credentials=self._credentials(), base_url=self.server.url)
        run = AsyncHttp(backend, max_connections=2, ssl_context=self._context, http1=self._transport, proxy="")
        async with run:
            yield run
        assert self.sockets() == 0

    def cut(self, k: int, manner: str, again: int | None = None) -> Cut:
        """Make a `Cut` that also cancels a subject for which the server waits."""
        return Cut(k, manner, again, self.server.at_rest)

    def sockets(self) -> int:
        """Count the client's sockets to all servers."""
        return client_sockets(*self._ports) - self._before

    async def is_whole(self, run: AsyncHttp) -> None:
        """Check that only idle connections are open, and that both slots work concurrently."""
        assert self.sockets() == idle(run)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(succeeds, run, generate("pair", "hi"))
                tasks.start_soon(succeeds, run, generate("pair", "hi"))
        assert self.sockets() == idle(run) == 2

    async def is_forgotten(self) -> None:
        """Check that the server has no open connection."""
        await to_thread.run_sync(self.server.wait_rest, 0)


def bounded(body: Callable[[], Awaitable[None]], backend: str) -> None:
    """Run a test's coroutine function for at most five minutes."""

    async def run_bounded() -> None:
        with anyio.fail_after(300):
            await body()

    anyio.run(run_bounded, backend=backend)


def idle(run: AsyncHttp) -> int:
    """Count the idle connections."""
    lanes: Any = run._connections._pool
    return 0 if lanes is None else len(lanes._config._state._idle_connections)


async def succeeds(run: AsyncHttp, action: Action[Any]) -> None:
    assert isinstance(await run(action), Success)


def asked(model: str, base_url: str | None = None) -> Request[GenerateContentResponse]:
    return generate(model, "hi") | with_options(retry=Retry(attempts=3, initial_delay=0.001), base_url=base_url)


async def call(run: AsyncHttp, model: str = "call", base_url: str | None = None) -> Any:
    return await run(asked(model, base_url))


async def read(run: AsyncHttp, model: str = "events", base_url: str | None = None) -> Any:
    async with run.stream(asked(model, base_url) | streamed) as items:
        return [item async for item in items]


@asynccontextmanager
async def busy(run: AsyncHttp, count: int = 2) -> AsyncIterator[None]:
    """Occupy connections by streams that wait for their server."""
    async with AsyncExitStack() as held:
        for _ in range(count):
            items = await held.enter_async_context(run.stream(generate("between-events", "hi") | streamed))
            assert isinstance(await anext(items), Success)
        yield
