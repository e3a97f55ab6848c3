"""Vertex AI with given credentials: concurrent callers share one refresh, and can be cancelled while it runs."""

import pickle
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from genai_fn import AsyncHttp, AuthError, Failure, Success, TimedOut, Vertex, collected, text, with_options
from genai_fn.errors import Closed
from tests.support.credentials import make_service_account, write_json
from tests.support.interpreter_kinds import GENEROUS_TIMEOUTS, AwaitableInterpreter, InterpreterKind, wait_until
from tests.support.loopback import Hang, Loopback, build_json_reply
from tests.support.loopback_replies import HELLO, HELLO_STREAM, OK, STREAM, build_error, list_texts

HELLO_TEXT = HELLO | text


class Credentials:
    """Credentials with google-auth's interface; `refresh` returns the new token."""

    def __init__(self, refresh: Callable[[], str] = lambda: "test-token") -> None:
        self.token: str | None = None
        self.expiry: datetime | None = None
        self.refresh_count = 0
        self._refresh = refresh

    def refresh(self, request: object) -> None:
        self.refresh_count += 1
        self.token = self._refresh()
        self.expiry = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)


class Gate:
    """A refresh function that waits until `opened` is set."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> str:
        self.started.set()
        assert self.opened.wait(60)
        return "test-token"


def make_vertex(server: Loopback, credentials: object) -> Vertex:
    return Vertex("test-project", "us-central1", credentials=credentials, base_url=server.url)


def test_token_is_sent(kind: InterpreterKind) -> None:
    """The token is sent, the project is in the path, and one token is used for calls and streams."""
    credentials = Credentials()
    with Loopback([OK, STREAM]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert await run(HELLO_TEXT) == Success("hi")
            assert list_texts(await run.read_items(HELLO_STREAM)) == ["a", "b"]

        kind.run_body(make_vertex(server, credentials), body)
        assert [each.headers["authorization"] for each in server.requests] == ["Bearer test-token"] * 2
        path = (
            "/v1beta1/projects/test-project/locations/us-central1/publishers/google/models/test-model:generateContent"
        )
        assert (server.requests[0].target, credentials.refresh_count) == (path, 1)


def test_concurrent_calls_share_a_refresh(kind: InterpreterKind) -> None:
    """Twenty concurrent calls share one refresh."""
    gate = Gate()
    credentials = Credentials(gate)
    with Loopback(OK) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async def call() -> Any:
                return await run(HELLO_TEXT)

            async def open_gate() -> None:
                await run.run_blocking(gate.started.wait, 60)
                gate.opened.set()

            *results, _ = await run.run_concurrently(*[call] * 20, open_gate)
            assert results == [Success("hi")] * 20

        kind.run_body(make_vertex(server, credentials), body)
    assert credentials.refresh_count == 1


def test_no_token_in_time(kind: InterpreterKind) -> None:
    """A call fails at its deadline; the refresh continues and serves the next call."""
    gate = Gate()
    credentials = Credentials(gate)
    with Loopback(OK) as server:

        async def body(run: AwaitableInterpreter) -> None:
            error = (await run(HELLO_TEXT | with_options(deadline=0.2))).failure()
            assert (type(error), error.phase, error.sent) == (TimedOut, "total", False)
            gate.opened.set()
            assert await run(HELLO_TEXT) == Success("hi")

        kind.run_body(make_vertex(server, credentials), body)
        assert (credentials.refresh_count, len(server.requests)) == (1, 1)


def test_no_token(kind: InterpreterKind) -> None:
    """A failed refresh is an AuthError of the waiting call; nothing is sent, and the next call refreshes again."""
    tokens = iter(("", "test-token"))

    def refresh() -> str:
        return next(tokens) or _raise_error()

    with Loopback(OK) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert isinstance((await run(HELLO_TEXT)).failure(), AuthError)
            assert await run(HELLO_TEXT) == Success("hi")

        kind.run_body(make_vertex(server, Credentials(refresh)), body)
        assert len(server.requests) == 1


def _raise_error() -> str:
    raise OSError("test-secret")


def test_closed(kind: InterpreterKind) -> None:
    """A call after close() is Failure(Closed), even if no token was fetched yet."""
    with Loopback(OK) as server:

        async def body(run: AwaitableInterpreter) -> None:
            await run.close()
            assert await run(HELLO_TEXT) == Failure(Closed())
            assert await run.read_items(HELLO_STREAM) == [Failure(Closed())]

        kind.run_body(make_vertex(server, Credentials()), body)


@pytest.mark.parametrize("is_answered", [True, False])
def test_connections_for_tokens_are_closed(kind: InterpreterKind, tmp_path: Path, is_answered: bool) -> None:
    """Closing closes the connection for tokens, too, also one on which the answer has not arrived."""
    token = build_json_reply({"access_token": "test-token", "expires_in": 3600})
    with Loopback(token if is_answered else Hang()) as token_server, Loopback(OK) as server:
        path = write_json(tmp_path, make_service_account(f"{token_server.url}/token"))

        async def body(run: AwaitableInterpreter) -> None:
            async def call() -> Any:
                return await run(HELLO_TEXT)

            async def close() -> None:
                await run.run_blocking(token_server.wait_requests, 1)
                if is_answered:
                    await run.run_blocking(server.wait_requests, 1)
                await run.close()

            await run.run_concurrently(call, close)
            await run.run_blocking(token_server.wait_closed, 1, 5)

        kind.run_body(make_vertex(server, path), body, timeouts=GENEROUS_TIMEOUTS)


def test_stream_closed_while_waiting(kind: InterpreterKind) -> None:
    """close() wakes a reader that waits for a token."""
    gate = Gate()
    with Loopback(STREAM) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(HELLO_STREAM) as items:

                async def read() -> list[Any]:
                    return [item async for item in items]

                async def close() -> None:
                    await run.run_blocking(gate.started.wait, 60)
                    await run.run_blocking(items.close)

                (item,), _ = await run.run_concurrently(read, close)
                assert isinstance(item.failure(), Closed)
            gate.opened.set()
            assert (await run(HELLO_STREAM | text | collected)) == Success(("a", "b"))

        kind.run_body(make_vertex(server, Credentials(gate)), body)


def test_interpreter_closed_while_waiting(kind: InterpreterKind) -> None:
    """Closing the interpreter wakes calls that wait for a token, with Failure(Closed)."""
    gate = Gate()
    with Loopback(OK) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async def call() -> Any:
                return await run(HELLO_TEXT)

            async def close() -> None:
                await run.run_blocking(gate.started.wait, 60)
                await run.close()

            result, _ = await run.run_concurrently(call, close)
            assert result == Failure(Closed())
            gate.opened.set()

        kind.run_body(make_vertex(server, Credentials(gate)), body)


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_cancelled_while_waiting(backend: str) -> None:
    """A cancelled call ends at once; the refresh continues and serves the next call."""
    gate = Gate()
    credentials = Credentials(gate)

    async def body() -> Any:
        async with AsyncHttp(make_vertex(server, credentials), timeouts=GENEROUS_TIMEOUTS) as run:
            with anyio.move_on_after(0.02) as scope:
                await run(HELLO_TEXT)
            assert scope.cancelled_caught
            assert not gate.opened.is_set()
            gate.opened.set()
            return await run(HELLO_TEXT)

    with Loopback(OK) as server:
        assert anyio.run(body, backend=backend) == Success("hi")
        assert (credentials.refresh_count, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_event_loop_over_while_waiting(backend: str) -> None:
    """A refresh that outlives its event loop serves calls in the next one."""
    gate = Gate()
    credentials = Credentials(gate)

    async def cancel_call() -> None:
        with anyio.move_on_after(0.02):
            await run(HELLO_TEXT)

    async def call() -> Any:
        try:
            return await run(HELLO_TEXT)
        finally:
            await run.aclose()

    with Loopback(OK) as server:
        run = AsyncHttp(make_vertex(server, credentials), timeouts=GENEROUS_TIMEOUTS)
        anyio.run(cancel_call, backend=backend)
        threading.Timer(0.02, gate.opened.set).start()
        assert anyio.run(call, backend=backend) == Success("hi")
        assert wait_until(lambda: server.open_connections == 0)
        assert credentials.refresh_count == 1


def test_refused_token(kind: InterpreterKind) -> None:
    """A token that the server refuses is renewed once, and the request is sent again, for calls and streams."""
    refused = build_json_reply(build_error(401), 401)
    for request, reply in ((HELLO, OK), (HELLO_STREAM | collected, STREAM)):
        tokens = iter(("test-token-1", "test-token-2"))
        with Loopback([refused, reply]) as server:
            assert isinstance(kind.run(make_vertex(server, Credentials(lambda: next(tokens))), request), Success)  # noqa: B023  # called at once
            sent = [each.headers["authorization"] for each in server.requests]
            assert sent == ["Bearer test-token-1", "Bearer test-token-2"]


def test_token_is_not_shown(kind: InterpreterKind) -> None:
    """No event or result contains the token."""
    events: list[Any] = []
    refused = build_json_reply(build_error(401), 401)
    with Loopback([refused, refused, OK]) as server:
        results = [kind.run(make_vertex(server, Credentials()), HELLO, on_event=events.append) for _ in range(2)]
    assert b"test-token" not in repr((events, results)).encode() + pickle.dumps((events, results))
