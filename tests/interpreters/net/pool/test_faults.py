"""Servers that disconnect, are silent or absent: always an `EffectFailed`, in time, without an open socket."""

import pickle
import time
from typing import Any

import httptools
import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import ConnectError, Disconnected, TimedOut
from tests.support.limits import retry_with_longer_limits
from tests.support.loopback import (
    Close,
    Drip,
    Hang,
    Loopback,
    Raw,
    Repeat,
    Reply,
    Reset,
    Send,
    encode_chunk,
    encode_head,
    reserve_refusing_port,
    reserve_silent_port,
)
from tests.support.pool_kinds import (
    CHUNKED,
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
    ids=lambda answer: str(answer)[:60],
)
def test_no_answer(kind: PoolKind, answer: Any) -> None:
    """An invalid response is a `Disconnected` with ``sent``, which can be pickled."""

    async def body() -> None:
        with Loopback(answer) as server:
            async with kind.make_pool(1) as pool:
                for _ in range(2):
                    failed = await pool.open(build_get(server.url))
                    assert isinstance(failed.error, Disconnected)
                    assert failed.error.sent
                    assert len(str(failed.error)) < 400
                    assert pickle.loads(pickle.dumps(failed.error)) == failed.error

    kind.run(body)


@pytest.mark.parametrize(
    "answer",
    [
        (Send(encode_head(200, CHUNKED) + encode_chunk(b"ab")), Reset()),
        (Send(encode_head(200, CHUNKED) + encode_chunk(b"ab")), Close()),
        Raw(encode_head(200, CHUNKED) + encode_chunk(b"ab") + b"zz\r\n"),
        Raw(encode_head(200, (("content-length", "3"),)) + b"ab"),
    ],
    ids=str,
)
def test_cut_body(kind: PoolKind, answer: Any) -> None:
    """An incomplete body is a failure, and closes its connection."""

    async def body() -> None:
        with Loopback(answer) as server:
            async with kind.make_pool(1) as pool:
                for _ in range(2):
                    failed = await pool.call(build_get(server.url))
                    assert isinstance(failed.error, Disconnected)
                    assert failed.error.doing == f"reading from 127.0.0.1:{server.port}"
            await to_thread.run_sync(server.wait_closed, 2)

    kind.run(body)


def test_early_answer(kind: PoolKind) -> None:
    """A response that arrives before the request is written is read."""

    async def body() -> None:
        with Loopback(Reply(413, body=b"too much"), body_limits=[1000]) as server:
            async with kind.make_pool(1) as pool:
                assert await pool.call(build_post(server.url, b"a" * 300_000)) == (413, b"too much")

    kind.run(body)


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (Hang(), True),
        ((Send(encode_head(100)), Hang()), True),
        ((Send(b"HTTP/1.1 200 OK\r\na: "), Repeat(b"b", 0.005)), True),
        (Repeat(encode_head(100), 0.005), True),
    ],
    ids=["hang", "informed", "drip", "informing"],
)
@retry_with_longer_limits
def test_late_head(kind: PoolKind, answer: Any, sent: bool, limit: float) -> None:
    """A response head that is incomplete at the deadline is a timeout, even if bytes keep arriving."""

    async def body() -> None:
        with Loopback(answer) as server:
            async with kind.make_pool(1) as pool:
                failed = await pool.open(build_get(server.url), timeout=limit)
                assert failed == EffectFailed(TimedOut("headers", f"waiting for 127.0.0.1:{server.port}", sent))
                await to_thread.run_sync(server.wait_closed, 1)

    kind.run(body)


@retry_with_longer_limits
def test_endless_information(kind: PoolKind, limit: float) -> None:
    """Informational responses without end exceed the deadline, or with httptools the maximum size of a head."""

    async def body() -> None:
        with Loopback(Repeat(encode_head(100) * 100, 0)) as server:
            async with kind.make_pool(1) as pool:
                failed = await pool.open(build_get(server.url), timeout=limit)
                assert isinstance(failed.error, Disconnected if kind.transport is httptools else TimedOut)
                await to_thread.run_sync(server.wait_closed, 1)

    kind.run(body)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "later_bytes",
    [Hang(), Drip(b"7f\r\n" + b"a" * 127, 0.005), Repeat(b"1\r\na\r\n" * 10, 0), Repeat(b"", 0.01)],
    ids=["hang", "drip", "forever", "silence"],
)
@retry_with_longer_limits
def test_late_body(kind: PoolKind, later_bytes: Any, tls: bool, limit: float) -> None:
    """A body that is incomplete at the deadline is a timeout, even if chunks keep arriving."""

    async def body() -> None:
        with Loopback([(Send(encode_head(200, CHUNKED)), later_bytes)], tls=tls) as server:
            async with kind.make_pool(1, ssl_context=make_trusting_context(server)) as pool:
                response = await pool.open(build_get(server.url))
                deadline = time.monotonic() + limit
                chunk_read: Any = b"."
                while not isinstance(chunk_read, EffectFailed):
                    assert chunk_read != b""
                    chunk_read = await response.read(timeout=deadline - time.monotonic())
                assert chunk_read.error == TimedOut("idle", f"reading from 127.0.0.1:{server.port}", sent=True)
                assert await response.read() == chunk_read
                await response.close()
                await to_thread.run_sync(server.wait_closed, 1)

    kind.run(body)


@retry_with_longer_limits
def test_late_upload(kind: PoolKind, limit: float) -> None:
    """Sending to a server that does not read ends at the deadline."""

    async def body() -> None:
        with reserve_silent_port() as port:
            async with kind.make_pool(1) as pool:
                failed = await pool.open(build_post(f"http://127.0.0.1:{port}", b"a" * 20_000_000), timeout=limit)
                assert failed.error == TimedOut("headers", f"waiting for 127.0.0.1:{port}", sent=True)

    kind.run(body)


def test_refused(kind: PoolKind) -> None:
    """A refused connection is a `ConnectError`, and nothing counts as sent."""

    async def body() -> None:
        with reserve_refusing_port() as port:
            async with kind.make_pool(1) as pool:
                for _ in range(2):
                    failed = await pool.open(build_get(f"http://127.0.0.1:{port}"))
                    assert failed == EffectFailed(ConnectError(f"connecting to 127.0.0.1:{port}", "Connection refused"))

    kind.run(body)


def test_unanswered(kind: PoolKind) -> None:
    """A host that does not answer is a timeout after `connect_timeout`, or at an earlier deadline."""

    async def body() -> None:
        with reserve_silent_port(connects=False) as port:
            async with kind.make_pool(1) as pool:
                for deadline, connect in ((5.0, 0.05), (0.05, 5.0)):
                    failed = await pool.open(
                        build_get(f"http://127.0.0.1:{port}"), timeout=deadline, connect_timeout=connect
                    )
                    assert failed.error == TimedOut("connect", f"connecting to 127.0.0.1:{port}")

    kind.run(body)


# Bodies that end with the connection

BODY_UNTIL_END = Send(encode_head(200, ()) + b"half")
COMPLETE_BODY = Send(encode_head(200, (("content-length", "4"),)) + b"full")


@pytest.mark.parametrize("sent", [BODY_UNTIL_END, Send(BODY_UNTIL_END.data + bytes(300_000))], ids=["one", "many"])
def test_cut_tls(kind: PoolKind, sent: Send) -> None:
    """
    A body without a length that ends without TLS ``close_notify`` may be cut: it is a failure.

    So it is if the end arrives together with many records, which are read at once.
    """

    async def body() -> None:
        with Loopback((sent, Close(abrupt=True)), tls=True) as server:
            async with kind.make_pool(1, ssl_context=make_trusting_context(server)) as pool:
                failed = await pool.call(build_get(server.url))
                assert failed == EffectFailed(
                    Disconnected(
                        f"reading from 127.0.0.1:{server.port}",
                        "the connection ended without TLS close_notify",
                    )
                )

    kind.run(body)


@pytest.mark.parametrize(
    ("sent", "end"), [(BODY_UNTIL_END, Close()), (COMPLETE_BODY, Close(abrupt=True))], ids=["notified", "complete"]
)
def test_complete_tls(kind: PoolKind, sent: Send, end: Close) -> None:
    """A body is complete with ``close_notify``, or with its length."""

    async def body() -> None:
        with Loopback((sent, end), tls=True) as server:
            async with kind.make_pool(1, ssl_context=make_trusting_context(server)) as pool:
                assert await pool.call(build_get(server.url)) == (200, sent.data[-4:])

    kind.run(body)
