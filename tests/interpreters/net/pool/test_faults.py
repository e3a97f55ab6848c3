"""Lanes whose server breaks off, says nothing, or is not there: always a value of ours, in time, and no socket left."""

import pickle
import time
from typing import Any

import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import ConnectError, Disconnected, TimedOut
from tests.support.limits import patient
from tests.support.loopback import (
    Close,
    Drip,
    Forever,
    Hang,
    Loopback,
    Raw,
    Reply,
    Reset,
    Send,
    black_hole,
    chunk,
    head,
    refusing_port,
)
from tests.support.pool_kinds import CHUNKED, IDS, WORLDS, World, get, post, trusting


@pytest.fixture(params=WORLDS, ids=IDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(*request.param)


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
        ((Send(b"HTTP/1.1 200 OK\r\na: "), Forever(b"b", 0.005)), True),
        (Forever(head(100), 0), True),
    ],
    ids=["hang", "informed", "drip", "forever"],
)
@patient
def test_late_head(world: World, answer: Any, sent: bool, limit: float) -> None:
    """The head of an answer has to be here in time, however slowly or busily the server goes on."""

    async def body() -> None:
        with Loopback(answer) as server:
            async with world.lanes(1) as lanes:
                lost = await lanes.open(get(server.url), within=limit)
                assert lost == EffectFailed(TimedOut("headers", f"waiting for 127.0.0.1:{server.port}", sent))
                await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "rest",
    [Hang(), Drip(b"7f\r\n" + b"a" * 127, 0.005), Forever(b"1\r\na\r\n" * 10, 0), Forever(b"", 0.01)],
    ids=["hang", "drip", "forever", "silence"],
)
@patient
def test_late_body(world: World, rest: Any, tls: bool, limit: float) -> None:
    """The pieces of a body that come after the deadline are lost, however many came before."""

    async def body() -> None:
        with Loopback([(Send(head(200, CHUNKED)), rest)], tls=tls) as server:
            async with world.lanes(1, ssl_context=trusting(server)) as lanes:
                exchange = await lanes.open(get(server.url))
                deadline = time.monotonic() + limit
                piece: Any = b"."
                while not isinstance(piece, EffectFailed):
                    assert piece != b""
                    piece = await exchange.read(within=deadline - time.monotonic())
                assert piece.error == TimedOut("idle", f"reading from 127.0.0.1:{server.port}", sent=True)
                assert await exchange.read() == piece
                await exchange.close()
                await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


@patient
def test_late_upload(world: World, limit: float) -> None:
    """A server that does not read cannot hold up the sender past its deadline."""

    async def body() -> None:
        with black_hole() as port:
            async with world.lanes(1) as lanes:
                lost = await lanes.open(post(f"http://127.0.0.1:{port}", b"a" * 20_000_000), within=limit)
                assert lost.error == TimedOut("headers", f"waiting for 127.0.0.1:{port}", sent=True)

    world.run(body)


def test_refused(world: World) -> None:
    """A port where nobody listens is no connection, and nothing was sent."""

    async def body() -> None:
        with refusing_port() as port:
            async with world.lanes(1) as lanes:
                for _ in range(2):
                    lost = await lanes.open(get(f"http://127.0.0.1:{port}"))
                    assert lost == EffectFailed(ConnectError(f"connecting to 127.0.0.1:{port}", "Connection refused"))

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
