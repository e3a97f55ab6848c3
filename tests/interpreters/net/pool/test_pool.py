"""Pools of every kind over real sockets: requests, responses and reused connections."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httptools
import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, ConnectError, Disconnected, InvalidRequest
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.interpreters.net.pool import state
from tests.support.loopback import Close, Hang, Loopback, Reply, Reset, Send, build_json_reply, encode_head
from tests.support.pool_kinds import (
    CHUNKED,
    OK,
    POOL_KIND_IDS,
    POOL_KINDS,
    PoolKind,
    build_get,
    build_post,
    make_trusting_context,
)


@pytest.fixture(params=POOL_KINDS, ids=POOL_KIND_IDS)
def kind(request: pytest.FixtureRequest) -> PoolKind:
    return PoolKind(*request.param)


def test_exchange(kind: PoolKind) -> None:
    """A request is sent with the URL's host and the body's length; response header names are in lower case."""

    async def body() -> None:
        with Loopback(build_json_reply({"a": 1}, headers=(("X-Some", "caf\xe9"),))) as server:
            async with kind.make_pool() as pool:
                request = HttpRequest("POST", f"{server.url}/v1/a?b=c#d", (("X-Own", "1"), ("Host", "other")), b"hello")
                response = await pool.open(request)
                assert response.status == 200
                assert ("x-some", "caf\xe9") in response.headers
                assert await response.read_all() == b'{"a":1}'
                assert await response.read() == b""
                await response.close()
            (received,) = server.requests
            assert (received.method, received.target, received.body) == ("POST", "/v1/a?b=c", b"hello")
            assert received.headers == {"host": f"127.0.0.1:{server.port}", "x-own": "1", "content-length": "5"}

    kind.run(body)


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
def test_length(kind: PoolKind, request_: HttpRequest, length: str | None) -> None:
    """``Content-Length`` is sent once, with every method that may have a body."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with kind.make_pool() as pool:
                request = HttpRequest(request_.method, server.url + request_.url, request_.headers, request_.body)
                assert await pool.call(request) == (200, b"ok")
            assert server.requests[0].headers.get("content-length") == length

    kind.run(body)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_big(kind: PoolKind, tls: bool) -> None:
    """Megabytes are sent and received unchanged."""
    data = bytes(range(256)) * (1 << 13)

    async def body() -> None:
        with Loopback(lambda received: Reply(body=received.body), tls=tls) as server:
            async with kind.make_pool(ssl_context=make_trusting_context(server)) as pool:
                for sent in (data, (data[:70000], data[70000:])):
                    assert await pool.call(build_post(server.url, sent)) == (200, data)
            assert server.connections == 1

    kind.run(body)


def test_file(kind: PoolKind, tmp_path: Path) -> None:
    """A slice of a file is sent from disk; a file that is too short or missing is a failure with the reason."""
    path = tmp_path / "film"
    path.write_bytes(bytes(range(256)) * 4096)

    async def body() -> None:
        with Loopback(OK) as server:
            async with kind.make_pool() as pool:
                assert await pool.call(build_post(server.url, FileSlice(str(path), 3, 600_000))) == (200, b"ok")
                short = await pool.call(build_post(server.url, FileSlice(str(path), 1_048_570, 100)))
                assert "ended 94 bytes early" in short.error.expected
                result = await pool.call(build_post(server.url, FileSlice(str(tmp_path / "gone"), 0, 1)))
                assert "No such file" in result.error.expected
            assert server.requests[0].body == path.read_bytes()[3:600_003]

    kind.run(body)


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
def test_url(kind: PoolKind, url: str) -> None:
    """An invalid URL is a `ConnectError`."""

    async def body() -> None:
        async with kind.make_pool() as pool:
            failed = await pool.open(HttpRequest("GET", url))
            assert isinstance(failed.error, ConnectError)

    kind.run(body)


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
def test_invalid_http(kind: PoolKind, request_: HttpRequest) -> None:
    """A request that HTTP cannot express is an error that does not contain it, and occupies no connection."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with kind.make_pool(1) as pool:
                request = HttpRequest(request_.method, server.url + request_.url, request_.headers, request_.body)
                failed = await pool.open(request)
                assert isinstance(failed.error, InvalidRequest)
                assert "test-key" not in repr(failed)
                assert await pool.call(build_get(server.url)) == (200, b"ok")

    kind.run(body)


# Reuse


def test_reuse(kind: PoolKind) -> None:
    """A connection is reused after its body was read to the end, and closed otherwise."""

    async def body() -> None:
        with Loopback([OK, OK, Reply(body=(b"a" * 100_000, b"b")), OK]) as server:
            async with kind.make_pool() as pool:
                for _ in range(2):
                    assert await pool.call(build_get(server.url)) == (200, b"ok")
                response = await pool.open(build_get(server.url))
                assert await response.read()
                await response.close()
                await response.close()
                assert await pool.call(build_get(server.url)) == (200, b"ok")
            assert [received.connection for received in server.requests] == [1, 1, 1, 2]
            await to_thread.run_sync(server.wait_closed, 2)

    kind.run(body)


def test_unread(kind: PoolKind) -> None:
    """Closing an unread response closes its connection."""

    async def body() -> None:
        with Loopback([(Send(encode_head(200, CHUNKED)), Hang())]) as server:
            async with kind.make_pool() as pool:
                response = await pool.open(build_get(server.url))
                await response.close()
                assert await response.read() == EffectFailed(Closed("the response was closed", sent=True))
                await to_thread.run_sync(server.wait_closed, 1)

    kind.run(body)


def test_stale(kind: PoolKind) -> None:
    """A connection that the server has closed is not reused."""

    async def body() -> None:
        with Loopback(OK, close_after=1) as server:
            async with kind.make_pool() as pool:
                for _ in range(3):
                    assert await pool.call(build_get(server.url)) == (200, b"ok")
                    await to_thread.run_sync(server.wait_until_idle)  # the server's close has arrived
            assert server.connections == 3

    kind.run(body)


def test_more_than_the_answer(kind: PoolKind) -> None:
    """Bytes after a response are not read as the response to the next request."""

    async def body() -> None:
        ok, stray = (encode_head(200, (("content-length", str(len(text))),)) + text for text in (b"ok", b"stray"))
        with Loopback([Send(ok + stray), OK]) as server:
            async with kind.make_pool() as pool:
                for _ in range(2):
                    assert await pool.call(build_get(server.url)) == (200, b"ok")
            assert server.connections == 2

    kind.run(body)


class HiddenState:
    """A connection whose private HTTP/1.1 state is hidden."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        if name == "_h11_state":
            raise AttributeError(name)
        return getattr(self._connection, name)


@pytest.mark.parametrize(
    "extra", (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nattacker"), ids=("plain", "smuggled")
)
def test_hidden_state(kind: PoolKind, monkeypatch: pytest.MonkeyPatch, extra: bytes) -> None:
    """A connection whose h11 state is hidden is not reused, so that a smuggled response is never read."""
    if kind.transport is httptools:
        pytest.skip("httptools has no h11 state")
    for name in ("HTTP11Connection", "AsyncHTTP11Connection"):
        original = getattr(kind.transport, name)
        monkeypatch.setattr(kind.transport, name, lambda *args, original=original: HiddenState(original(*args)))

    async def body() -> None:
        with Loopback(Send(encode_head(200, (("content-length", "2"),)) + b"ok" + extra)) as server:
            async with kind.make_pool() as pool:
                for _ in range(3):
                    assert await pool.call(build_get(server.url)) == (200, b"ok")
            assert server.connections == 3

    kind.run(body)


@pytest.mark.parametrize(
    ("answer", "is_reused"), [(Reset(), True), (Close(), True), ((Send(b"HTTP/1.1 2"), Close()), False)]
)
def test_lost_on_reused(kind: PoolKind, answer: Any, is_reused: bool) -> None:
    """An error on a reused connection is marked `was_reused`, unless a response had begun."""

    async def body() -> None:
        with Loopback([OK, answer]) as server:
            async with kind.make_pool() as pool:
                await pool.call(build_get(server.url))
                failed = await pool.open(build_get(server.url))
                assert isinstance(failed.error, Disconnected)
                assert (failed.error.sent, failed.was_reused) == (True, is_reused)
            assert server.connections == 1

    kind.run(body)


def test_needs_new_connection(kind: PoolKind) -> None:
    """`needs_new_connection` opens a new connection, which is reused afterwards."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with kind.make_pool(2) as pool:
                for needs_new in (False, True, True, False):
                    assert await pool.call(build_get(server.url), needs_new_connection=needs_new) == (200, b"ok")
                await to_thread.run_sync(server.wait_closed, 1)
                assert (server.connections, server.open_connections) == (3, 2)

    kind.run(body)


def test_idle_connections_count(kind: PoolKind) -> None:
    """Idle connections count towards the limit: the oldest is closed for a connection to another host."""

    async def body() -> None:
        with Loopback(OK) as first_server, Loopback(OK) as second_server:
            async with kind.make_pool(1) as pool:
                for server in (first_server, second_server, first_server):
                    assert await pool.call(build_get(server.url)) == (200, b"ok")
                await to_thread.run_sync(second_server.wait_closed, 1)
                await to_thread.run_sync(first_server.wait_closed, 1)
            assert (first_server.connections, second_server.connections) == (2, 1)

    kind.run(body)


def test_expired(kind: PoolKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was idle for too long is closed."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with kind.make_pool() as pool:
                await pool.call(build_get(server.url))
                monkeypatch.setattr(state, "_MAX_IDLE_SECONDS", -1.0)
                await pool.call(build_get(server.url))
                await to_thread.run_sync(server.wait_closed, 1)
            assert server.connections == 2

    kind.run(body)


def test_forked(kind: PoolKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork, the child uses neither the parent's connections nor its slots."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with kind.make_pool(2) as pool:
                await pool.call(build_get(server.url))
                parents = [
                    await pool.open(build_get(server.url), needs_new_connection=needs_new)
                    for needs_new in (False, True)
                ]
                pid = os.getpid()
                monkeypatch.setattr(os, "getpid", lambda: pid + 1)
                assert await pool.call(build_get(server.url)) == (200, b"ok")
                for response in parents:
                    await response.close()
                await pool.close()
                monkeypatch.undo()
                assert isinstance((await pool.open(build_get(server.url))).error, Closed)
            assert server.connections == 3

    kind.run(body)


def test_import() -> None:
    """Importing a pool loads no httpcore, and importing the sync pool no anyio."""
    code = (
        "import sys, genai_fn.interpreters.net.pool.sync_pool;"
        "assert not {'httpcore', 'anyio', 'trio'} & set(sys.modules);"
        "import genai_fn.interpreters.net.pool.async_pool; assert not {'httpcore', 'httpcore2'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (0, "")
