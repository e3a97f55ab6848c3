"""Messages are sent whole, in order and once, with slow peers and cancelled senders."""

import threading
from itertools import pairwise
from typing import Any

import anyio
import pytest
import trio
from returns.result import Failure, Success

from genai_fn import Timeouts, live
from genai_fn.errors import Closed
from genai_fn.interpreters.live import connection, inbox as boxes, session as sessions
from tests.support.limits import retry_with_longer_limits
from tests.support.live.sessions import CONNECT_TEXT, make_http, read_texts
from tests.support.live.websocket_peer import Peer, PeerConnection, wait_until


def list_realtime_texts(connection: PeerConnection) -> list[str]:
    """List the first characters of the realtime texts that a connection received."""
    return [each["realtimeInput"]["text"][:3] for each in connection.received if "realtimeInput" in each]


LARGE_SIZE = 4_000_000


def test_cancelled_midway(run: Any) -> None:
    """A cancelled `send` to a slow peer sends its whole frame or nothing, and later frames arrive."""
    goes_on = threading.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await wait_until(goes_on.is_set)
        while True:
            received = await connection.receive()
            if received["realtimeInput"]["text"] == "end":
                await connection.send_turn("ended")

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(live.realtime_input(text="100" + "x" * LARGE_SIZE))
                sent = ["100"]
                for number in range(101, 106):
                    with anyio.move_on_after(0.01) as scope:
                        await session.send(live.realtime_input(text=f"{number}" + "x" * LARGE_SIZE))
                        sent.append(str(number))
                    assert scope.cancelled_caught or str(number) == sent[-1]
                assert len(sent) < 6
                goes_on.set()
                assert Success(None) == await session.send(live.realtime_input(text="end"))
                assert ["ended"] == await read_texts(session.turn())
                assert [*sent, "end"] == list_realtime_texts(peer.connections[0])

        run(body)


def test_order(run: Any) -> None:
    """Frames of one `send` stay together and in order, with concurrent senders."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for _ in range(60):
            await connection.receive()
        await connection.close()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:

                async def send(name: str) -> None:
                    await session.send(*[live.realtime_input(text=f"{name}{n:02}") for n in range(20)])

                async with anyio.create_task_group() as tasks:
                    for name in "abc":
                        tasks.start_soon(send, name)
                assert [] == [item async for item in session]

        run(body)
    expected = {name: [f"{name}{n:02}" for n in range(20)] for name in "abc"}
    received = list_realtime_texts(peer.connections[0])
    assert expected == {name: [each for each in received if each.startswith(name)] for name in "abc"}
    assert 2 == sum(1 for left, right in pairwise(received) if left[0] != right[0])


def test_sent_before_the_end(run: Any) -> None:
    """Messages sent just before the end of the block are still written."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(*[live.realtime_input(text=f"{n}" + "x" * 200_000) for n in range(100, 110)])

        run(body)
    assert [str(n) for n in range(100, 110)] == list_realtime_texts(peer.connections[0])
    assert [1000] == peer.close_codes


def test_peer_that_does_not_read(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits a limited time for a peer that does not read; pending senders fail."""
    for module in (sessions, connection):
        monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.2)

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                connection = peer.connections[0]
                stop, is_closed = anyio.Event(), anyio.Event()

                async def send_too_much(*_: Any) -> bytes:
                    await wait_until(is_closed.is_set)
                    raise trio.BrokenResourceError

                connection._websocket._stream.receive_some = send_too_much
                results: list[Any] = []

                async def flood() -> None:
                    for _ in range(20):
                        results.append(await session.send(live.realtime_input(text="x" * LARGE_SIZE)))
                        if isinstance(results[-1], Failure):
                            break
                    stop.set()

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(flood)
                    await anyio.sleep(0.1)
                    assert not stop.is_set()
                    began = anyio.current_time()
                    await session.close()
                    assert 0.1 < anyio.current_time() - began
                    is_closed.set()
                    await stop.wait()
                assert Failure(Closed("the session has ended")) == results[-1]

        run(body)


@retry_with_longer_limits
def test_full_inbox(run: Any, monkeypatch: pytest.MonkeyPatch, limit: float) -> None:
    """With a full inbox reading pauses, a missing pong is ignored, and no message is lost."""
    monkeypatch.setattr(boxes.Inbox.__init__, "__defaults__", (10_000,))

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for number in range(60):
            await connection.send_turn(f"{number}" + "x" * 100_000)
        await connection.close()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer, timeouts=Timeouts(idle=limit)) as run, run.live(CONNECT_TEXT) as session:
                await anyio.sleep(3 * limit)
                assert not session._inbox._is_finished
                assert [str(n) for n in range(60)] == [each.rstrip("x") for each in await read_texts(session)]

        run(body)


def test_cancelled_reader_loses_nothing(run: Any) -> None:
    """A cancelled read loses no message."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for number in range(20):
            await connection.receive()
            await connection.send(serverContent={"modelTurn": {"parts": [{"text": str(number)}]}})
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                texts: list[str] = []
                for _ in range(20):
                    await session.send(live.realtime_input(text="go"))
                    for wait in (0.0, 0.0005, 60):
                        with anyio.move_on_after(wait):
                            texts.append((await anext(aiter(session))).unwrap().text)
                            break
                assert list(map(str, range(20))) == texts

        run(body)
