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
from tests.support.cancellation.cancel_points import Canceller, count_client_sockets
from tests.support.loopback import (
    Answer,
    Drip,
    Hang,
    Loopback,
    ReceivedRequest,
    Repeat,
    Send,
    build_json_reply,
    build_sse_reply,
    encode_chunk,
    encode_event,
    encode_head,
)

TEXT_RESPONSE: dict[str, Any] = {"candidates": [{"content": {"role": "model", "parts": [{"text": "yes"}]}}]}
SSE_HEADERS = (("content-type", "text/event-stream"), ("transfer-encoding", "chunked"))
ANSWERS: dict[str, Answer] = {
    "call": build_json_reply(TEXT_RESPONSE),
    "events": build_sse_reply([TEXT_RESPONSE, TEXT_RESPONSE, TEXT_RESPONSE]),
    "busy": build_json_reply({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}, 503),
    "dripping": (Drip(encode_head(200, (("content-length", "9" * 9),)), 0.0002), Repeat(b" ", 0.0002)),
    "no-head": Hang(),
    "half-head": (Send(b"HTTP/1.1 200 O"), Hang()),
    "half-body": (Send(encode_head(200, (("content-length", "100"),)) + b'{"candidates": ['), Hang()),
    "half-error": (Send(encode_head(503, (("content-length", "100"),)) + b'{"error": '), Hang()),
    "between-events": (Send(encode_head(200, SSE_HEADERS) + encode_chunk(encode_event(TEXT_RESPONSE))), Hang()),
    "half-event": (
        Send(encode_head(200, SSE_HEADERS) + encode_chunk(encode_event(TEXT_RESPONSE)) + encode_chunk(b"data: {")),
        Hang(),
    ),
}


class ModelScript:
    """Selects the answer by the model in the URL; ``pair`` waits until two requests have arrived."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)

    def __call__(self, request: ReceivedRequest) -> Answer:
        model = request.target.rpartition("/")[2].partition(":")[0]
        if model == "pair":
            self._barrier.wait(timeout=60)
            return ANSWERS["call"]
        return ANSWERS[model]


class Scenario:
    """A server, and interpreters whose sockets are counted."""

    def __init__(
        self,
        server: Loopback,
        transport: ModuleType,
        credentials: Callable[[], Any] | None = None,
        other_ports: tuple[int, ...] = (),
    ) -> None:
        self.server = server
        self._ports = (server.port, *other_ports)
        self._transport = transport
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if server.tls:
            server.ca.configure_trust(self._context)
        self._credentials = credentials
        self._before = count_client_sockets(*self._ports)

    @asynccontextmanager
    async def open_interpreter(self) -> AsyncIterator[AsyncHttp]:
        """Open an interpreter with two connections, and check that it leaves no socket."""
        backend: Gemini | Vertex = Gemini("test-key", base_url=self.server.url)
        if self._credentials is not None:
            backend = Vertex("p", "l", credentials=self._credentials(), base_url=self.server.url)
        run = AsyncHttp(backend, max_connections=2, ssl_context=self._context, http1=self._transport, proxy="")
        async with run:
            yield run
        assert self.count_sockets() == 0

    def make_canceller(self, k: int, manner: str, next_stop: int | None = None) -> Canceller:
        """Make a `Canceller` that also cancels a subject once the server and the subject wait for each other."""
        return Canceller(k, manner, next_stop, self.server.get_idle_waits)

    def count_sockets(self) -> int:
        """Count the client's sockets to all servers."""
        return count_client_sockets(*self._ports) - self._before

    async def check_connections(self, run: AsyncHttp) -> None:
        """Check that only idle connections are open, and that both slots work concurrently."""
        assert self.count_sockets() == count_idle_connections(run)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(check_success, run, generate("pair", "hi"))
                tasks.start_soon(check_success, run, generate("pair", "hi"))
        assert self.count_sockets() == count_idle_connections(run) == 2

    async def wait_until_closed(self) -> None:
        """Wait until the server has no open connection."""
        await to_thread.run_sync(self.server.wait_until_idle, 0)


def run_with_timeout(body: Callable[[], Awaitable[None]], backend: str) -> None:
    """Run a test's coroutine function for at most five minutes."""

    async def run_body() -> None:
        with anyio.fail_after(300):
            await body()

    anyio.run(run_body, backend=backend)


def count_idle_connections(run: AsyncHttp) -> int:
    """Count the idle connections."""
    pool: Any = run._connections.pool
    return 0 if pool is None else len(pool._state._idle_connections)


async def check_success(run: AsyncHttp, action: Action[Any]) -> None:
    assert isinstance(await run(action), Success)


def build_request(model: str, base_url: str | None = None) -> Request[GenerateContentResponse]:
    return generate(model, "hi") | with_options(retry=Retry(attempts=3, initial_delay=0.001), base_url=base_url)


async def send_request(run: AsyncHttp, model: str = "call", base_url: str | None = None) -> Any:
    return await run(build_request(model, base_url))


async def read_stream(run: AsyncHttp, model: str = "events", base_url: str | None = None) -> Any:
    async with run.stream(build_request(model, base_url) | streamed) as items:
        return [item async for item in items]


@asynccontextmanager
async def occupy_connections(run: AsyncHttp, count: int = 2) -> AsyncIterator[None]:
    """Occupy connections with streams that wait for the server."""
    async with AsyncExitStack() as streams:
        for _ in range(count):
            items = await streams.enter_async_context(run.stream(generate("between-events", "hi") | streamed))
            assert isinstance(await anext(items), Success)
        yield
