"""Who is alive and who is not: while much is written, while nobody reads, while a session leaves a connection."""

import threading
import time
from typing import Any

import anyio
import pytest
from returns.result import Failure

from genai_fn import AsyncHttp, Gemini, Retry, Timeouts, live, with_config
from genai_fn.errors import TimedOut
from genai_fn.interpret import live as sessions
from genai_fn.interpret import live_connection
from tests.live.line import TURN, Bare, Line, frame, goodbye, text
from tests.live.test_sessions import ASKED, said

HANDLE = frame(b'{"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true}}')
AWAY = frame(b'{"goAway": {"timeLeft": "30s"}}')
RESUMABLE = ASKED | with_config(session_resumption={})


def http(peer: Bare, idle: float, **settings: Any) -> AsyncHttp:
    timeouts = Timeouts(idle=idle)
    return AsyncHttp(
        Gemini("test-key", base_url=peer.url), proxy="", timeouts=timeouts, retry=Retry(first=0.01), **settings
    )


def one(line: Line) -> None:
    """Say one thing."""
    line.begin(text(b"one") + goodbye(1000))
    line.until_closed()


def test_slow_peer(run: Any) -> None:
    """While a large frame goes out to a slow peer, which cannot answer pings, its taking the bytes is sign enough."""
    size = 4_000_000

    def script(line: Line) -> None:
        line.begin()
        have = 0
        while have < size:
            have += len(line.sock.recv(100_000))
            time.sleep(0.01)
        line.send(text(b"heard") + frame(TURN))
        line.until_closed()

    with Bare(script, room=1 << 15) as peer:

        async def body() -> None:
            async with http(peer, 0.9) as run, run.live(ASKED) as session:
                began = anyio.current_time()
                await session.send(live.realtime_input(text="x" * size))
                assert ["heard"] == await said(session.turn())
                assert anyio.current_time() - began > 0.45

        run(body)


def test_dead_peer(run: Any) -> None:
    """A peer that takes nothing any more, in the midst of a frame, is found to be gone."""
    over = threading.Event()

    def script(line: Line) -> None:
        line.begin()
        over.wait(60)

    with Bare(script, room=1 << 15) as peer:

        async def body() -> None:
            async with http(peer, 0.2) as run, run.live(ASKED) as session:
                await session.send(live.realtime_input(text="x" * 8_000_000))
                [last] = [item async for item in session]
                assert Failure(TimedOut("idle", "waiting for a sign of life", sent=True)) == last
            over.set()

        run(body)


def test_leaving_without_an_answer(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that leaves a connection waits so long for a goodbye, whatever the peer does, and goes on elsewhere."""
    monkeypatch.setattr(live_connection, "PATIENCE", 0.05)

    def deaf(line: Line) -> None:
        line.begin(HANDLE + AWAY)
        over.wait(60)

    def half_closed(line: Line) -> None:
        line.begin(HANDLE)
        line.frame()
        line.send(HANDLE + AWAY + text(b"zero"))
        over.wait(60)

    for script in (deaf, half_closed):
        over = threading.Event()
        with Bare(script, one, room=1 << 15) as peer:

            async def body() -> None:
                async with http(peer, 5.0) as run, run.live(RESUMABLE) as session:
                    if script is half_closed:  # noqa: B023  # run at once
                        await session.send(live.realtime_input(text="go"))
                    texts = await said(session)
                    assert "one" == texts[-1]
                over.set()  # noqa: B023  # run at once

            run(body)


def test_leaving_with_a_frame_half_out(run: Any) -> None:
    """A frame that was half out as the peer hung up goes out whole over the next connection."""
    got: list[bytes] = []

    def script(line: Line) -> None:
        line.begin(HANDLE)
        line.sock.recv(100_000)
        line.send(AWAY + goodbye(1001))

    def next_one(line: Line) -> None:
        line.begin()
        got.append(line.frame()[1])
        one_more(line)

    def one_more(line: Line) -> None:
        line.send(text(b"one") + goodbye(1000))
        line.until_closed()

    with Bare(script, next_one, room=1 << 15) as peer:

        async def body() -> None:
            async with http(peer, 5.0) as run, run.live(RESUMABLE) as session:
                await anext(aiter(session))
                await session.send(live.realtime_input(text="x" * 8_000_000))
                assert ["one"] == await said(session)

        run(body)
    assert [8_000_000] == [each.count(b"x") - 1 for each in got]


def test_an_alarm_of_another_connection(run: Any) -> None:
    """The time that one connection had left does not end the next."""

    def first(line: Line) -> None:
        line.begin(HANDLE + text(b"zero") + frame(b'{"goAway": {"timeLeft": "1.1s"}}'))

    def second(line: Line) -> None:
        line.begin(HANDLE + text(b"one") + AWAY)
        line.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.frame()
        line.sock.settimeout(60)
        line.send(text(b"two") + goodbye(1000))
        line.until_closed()

    with Bare(first, second, one) as peer:

        async def body() -> None:
            async with http(peer, 5.0) as run, run.live(RESUMABLE) as session:
                assert ["zero", "one", "two", "one"] == await said(session)

        run(body)


def test_no_sign_of_life_while_resumed(run: Any) -> None:
    """A resumed connection that gives no sign of life is replaced, too, though nothing was ever said over it."""
    over = threading.Event()

    def first(line: Line) -> None:
        line.begin(HANDLE)

    def silent(line: Line) -> None:
        line.begin()
        over.wait(60)

    with Bare(first, silent, one) as peer:

        async def body() -> None:
            async with http(peer, 0.15) as run, run.live(RESUMABLE) as session:
                assert ["one"] == await said(session)
            over.set()

        run(body)


def test_patience_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A goodbye takes two seconds at the longest."""
    assert 2.0 == sessions.PATIENCE == live_connection.PATIENCE
