"""Lanes: one behaviour in every world, over real sockets: messages there and back, and connections that serve again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, ConnectError, Disconnected, InvalidRequest
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.interpreters.net.pool import state
from tests.support.loopback import Close, Hang, Loopback, Reply, Reset, Send, head, json_reply
from tests.support.pool_kinds import CHUNKED, IDS, OK, WORLDS, World, get, post, trusting


@pytest.fixture(params=WORLDS, ids=IDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(*request.param)


def test_exchange(world: World) -> None:
    """A request arrives as it was written, with the URL's host and the body's length; headers come in lower case."""

    async def body() -> None:
        with Loopback(json_reply({"a": 1}, headers=(("X-Some", "caf\xe9"),))) as server:
            async with world.lanes() as lanes:
                request = HttpRequest("POST", f"{server.url}/v1/a?b=c#d", (("X-Own", "1"), ("Host", "other")), b"hello")
                exchange = await lanes.open(request)
                assert exchange.status == 200
                assert ("x-some", "caf\xe9") in exchange.headers
                assert await exchange.whole() == b'{"a":1}'
                assert await exchange.read() == b""
                await exchange.close()
            (received,) = server.requests
            assert (received.method, received.target, received.body) == ("POST", "/v1/a?b=c", b"hello")
            assert received.headers == {"host": f"127.0.0.1:{server.port}", "x-own": "1", "content-length": "5"}

    world.run(body)


@pytest.mark.parametrize(
    ("request_", "length"),
    [
        (HttpRequest("GET", "/"), None),
        (HttpRequest("DELETE", "/"), None),
        (HttpRequest("POST", "/"), "0"),
        (HttpRequest("PATCH", "/"), "0"),
        (HttpRequest("POST", "/", (), (b"ab", b"", b"c")), "3"),
        (HttpRequest("PUT", "/", (("Content-Length", "2"),), b"ab"), "2"),
    ],
)
def test_length(world: World, request_: HttpRequest, length: str | None) -> None:
    """``Content-Length`` is always said where a body may be, and never twice."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes() as lanes:
                whole = HttpRequest(request_.method, server.url + request_.url, request_.headers, request_.body)
                assert await lanes.call(whole) == (200, b"ok")
            assert server.requests[0].headers.get("content-length") == length

    world.run(body)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_big(world: World, tls: bool) -> None:
    """Megabytes go both ways unharmed."""
    big = bytes(range(256)) * (1 << 13)

    async def body() -> None:
        with Loopback(lambda received: Reply(body=received.body), tls=tls) as server:
            async with world.lanes(ssl_context=trusting(server)) as lanes:
                for sent in (big, (big[:70000], big[70000:])):
                    assert await lanes.call(post(server.url, sent)) == (200, big)
            assert server.connections == 1

    world.run(body)


def test_file(world: World, tmp_path: Path) -> None:
    """A slice of a file is sent from disk; one that is shorter than said, or is not there, is lost by name."""
    path = tmp_path / "film"
    path.write_bytes(bytes(range(256)) * 4096)

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes() as lanes:
                assert await lanes.call(post(server.url, FileSlice(str(path), 3, 600_000))) == (200, b"ok")
                short = await lanes.call(post(server.url, FileSlice(str(path), 1_048_570, 100)))
                assert "ended 94 bytes early" in short.error.expected
                gone = await lanes.call(post(server.url, FileSlice(str(tmp_path / "gone"), 0, 1)))
                assert "No such file" in gone.error.expected
            assert server.requests[0].body == path.read_bytes()[3:600_003]

    world.run(body)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "http:///nowhere",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        f"http://{'a' * 70}.example/",
        "http://a..b/",
        "//127.0.0.1/",
    ],
)
def test_url(world: World, url: str) -> None:
    """What is not a URL is lost before anything is dialled."""

    async def body() -> None:
        async with world.lanes() as lanes:
            lost = await lanes.open(HttpRequest("GET", url))
            assert isinstance(lost.error, ConnectError)

    world.run(body)


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", "/", (("x-goog-api-key", "test-key\n"),)),
        HttpRequest("GET", "/", (("x-goog-api-key", "test-key\u20ac"),)),
        HttpRequest("GET", "/", (("x test-key", "1"),)),
        HttpRequest("GET", "/test-key\u20ac"),
        HttpRequest("GET", "/test-key x"),
        HttpRequest("G\xc9T", "/"),
        HttpRequest("G T", "/"),
        HttpRequest("POST", "/", (("content-length", "3"),), b"test-key"),
        HttpRequest("POST", "/", (("content-length", "test-key"),), b"test-key"),
    ],
)
def test_unsayable(world: World, request_: HttpRequest) -> None:
    """What HTTP cannot say is lost, without a word of what may be a key, and leaves its lane free."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes(1) as lanes:
                whole = HttpRequest(request_.method, server.url + request_.url, request_.headers, request_.body)
                lost = await lanes.open(whole)
                assert isinstance(lost.error, InvalidRequest)
                assert "test-key" not in repr(lost)
                assert await lanes.call(get(server.url)) == (200, b"ok")

    world.run(body)


# Reuse


def test_reuse(world: World) -> None:
    """A body read to its end leaves the connection for the next; one that was not is closed."""

    async def body() -> None:
        with Loopback([OK, OK, Reply(body=(b"a" * 100_000, b"b")), OK]) as server:
            async with world.lanes() as lanes:
                for _ in range(2):
                    assert await lanes.call(get(server.url)) == (200, b"ok")
                exchange = await lanes.open(get(server.url))
                assert await exchange.read()
                await exchange.close()
                await exchange.close()
                assert await lanes.call(get(server.url)) == (200, b"ok")
            assert [received.connection for received in server.requests] == [1, 1, 1, 2]
            await to_thread.run_sync(server.wait_closed, 2)

    world.run(body)


def test_unread(world: World) -> None:
    """An answer of which nothing was read is closed."""

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED)), Hang())]) as server:
            async with world.lanes() as lanes:
                exchange = await lanes.open(get(server.url))
                await exchange.close()
                assert await exchange.read() == EffectFailed(Closed("the response was closed", sent=True))
                await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


def test_stale(world: World) -> None:
    """A connection that the server has closed meanwhile is not used again."""

    async def body() -> None:
        with Loopback(OK, close_after=1) as server:
            async with world.lanes() as lanes:
                for _ in range(3):
                    assert await lanes.call(get(server.url)) == (200, b"ok")
                    await to_thread.run_sync(server.wait_rest)  # it has said that it closes
            assert server.connections == 3

    world.run(body)


def test_more_than_the_answer(world: World) -> None:
    """What a server says beyond its answer is not taken for the answer to the next request."""

    async def body() -> None:
        ok, stray = (head(200, (("content-length", str(len(text))),)) + text for text in (b"ok", b"stray"))
        with Loopback([Send(ok + stray), OK]) as server:
            async with world.lanes() as lanes:
                for _ in range(2):
                    assert await lanes.call(get(server.url)) == (200, b"ok")
            assert server.connections == 2

    world.run(body)


class HidesItsState:
    """A transport's connection whose private HTTP/1.1 state cannot be read from outside."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        if name == "_h11_state":
            raise AttributeError(name)
        return getattr(self._connection, name)


@pytest.mark.parametrize(
    "extra", (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nattacker"), ids=("plain", "smuggled")
)
def test_state_out_of_reach(world: World, monkeypatch: pytest.MonkeyPatch, extra: bytes) -> None:
    """A connection serves once if nobody can tell whether more came than the answer: a smuggled answer is not read."""
    for name in ("HTTP11Connection", "AsyncHTTP11Connection"):
        kind = getattr(world.transport, name)
        monkeypatch.setattr(world.transport, name, lambda *args, kind=kind: HidesItsState(kind(*args)))

    async def body() -> None:
        with Loopback(Send(head(200, (("content-length", "2"),)) + b"ok" + extra)) as server:
            async with world.lanes() as lanes:
                for _ in range(3):
                    assert await lanes.call(get(server.url)) == (200, b"ok")
            assert server.connections == 3

    world.run(body)


@pytest.mark.parametrize(
    ("answer", "reused"), [(Reset(), True), (Close(), True), ((Send(b"HTTP/1.1 2"), Close()), False)]
)
def test_lost_on_reused(world: World, answer: Any, reused: bool) -> None:
    """A fault on a connection that had served before says so, unless an answer had begun."""

    async def body() -> None:
        with Loopback([OK, answer]) as server:
            async with world.lanes() as lanes:
                await lanes.call(get(server.url))
                lost = await lanes.open(get(server.url))
                assert isinstance(lost.error, Disconnected)
                assert (lost.error.sent, lost.was_reused) == (True, reused)
            assert server.connections == 1

    world.run(body)


def test_fresh(world: World) -> None:
    """What may not be sent twice gets a connection of its own, which serves others afterwards."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes(2) as lanes:
                for fresh in (False, True, True, False):
                    assert await lanes.call(get(server.url), fresh=fresh) == (200, b"ok")
                await to_thread.run_sync(server.wait_closed, 1)
                assert (server.connections, server.open_connections) == (3, 2)

    world.run(body)


def test_idle_elsewhere(world: World) -> None:
    """There are never more sockets than lanes: an idle one gives way to a connection to elsewhere."""

    async def body() -> None:
        with Loopback(OK) as one, Loopback(OK) as other:
            async with world.lanes(1) as lanes:
                for server in (one, other, one):
                    assert await lanes.call(get(server.url)) == (200, b"ok")
                await to_thread.run_sync(other.wait_closed, 1)
                await to_thread.run_sync(one.wait_closed, 1)
            assert (one.connections, other.connections) == (2, 1)

    world.run(body)


def test_expired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that stood idle for too long is closed."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes() as lanes:
                await lanes.call(get(server.url))
                monkeypatch.setattr(state, "_MAX_IDLE_SECONDS", -1.0)
                await lanes.call(get(server.url))
                await to_thread.run_sync(server.wait_closed, 1)
            assert server.connections == 2

    world.run(body)


def test_forked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork, the parent's connections are let alone and its calls under way take no place."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes(2) as lanes:
                await lanes.call(get(server.url))
                parents = [await lanes.open(get(server.url), fresh=fresh) for fresh in (False, True)]
                pid = os.getpid()
                monkeypatch.setattr(os, "getpid", lambda: pid + 1)
                assert await lanes.call(get(server.url)) == (200, b"ok")
                for exchange in parents:
                    await exchange.close()
                await lanes.close()
                monkeypatch.undo()
                assert isinstance((await lanes.open(get(server.url))).error, Closed)
            assert server.connections == 3

    world.run(body)


def test_import() -> None:
    """Importing lanes loads no network stack: not httpcore in any world, and not anyio in the sync one."""
    code = (
        "import sys, genai_fn.interpreters.net.pool.sync_pool;"
        "assert not {'httpcore', 'anyio', 'trio'} & set(sys.modules);"
        "import genai_fn.interpreters.net.pool.async_pool; assert not {'httpcore', 'httpcore2'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own
    assert (done.returncode, done.stderr) == (0, "")
