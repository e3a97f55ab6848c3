"""Lanes: one behaviour in every world, over real sockets."""

import os
import pickle
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from anyio.lowlevel import checkpoint

from genai_fn.effects import Lost
from genai_fn.errors import Closed, ConnectError, Disconnected, InvalidRequest, TimedOut
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.interpret import lanes_depot
from genai_fn.interpret.dial_wire import Wire
from genai_fn.interpret.lanes import Lanes, OpenExchange
from genai_fn.interpret.lanes_async import AsyncLanes
from tests.interpret.worlds import IDS, WORLDS, World
from tests.loopback import (
    Close,
    Drip,
    Forever,
    Hang,
    Loopback,
    Pause,
    Raw,
    Received,
    Reply,
    Reset,
    Send,
    black_hole,
    chunk,
    head,
    json_reply,
    refusing_port,
)

OK = Reply(body=b"ok")
CHUNKED = (("transfer-encoding", "chunked"),)


@pytest.fixture(params=WORLDS, ids=IDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(*request.param)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def get(url: str, path: str = "/") -> HttpRequest:
    return HttpRequest("GET", f"{url}{path}")


def post(url: str, body: Any = b"hello", **more: Any) -> HttpRequest:
    return HttpRequest("POST", f"{url}/v1", body=body, **more)


# Messages


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
                assert await exchange.read() == Lost(Closed("the exchange was closed", sent=True))
                await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


def test_stale(world: World) -> None:
    """A connection that the server has closed meanwhile is not used again."""

    async def body() -> None:
        with Loopback(OK, close_after=1) as server:
            async with world.lanes() as lanes:
                for _ in range(3):
                    assert await lanes.call(get(server.url)) == (200, b"ok")
                    await anyio.sleep(0.01)
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
                assert (lost.error.sent, lost.reused) == (True, reused)
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
                monkeypatch.setattr(lanes_depot, "_IDLE", -1.0)
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


# Faults


@pytest.mark.parametrize(
    "answer",
    [
        Reset(),
        Close(),
        Raw(b"garbage\r\n\r\n"),
        Raw(b"\x00\xff" * 100_000),
        Raw(b"HTTP/1.1 abc OK\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
        Raw(b"HTTP/1.1 200 OK\r\nlong: " + b"x" * 200_000),
    ],
    ids=str,
)
def test_no_answer(world: World, answer: Any) -> None:
    """Whatever comes in an answer's place is a value of ours that says what went out, and pickles."""

    async def body() -> None:
        with Loopback(answer) as server:
            async with world.lanes(1) as lanes:
                for _ in range(2):
                    lost = await lanes.open(get(server.url))
                    assert isinstance(lost.error, Disconnected)
                    assert lost.error.sent
                    assert len(str(lost.error)) < 400
                    assert pickle.loads(pickle.dumps(lost.error)) == lost.error  # noqa: S301 - our own

    world.run(body)


@pytest.mark.parametrize(
    "answer",
    [
        (Send(head(200, CHUNKED) + chunk(b"ab")), Reset()),
        (Send(head(200, CHUNKED) + chunk(b"ab")), Close()),
        Raw(head(200, CHUNKED) + chunk(b"ab") + b"zz\r\n"),
        Raw(head(200, (("content-length", "3"),)) + b"ab"),
    ],
    ids=str,
)
def test_cut_body(world: World, answer: Any) -> None:
    """A body that ends before its end is lost, never short, and closes its connection."""

    async def body() -> None:
        with Loopback(answer) as server:
            async with world.lanes(1) as lanes:
                for _ in range(2):
                    lost = await lanes.call(get(server.url))
                    assert isinstance(lost.error, Disconnected)
                    assert lost.error.doing == f"reading from 127.0.0.1:{server.port}"
            await to_thread.run_sync(server.wait_closed, 2)

    world.run(body)


def test_early_answer(world: World) -> None:
    """A server that answers before it has read the body is heard."""

    async def body() -> None:
        with Loopback(Reply(413, body=b"too much"), body_limits=[1000]) as server:
            async with world.lanes(1) as lanes:
                assert await lanes.call(post(server.url, b"a" * 300_000)) == (413, b"too much")

    world.run(body)


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (Hang(), True),
        ((Send(head(100)), Hang()), True),
        (Drip(head(200, (("a", "b" * 300),)), 0.005), True),
        (Forever(head(100), 0), True),
    ],
    ids=["hang", "informed", "drip", "forever"],
)
def test_late_head(world: World, answer: Any, sent: bool) -> None:
    """The head of an answer has to be here in time, however slowly or busily the server goes on."""

    async def body() -> None:
        with Loopback(answer) as server:
            async with world.lanes(1) as lanes:
                lost = await lanes.open(get(server.url), within=0.1)
                assert lost == Lost(TimedOut("headers", f"waiting for 127.0.0.1:{server.port}", sent))
                await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "rest",
    [Hang(), Drip(b"7f\r\n" + b"a" * 127, 0.005), Forever(b"1\r\na\r\n" * 10, 0), Forever(b"", 0.01)],
    ids=["hang", "drip", "forever", "silence"],
)
def test_late_body(world: World, rest: Any, tls: bool) -> None:
    """The pieces of a body that come after the deadline are lost, however many came before."""

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED)), rest)], tls=tls) as server:
            async with world.lanes(1, ssl_context=trusting(server)) as lanes:
                exchange = await lanes.open(get(server.url))
                deadline = time.monotonic() + 0.1
                piece: Any = b"."
                while not isinstance(piece, Lost):
                    assert piece != b""
                    piece = await exchange.read(within=deadline - time.monotonic())
                assert piece.error == TimedOut("idle", f"reading from 127.0.0.1:{server.port}", sent=True)
                assert await exchange.read() == piece
                await exchange.close()
                await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


def test_late_upload(world: World) -> None:
    """A server that does not read cannot hold up the sender past its deadline."""

    async def body() -> None:
        with black_hole() as port:
            async with world.lanes(1) as lanes:
                lost = await lanes.open(post(f"http://127.0.0.1:{port}", b"a" * 20_000_000), within=0.1)
                assert lost.error == TimedOut("headers", f"waiting for 127.0.0.1:{port}", sent=True)

    world.run(body)


def test_refused(world: World) -> None:
    """A port where nobody listens is no connection, and nothing was sent."""

    async def body() -> None:
        with refusing_port() as port:
            async with world.lanes(1) as lanes:
                for _ in range(2):
                    lost = await lanes.open(get(f"http://127.0.0.1:{port}"))
                    assert lost == Lost(ConnectError(f"connecting to 127.0.0.1:{port}", "Connection refused"))

    world.run(body)


def test_unanswered(world: World) -> None:
    """A host that does not answer is given up after `connect` seconds, or at the deadline if that is sooner."""

    async def body() -> None:
        with black_hole(connects=False) as port:
            async with world.lanes(1) as lanes:
                for within, connect in ((5.0, 0.05), (0.05, 5.0)):
                    lost = await lanes.open(get(f"http://127.0.0.1:{port}"), within=within, connect=connect)
                    assert lost.error == TimedOut("connect", f"connecting to 127.0.0.1:{port}")

    world.run(body)


# The gate


def test_wait_for_lane(world: World) -> None:
    """Waiting for a lane counts, and who gave up takes none."""

    async def body() -> None:
        with Loopback(OK) as server:
            async with world.lanes(1) as lanes:
                exchange = await lanes.open(get(server.url))
                lost = await lanes.open(get(server.url), within=0.02)
                assert lost == Lost(TimedOut("total", "waiting for a lane"))
                assert await exchange.whole() == b"ok"
                await exchange.close()
                assert await lanes.call(get(server.url)) == (200, b"ok")
            assert server.connections == 1

    world.run(body)


def test_closed(world: World) -> None:
    """Once closed, nothing opens; an exchange under way goes on, and its connection is closed after it."""

    async def body() -> None:
        with Loopback(OK) as server:
            lanes = world.lanes(2)
            exchange = await lanes.open(get(server.url))
            for _ in range(2):
                await lanes.close()
            assert await lanes.open(get(server.url)) == Lost(Closed())
            assert await exchange.whole() == b"ok"
            await exchange.close()
            await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


class Crowd:
    """A server's answer that counts who is there at once; each stays until so many have come, or a moment."""

    def __init__(self, size: int) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(size)

    def __call__(self, received: Received) -> Reply:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(0.5)
        with self._lock:
            self.now -= 1
        return OK


def test_threads() -> None:
    """A hundred threads share eight lanes: never more at once, and no more connections than lanes."""
    crowd = Crowd(8)
    answers: list[Any] = []

    def work(lanes: Lanes, url: str) -> None:
        for _ in range(4):
            deadline = time.monotonic() + 10
            exchange = lanes.open(get(url), deadline=deadline, connect=5)
            assert isinstance(exchange, OpenExchange)
            answers.append(exchange.read(deadline, "idle"))
            answers.append(exchange.read(deadline, "idle"))
            exchange.close()

    with Loopback(crowd) as server:
        lanes = Lanes(8)
        threads = [threading.Thread(target=work, args=(lanes, server.url)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        lanes.close()
        assert server.connections <= 8
    assert sorted(answers) == [b""] * 400 + [b"ok"] * 400
    assert crowd.most == 8


def test_tasks(backend: str) -> None:
    """Six hundred calls, sixty-four at once, open sixty-four connections at most."""

    async def body() -> None:
        async def work() -> None:
            nonlocal left
            while left:
                left -= 1
                exchange = await lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
                assert not isinstance(exchange, Lost)
                while await exchange.read(time.monotonic() + 5, "idle"):
                    pass
                await exchange.aclose()

        left = 600
        with Loopback(OK) as server:
            lanes = AsyncLanes(64)
            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(work)
            await lanes.aclose()
            assert len(server.requests) == 600
            assert server.connections <= 64

    anyio.run(body, backend=backend)


def test_order(backend: str) -> None:
    """Who waits first is served first, and one that is cancelled in line holds up nobody."""

    async def body() -> None:
        served: list[int] = []
        scopes = [anyio.CancelScope() for _ in range(5)]

        async def work(number: int) -> None:
            with scopes[number]:
                exchange = await lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
                assert not isinstance(exchange, Lost)
                served.append(number)
                await exchange.aclose()

        with Loopback(OK) as server:
            lanes = AsyncLanes(1)
            first = await lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
            assert not isinstance(first, Lost)
            async with anyio.create_task_group() as tasks:
                for number in range(5):
                    tasks.start_soon(work, number)
                    await anyio.wait_all_tasks_blocked()
                scopes[1].cancel()
                await first.aclose()
                scopes[3].cancel()
            await lanes.aclose()
        assert served == [0, 2, 4]

    anyio.run(body, backend=backend)


def test_close_wakes_callers_in_line(backend: str) -> None:
    """Who waits for a lane when all is closed is told so."""

    async def body() -> None:
        with Loopback(OK) as server:
            lanes = AsyncLanes(1)
            exchange = await lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
            assert not isinstance(exchange, Lost)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_expect, lanes, get(server.url), Lost(Closed()))
                await anyio.wait_all_tasks_blocked()
                await lanes.aclose()
            await exchange.aclose()

    anyio.run(body, backend=backend)


async def _expect(lanes: AsyncLanes, request: HttpRequest, expected: Any) -> None:
    assert await lanes.open(request, deadline=time.monotonic() + 10, connect=5) == expected


# From elsewhere


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_close_from_thread(tls: bool) -> None:
    """Closing from another thread wakes the reader, which learns that it was closed."""
    with Loopback([(Send(head(200, CHUNKED)), Hang())], tls=tls) as server:
        lanes = Lanes(1, ssl_context=trusting(server))
        exchange = lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
        assert isinstance(exchange, OpenExchange)
        closer = threading.Timer(0.02, exchange.close)
        closer.start()
        lost = exchange.read(time.monotonic() + 10, "idle")
        closer.join()
        assert lost == Lost(Closed("the exchange was closed", sent=True))
        assert exchange.read(time.monotonic() + 10, "idle") == lost
        server.wait_closed(1)
        lanes.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("how", ["thread", "task", "done"])
def test_cut_from_elsewhere(backend: str, how: str, tls: bool) -> None:
    """Cutting from another thread or task, or being done with it there, wakes the reader."""

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED) + chunk(b"a")), Hang())], tls=tls) as server:
            lanes = AsyncLanes(1, ssl_context=trusting(server))
            exchange = await lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
            assert not isinstance(exchange, Lost)
            assert await exchange.read(time.monotonic() + 10, "idle") == b"a"

            async def elsewhere() -> None:
                await anyio.wait_all_tasks_blocked()
                if how == "thread":
                    await to_thread.run_sync(exchange.cut)
                elif how == "task":
                    exchange.cut()
                else:
                    await exchange.aclose()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(elsewhere)
                lost = await exchange.read(time.monotonic() + 10, "idle")
            assert lost == Lost(Closed("the exchange was closed", sent=True))
            await exchange.aclose()
            await to_thread.run_sync(server.wait_closed, 1)
            await lanes.aclose()

    anyio.run(body, backend=backend)


def test_cut_as_data_come(backend: str) -> None:
    """A piece that comes in the moment of a cut is dropped, and nothing of the transport is left hanging."""

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED) + chunk(b"a")), Hang())]) as server:
            lanes = AsyncLanes(1)
            exchange = await lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
            assert not isinstance(exchange, Lost)
            assert await exchange.read(time.monotonic() + 10, "idle") == b"a"
            wire = exchange._lane.wire

            async def elsewhere() -> None:
                await anyio.wait_all_tasks_blocked()
                far.sendall(chunk(b"b"))
                await exchange.aclose()

            near, far = socket.socketpair()
            with far, wire.sock:
                near.setblocking(False)
                wire.sock, old = near, wire.sock
                old.close()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(elsewhere)
                    lost = await exchange.read(time.monotonic() + 10, "idle")
                assert lost == Lost(Closed("the exchange was closed", sent=True))
            await lanes.aclose()

    anyio.run(body, backend=backend)


def test_loops() -> None:
    """Async lanes may be used in one event loop after another; what the last one left is forgotten."""
    with Loopback(OK) as server:
        lanes = AsyncLanes(2)

        async def body() -> None:
            for _ in range(2):
                exchange = await lanes.open(get(server.url), deadline=time.monotonic() + 10, connect=5)
                assert not isinstance(exchange, Lost)
                assert await exchange.read(time.monotonic() + 10, "idle") == b"ok"
                assert await exchange.read(time.monotonic() + 10, "idle") == b""
                await exchange.aclose()

        for backend in ("asyncio", "asyncio", "trio", "asyncio"):
            anyio.run(body, backend=backend)
        anyio.run(lanes.aclose)
        server.wait_closed(4)
        assert server.connections == 4


# Cancellation


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_cancelled_anywhere(backend: str, tls: bool) -> None:
    """Wherever a call is cancelled, its socket is closed and its lane is free."""

    async def body() -> None:
        with Loopback(Reply(body=(b"a", b"b")), tls=tls) as server:
            lanes = AsyncLanes(2, ssl_context=trusting(server))
            request = HttpRequest("POST", server.url.replace("127.0.0.1", "localhost"), body=(b"a", b"b"))
            completed = 0
            for k in range(61):
                completed += await _cancelled_after(k, lanes, request)
                await lanes.aclose()
                await to_thread.run_sync(server.wait_closed, server.connections)
                lanes = AsyncLanes(2, ssl_context=trusting(server))
            assert 0 < completed < 61

    before = descriptors()
    anyio.run(body, backend=backend)
    assert descriptors() == before


async def _cancelled_after(checkpoints: int, lanes: AsyncLanes, request: HttpRequest) -> bool:
    """Cancel a call at one of its checkpoints, and see that the lanes still serve; tells whether it completed."""
    completed = False

    async def call() -> bool:
        with anyio.fail_after(5):
            exchange = await lanes.open(request, deadline=time.monotonic() + 10, connect=5, fresh=checkpoints % 2 == 1)
            assert not isinstance(exchange, Lost)
            try:
                while await exchange.read(time.monotonic() + 5, "idle"):
                    pass
            finally:
                await exchange.aclose()
        return True

    async def cancelled(scope: anyio.CancelScope) -> None:
        nonlocal completed
        with scope:
            completed = await call()

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancelled, scope)
        for _ in range(checkpoints):
            await checkpoint()
            if checkpoints % 3 == 0:
                await anyio.sleep(0.0005)
        scope.cancel()
    for _ in range(3):
        assert await call()
    return completed


def test_cancelled_in_body(world: World) -> None:
    """A read that is cancelled closes the connection."""
    if world.is_sync:
        pytest.skip("threads are not cancelled")

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED) + chunk(b"a")), Pause(5)), OK]) as server:
            async with world.lanes(1) as lanes:
                exchange = await lanes.open(get(server.url))
                assert await exchange.read() == b"a"
                with anyio.move_on_after(0.01) as scope:
                    await exchange.read()
                assert scope.cancelled_caught
                assert isinstance((await exchange.read()).error, Disconnected)
                await to_thread.run_sync(server.wait_closed, 1)
                await exchange.close()
                assert await lanes.call(get(server.url)) == (200, b"ok")

    world.run(body)


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt passes through, and leaves neither a socket nor a place taken."""

    def interrupt(wire: Wire, size: int) -> Any:
        raise KeyboardInterrupt

    with Loopback(OK) as server:
        lanes = Lanes(1)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(Wire, "read", interrupt)
            lanes.open(get(server.url), deadline=time.monotonic() + 5, connect=5)
        server.wait_closed(1)
        exchange = lanes.open(get(server.url), deadline=time.monotonic() + 5, connect=5)
        assert isinstance(exchange, OpenExchange)
        exchange.close()
        lanes.close()


def test_import() -> None:
    """Importing lanes loads no network stack: not httpcore in any world, and not anyio in the sync one."""
    code = (
        "import sys, genai_fn.interpret.lanes; assert not {'httpcore', 'anyio', 'trio'} & set(sys.modules);"
        "import genai_fn.interpret.lanes_async; assert not {'httpcore', 'httpcore2'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own
    assert (done.returncode, done.stderr) == (0, "")


def trusting(server: Loopback) -> Any:
    """Trust the server's authority, or nobody in particular where it speaks no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server.tls:
        server.ca.configure_trust(context)
    return context


def descriptors() -> int:
    """Count this process's open descriptors."""
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
