"""Vertex AI with given credentials: concurrent callers share one refresh, and can be cancelled while it runs."""

import pickle
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from genai_fn import AsyncHttp, AuthError, Failure, Success, TimedOut, Vertex, collected, text, with_options
from genai_fn.errors import Closed
from tests.support.interpreter_kinds import BOUNDED, Faced, World, waited
from tests.support.loopback import Loopback, json_reply
from tests.support.loopback_replies import HELLO, OK, PIECES, STREAM, fault, texts

WHOLE = HELLO | text


class Credentials:
    """Credentials with google-auth's interface; `refresh` returns the new token."""

    def __init__(self, refresh: Callable[[], str] = lambda: "test-token") -> None:
        self.token: str | None = None
        self.expiry: datetime | None = None
        self.refreshed = 0
        self._refresh = refresh

    def refresh(self, request: object) -> None:
        self.refreshed += 1
        self.token = self._refresh()
        self.expiry = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)


class Gate:
    """A refresh that waits until `opened` is set."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.opened.wait(60)
        return "test-token"


def vertex(server: Loopback, credentials: object) -> Vertex:
    return Vertex("test-project", "us-central1", credentials=credentials, base_url=server.url)


def test_token(world: World) -> None:
    """The token is sent, the project is in the path, and one token is used for calls and streams."""
    credentials = Credentials()
    with Loopback([OK, STREAM]) as server:

        async def body(run: Faced) -> None:
            assert await run(WHOLE) == Success("hi")
            assert texts(await run.items(PIECES)) == ["a", "b"]

        world.within(vertex(server, credentials), body)
        assert [each.headers["authorization"] for each in server.requests] == ["Bearer test-token"] * 2
        path = (
            "/v1beta1/projects/test-project/locations/us-central1/publishers/google/models/test-model:generateContent"
        )
        assert (server.requests[0].target, credentials.refreshed) == (path, 1)


def test_one_refresh_for_many(world: World) -> None:
    """Twenty concurrent calls share one refresh."""
    gate = Gate()
    credentials = Credentials(gate)
    with Loopback(OK) as server:

        async def body(run: Faced) -> None:
            async def call() -> Any:
                return await run(WHOLE)

            async def let() -> None:
                await run.see(gate.begun.wait, 60)
                gate.opened.set()

            *results, _ = await run.at_once(*[call] * 20, let)
            assert results == [Success("hi")] * 20

        world.within(vertex(server, credentials), body)
    assert credentials.refreshed == 1


def test_no_token_in_time(world: World) -> None:
    """A call fails at its deadline; the refresh continues and serves the next call."""
    gate = Gate()
    credentials = Credentials(gate)
    with Loopback(OK) as server:

        async def body(run: Faced) -> None:
            error = (await run(WHOLE | with_options(deadline=0.2))).failure()
            assert (type(error), error.phase, error.sent) == (TimedOut, "total", False)
            gate.opened.set()
            assert await run(WHOLE) == Success("hi")

        world.within(vertex(server, credentials), body)
        assert (credentials.refreshed, len(server.requests)) == (1, 1)


def test_no_token(world: World) -> None:
    """A failed refresh is an AuthError of the waiting call; nothing is sent, and the next call refreshes again."""
    tokens = iter(("", "test-token"))

    def refresh() -> str:
        return next(tokens) or _refuse()

    with Loopback(OK) as server:

        async def body(run: Faced) -> None:
            assert isinstance((await run(WHOLE)).failure(), AuthError)
            assert await run(WHOLE) == Success("hi")

        world.within(vertex(server, Credentials(refresh)), body)
        assert len(server.requests) == 1


def _refuse() -> str:
    raise OSError("test-secret")


def test_closed(world: World) -> None:
    """A call after close() is Failure(Closed), even if there never was a token."""
    with Loopback(OK) as server:

        async def body(run: Faced) -> None:
            await run.close()
            assert await run(WHOLE) == Failure(Closed())
            assert await run.items(PIECES) == [Failure(Closed())]

        world.within(vertex(server, Credentials()), body)


def test_stream_closed_while_waiting(world: World) -> None:
    """close() wakes a reader that waits for a token."""
    gate = Gate()
    with Loopback(STREAM) as server:

        async def body(run: Faced) -> None:
            async with run.stream(PIECES) as items:

                async def read() -> list[Any]:
                    return [item async for item in items]

                async def close() -> None:
                    await run.see(gate.begun.wait, 60)
                    await run.see(items.close)

                (item,), _ = await run.at_once(read, close)
                assert isinstance(item.failure(), Closed)
            gate.opened.set()
            assert (await run(PIECES | text | collected)) == Success(("a", "b"))

        world.within(vertex(server, Credentials(gate)), body)


def test_interpreter_closed_while_waiting(world: World) -> None:
    """Closing the interpreter wakes calls that wait for a token, with Failure(Closed)."""
    gate = Gate()
    with Loopback(OK) as server:

        async def body(run: Faced) -> None:
            async def call() -> Any:
                return await run(WHOLE)

            async def close() -> None:
                await run.see(gate.begun.wait, 60)
                await run.close()

            result, _ = await run.at_once(call, close)
            assert result == Failure(Closed())
            gate.opened.set()

        world.within(vertex(server, Credentials(gate)), body)


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_cancelled_while_waiting(backend: str) -> None:
    """A cancelled call ends at once; the refresh continues and serves the next call."""
    gate = Gate()
    credentials = Credentials(gate)

    async def body() -> Any:
        async with AsyncHttp(vertex(server, credentials), timeouts=BOUNDED) as run:
            with anyio.move_on_after(0.02) as scope:
                await run(WHOLE)
            assert scope.cancelled_caught
            assert not gate.opened.is_set()
            gate.opened.set()
            return await run(WHOLE)

    with Loopback(OK) as server:
        assert anyio.run(body, backend=backend) == Success("hi")
        assert (credentials.refreshed, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_event_loop_over_while_waiting(backend: str) -> None:
    """A refresh that outlives its event loop serves calls in the next one."""
    gate = Gate()
    credentials = Credentials(gate)

    async def leave() -> None:
        with anyio.move_on_after(0.02):
            await run(WHOLE)

    async def call() -> Any:
        try:
            return await run(WHOLE)
        finally:
            await run.aclose()

    with Loopback(OK) as server:
        run = AsyncHttp(vertex(server, credentials), timeouts=BOUNDED)
        anyio.run(leave, backend=backend)
        threading.Timer(0.02, gate.opened.set).start()
        assert anyio.run(call, backend=backend) == Success("hi")
        assert waited(lambda: server.open_connections == 0)
        assert credentials.refreshed == 1


def test_secrets(world: World) -> None:
    """No event or result contains the token."""
    told: list[Any] = []
    with Loopback([json_reply(fault(401), 401), OK]) as server:
        results = [world.run(vertex(server, Credentials()), HELLO, on_event=told.append) for _ in range(2)]
    assert b"test-token" not in repr((told, results)).encode() + pickle.dumps((told, results))
