"""Keep-alive: while much is written, while nothing is read, while a session changes its connection."""

import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from returns.result import Failure

from genai_fn import AsyncHttp, Gemini, Retry, Timeouts, live
from genai_fn.effects import EffectFailed
from genai_fn.errors import TimedOut
from genai_fn.interpreters.live import connection, session as sessions
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.session import Session
from genai_fn.interpreters.live.write_queue import CHUNK_SIZE
from genai_fn.interpreters.offline.live import OfflineConnector
from genai_fn.interpreters.offline.service import OfflineService
from tests.support.limits import retry_with_longer_limits
from tests.support.live.sessions import CONNECT_TEXT, RESUMABLE, read_texts
from tests.support.live.websocket_bytes import RawConnection, RawPeer, encode_close, encode_frame, encode_text
from tests.support.virtual_time import run_virtually

HANDLE = encode_frame(b'{"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true}}')
GO_AWAY = encode_frame(b'{"goAway": {"timeLeft": "30s"}}')


def make_http(peer: RawPeer, idle: float, **settings: Any) -> AsyncHttp:
    timeouts = Timeouts(idle=idle)
    return AsyncHttp(
        Gemini("test-key", base_url=peer.url), proxy="", timeouts=timeouts, retry=Retry(initial_delay=0.01), **settings
    )


def send_one_text(connection: RawConnection) -> None:
    """Send one text and close."""
    connection.accept_setup(encode_text(b"one") + encode_close(1000))
    connection.read_until_closed()


class SlowSocket(MemorySocket):
    """A connection whose peer reads a number of bytes per second, and answers pings after those."""

    def __init__(self, rate: float) -> None:
        super().__init__(lambda data: (SETUP,) if b'"setup"' in data else (REPLY,))
        self._rate = rate
        self._is_free = anyio.Event()
        self._is_free.set()

    async def send(self, data: bytes) -> bool:
        """Send chunk by chunk."""
        self._is_free = anyio.Event()
        for position in range(0, len(data), CHUNK_SIZE):
            await anyio.sleep(CHUNK_SIZE / self._rate)
            self.bytes_transferred += len(data[position : position + CHUNK_SIZE])
        self._is_free.set()
        return await super().send(data)

    async def ping(self) -> None:
        """Wait until the peer has read all bytes sent before."""
        await self._is_free.wait()


class SlowConnector(OfflineConnector):
    """A connector whose socket is slow."""

    def __init__(self, rate: float) -> None:
        super().__init__(CONNECT_TEXT, OfflineService(Gemini("test-key")))
        self._rate = rate

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[Any, None]:
        """Connect offline, and replace the socket by a slow one."""
        async with super().connect(handle) as connection:
            assert not isinstance(connection, EffectFailed)
            yield SlowSocket(self._rate), connection[1]


SETUP = b'{"setupComplete": {}}'
REPLY = b'{"serverContent": {"modelTurn": {"parts": [{"text": "heard"}]}, "turnComplete": true}}'


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_slow_peer(backend: str) -> None:
    """While a slow peer reads a large frame, and so cannot answer pings, the bytes it reads keep the session alive."""

    async def body() -> None:
        connector = SlowConnector(rate=1e6)
        async with Session(CONNECT_TEXT, connector, retry=Retry(attempts=1), timeouts=Timeouts(idle=0.9)) as session:
            began = anyio.current_time()
            await session.send(live.realtime_input(text="x" * 4_000_000))
            assert ["heard"] == await read_texts(session.turn())
            assert anyio.current_time() - began > 3.9

    run_virtually(body, backend)


@retry_with_longer_limits
def test_dead_peer(run: Any, limit: float) -> None:
    """A peer that stops reading in the middle of a frame is a timeout."""
    over = threading.Event()

    def script(connection: RawConnection) -> None:
        connection.accept_setup()
        over.wait(60)

    with RawPeer(script, buffer_size=1 << 15) as peer:

        async def body() -> None:
            async with make_http(peer, limit) as run, run.live(CONNECT_TEXT) as session:
                await session.send(live.realtime_input(text="x" * 8_000_000))
                [last] = [item async for item in session]
                assert Failure(TimedOut("idle", "waiting for a pong", sent=True)) == last

        try:
            run(body)
        finally:
            over.set()


def test_closing_of_an_old_connection(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a session changes its connection, the closing handshake has a time limit."""
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.05)

    def stop_reading(connection: RawConnection) -> None:
        connection.accept_setup(HANDLE + GO_AWAY)
        over.wait(60)

    def keep_half_open(connection: RawConnection) -> None:
        connection.accept_setup(HANDLE)
        connection.read_frame()
        connection.send(HANDLE + GO_AWAY + encode_text(b"zero"))
        over.wait(60)

    for script in (stop_reading, keep_half_open):
        over = threading.Event()
        with RawPeer(script, send_one_text, buffer_size=1 << 15) as peer:

            async def body() -> None:
                async with make_http(peer, 60.0) as run, run.live(RESUMABLE) as session:
                    if script is keep_half_open:  # noqa: B023  # run at once
                        await session.send(live.realtime_input(text="go"))
                    texts = await read_texts(session)
                    assert "one" == texts[-1]
                over.set()  # noqa: B023  # run at once

            run(body)


def test_half_written_frame(run: Any) -> None:
    """A frame that was half written when the peer closed is sent whole over the next connection."""
    frames: list[bytes] = []

    def script(connection: RawConnection) -> None:
        connection.accept_setup(HANDLE)
        connection.sock.recv(100_000)
        connection.send(GO_AWAY + encode_close(1001))

    def read_second(connection: RawConnection) -> None:
        connection.accept_setup()
        frames.append(connection.read_frame()[1])
        read_third(connection)

    def read_third(connection: RawConnection) -> None:
        connection.send(encode_text(b"one") + encode_close(1000))
        connection.read_until_closed()

    with RawPeer(script, read_second, buffer_size=1 << 15) as peer:

        async def body() -> None:
            async with make_http(peer, 60.0) as run, run.live(RESUMABLE) as session:
                await anext(aiter(session))
                await session.send(live.realtime_input(text="x" * 8_000_000))
                assert ["one"] == await read_texts(session)

        run(body)
    assert [8_000_000] == [each.count(b"x") - 1 for each in frames]


def test_timer_of_another_connection(run: Any) -> None:
    """The ``timeLeft`` of one connection does not end the next one."""

    def serve_first(connection: RawConnection) -> None:
        connection.accept_setup(HANDLE + encode_text(b"zero") + encode_frame(b'{"goAway": {"timeLeft": "1.1s"}}'))

    def serve_second(connection: RawConnection) -> None:
        connection.accept_setup(HANDLE + encode_text(b"one") + GO_AWAY)
        connection.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.read_frame()
        connection.sock.settimeout(60)
        connection.send(encode_text(b"two") + encode_close(1000))
        connection.read_until_closed()

    with RawPeer(serve_first, serve_second, send_one_text) as peer:

        async def body() -> None:
            async with make_http(peer, 60.0) as run, run.live(RESUMABLE) as session:
                assert ["zero", "one", "two", "one"] == await read_texts(session)

        run(body)


@retry_with_longer_limits
def test_no_pong_after_resumption(run: Any, limit: float) -> None:
    """A resumed connection without pongs is replaced, even if no message was received over it."""
    over = threading.Event()

    def serve_first(connection: RawConnection) -> None:
        connection.accept_setup(HANDLE)

    def send_nothing(connection: RawConnection) -> None:
        connection.accept_setup()
        over.wait(60)

    with RawPeer(serve_first, send_nothing, send_one_text) as peer:

        async def body() -> None:
            async with make_http(peer, limit) as run, run.live(RESUMABLE) as session:
                assert ["one"] == await read_texts(session)

        try:
            run(body)
        finally:
            over.set()


CLOSE_TIMEOUTS = (sessions.CLOSE_TIMEOUT, connection.CLOSE_TIMEOUT)


def test_closing_time_limit() -> None:
    """A closing handshake takes at most two seconds."""
    assert (2.0, 2.0) == CLOSE_TIMEOUTS
