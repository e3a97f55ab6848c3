"""A resumable session reconnects by itself when its connection breaks or is about to end."""

from typing import Any

import anyio
from returns.result import Failure, Success

from genai_fn import AsyncHttp, LiveClosed, Retry, Vertex, live, with_config
from genai_fn.errors import ConnectError, Disconnected
from genai_fn.events import Reconnecting, Resumed
from tests.support.live.sessions import CONNECT_TEXT, RESUMABLE, make_http, read_texts
from tests.support.live.websocket_bytes import encode_frame
from tests.support.live.websocket_peer import Peer, PeerConnection, wait_until

FAST_RETRY = Retry(initial_delay=0.01)


def get_handle(connection: PeerConnection) -> str | None:
    """Return the handle in a connection's setup."""
    return connection.setup["sessionResumption"].get("handle")


async def continue_session(connection: PeerConnection) -> None:
    await connection.accept_setup(sessionId="s-2")
    await connection.receive()
    await connection.send_turn("after")
    await connection.receive_until_closed()


def run_resumed_session(run: Any, *scripts: Any) -> Peer:
    """Open a session, wait until it is resumed, send a text, and check the texts of the answer."""
    with Peer(*scripts) as peer:

        async def body() -> None:
            events: list[Any] = []
            async with make_http(peer, on_event=events.append, retry=FAST_RETRY) as run, run.live(RESUMABLE) as session:
                items = aiter(session)
                while (item := (await anext(items)).unwrap()).setup_complete is None:
                    pass
                assert "s-2" == item.setup_complete.session_id
                assert Resumed("s-2") == events[-1]
                assert isinstance(events[0], Reconnecting)
                await session.send(live.client_content("and now"))
                assert ["after"] == await read_texts(session.turn())

        run(body)
    assert 1 == peer.most_open
    return peer


def test_go_away(run: Any) -> None:
    """After ``goAway``, a session without messages since its newest handle resumes at once with that handle."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup(sessionId="s-1")
        await connection.send_handle("h-1")
        await connection.send(sessionResumptionUpdate={"newHandle": "", "resumable": False})
        await connection.send_handle("h-2")
        await connection.send(sessionResumptionUpdate={"newHandle": "h-none", "resumable": False})
        await connection.send(goAway={"timeLeft": "10s"})
        assert 1000 == await connection.receive_until_closed()

    peer = run_resumed_session(run, script, continue_session)
    assert [None, "h-2"] == [get_handle(each) for each in peer.connections]


def test_go_away_then_closed(run: Any) -> None:
    """The close code of a connection after ``goAway`` does not matter."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(goAway={})
        await connection.send_handle("h-1")
        await connection.send(serverContent={"modelTurn": {"parts": [{"text": "in the midst of"}]}})
        await connection.close(1011, "time is up")

    async def read_until_closed(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.send(serverContent={"modelTurn": {"parts": [{"text": "in the midst of"}]}})
        await connection.send(goAway={})
        await connection.close(1011, "time is up")

    for each in (script, read_until_closed):
        assert "h-1" == get_handle(run_resumed_session(run, each, continue_session).connections[1])


def test_go_away_in_the_midst_of_a_turn(run: Any) -> None:
    """While the handle does not cover all messages, the session waits for a newer one, or until ``timeLeft``."""

    async def send_late_handle(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.send(serverContent={"modelTurn": {"parts": [{"text": "in the midst of"}]}})
        await connection.send(goAway={"timeLeft": "10s"})
        await connection.send(serverContent={"turnComplete": True})
        await connection.send_handle("h-2")
        assert 1000 == await connection.receive_until_closed()

    async def send_no_handle(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-2")
        await connection.send(serverContent={"modelTurn": {"parts": [{"text": "in the midst of"}]}})
        await connection.send(goAway={"timeLeft": "1.1s"})
        assert 1000 == await connection.receive_until_closed()

    for script in (send_late_handle, send_no_handle):
        assert "h-2" == get_handle(run_resumed_session(run, script, continue_session).connections[1])


def test_dropped(run: Any) -> None:
    """A broken connection is replaced, also in the middle of a frame."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.send_bytes(encode_frame(b'{"serverContent": {}}')[:9])
        await connection.abort()

    assert "h-1" == get_handle(run_resumed_session(run, script, continue_session).connections[1])


def test_dropped_again_and_again(run: Any) -> None:
    """A new connection that breaks before its setup is a failed attempt; after the last one the session fails."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.abort()

    async def close_before_setup(connection: PeerConnection) -> None:
        await connection.abort()

    assert 4 == len(
        run_resumed_session(run, script, close_before_setup, close_before_setup, continue_session).connections
    )

    with Peer(script, close_before_setup) as peer:

        async def body() -> None:
            retry = Retry(attempts=3, initial_delay=0.01)
            async with make_http(peer, retry=retry) as run, run.live(RESUMABLE) as session:
                *_, serve_last = [item async for item in session]
                assert isinstance(serve_last.failure(), Disconnected)

        run(body)
    assert 4 == len(peer.connections)


def test_server_is_gone(run: Any) -> None:
    """If the server does not exist any more, the session fails after its attempts."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with (
                make_http(peer, retry=Retry(attempts=2, initial_delay=0.01)) as run,
                run.live(RESUMABLE) as session,
            ):
                await anext(aiter(session))
                peer.stop()
                [serve_last] = [item async for item in session]
                assert isinstance(serve_last.failure(), ConnectError)

        run(body)


def test_refused_handle(run: Any) -> None:
    """A handle that the server rejects ends the session, with the server's reason."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.abort()

    async def refuse_handle(connection: PeerConnection) -> None:
        await connection.receive()
        await connection.close(1008, "what handle?")

    with Peer(script, refuse_handle) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(RESUMABLE) as session:
                *_, serve_last = [item async for item in session]
                assert Failure(LiveClosed(1008, "what handle?")) == serve_last

        run(body)
    assert 2 == len(peer.connections)


def test_no_handle(run: Any) -> None:
    """Without a resumable handle, or without session resumption, a broken connection ends the session."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(sessionResumptionUpdate={"newHandle": "h-no", "resumable": False})
        await connection.abort()

    for session_request in (RESUMABLE, CONNECT_TEXT):
        with Peer(script) as peer:

            async def body() -> None:
                async with make_http(peer) as run, run.live(session_request) as session:  # noqa: B023  # run at once
                    *_, serve_last = [item async for item in session]
                    assert isinstance(serve_last.failure(), Disconnected)

            run(body)
        assert 1 == len(peer.connections)


def test_closed_by_us(run: Any) -> None:
    """A session that is closed by the client does not reconnect, whatever the server does."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.send(goAway={})
        await connection.receive_until_closed()
        await connection.abort()

    with Peer(script, continue_session) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(RESUMABLE) as session:
                await anext(aiter(session))
                await session.close()
                assert all([isinstance(item, Success) async for item in session])

        run(body)
    assert 1 == len(peer.connections)


def test_normal_end(run: Any) -> None:
    """A server's close with code 1000 ends the session, with or without a handle."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.close(1000)

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(RESUMABLE) as session:
                assert [Success] == [type(item) async for item in session]

        run(body)
    assert 1 == len(peer.connections)


def test_nothing_queued_is_lost(run: Any) -> None:
    """Messages queued without a connection are sent over the next one, in order and once."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_handle("h-1")
        await connection.receive()
        await connection.abort()

    async def accept_late(connection: PeerConnection) -> None:
        await anyio.sleep(0.05)
        await connection.accept_setup()
        for _ in range(3):
            await connection.receive()
        await connection.send_turn("after")
        await connection.receive_until_closed()

    with Peer(script, accept_late) as peer:

        async def body() -> None:
            events: list[Any] = []
            async with make_http(peer, on_event=events.append) as run, run.live(RESUMABLE) as session:
                await anext(aiter(session))
                await session.send(live.realtime_input(text="0"))
                await wait_until(lambda: events)
                await session.send(*[live.realtime_input(text=str(n)) for n in (1, 2, 3)])
                assert ["after"] == await read_texts(session.turn())

        run(body)
    texts = [[each["realtimeInput"]["text"] for each in connection.received[1:]] for connection in peer.connections]
    assert [["0"], ["1", "2", "3"]] == texts


def test_transparent(run: Any) -> None:
    """If the server reports which messages its handle covers, only the others are sent again."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for _ in range(3):
            await connection.receive()
        await connection.send_handle("h-1", lastConsumedClientMessageIndex="2")
        await connection.receive()
        await connection.abort()

    async def serve_second(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for _ in range(2):
            await connection.receive()
        await connection.send_handle("h-2", lastConsumedClientMessageIndex="1")
        await connection.abort()

    async def serve_last(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.receive()
        await connection.send_turn("after")
        await connection.receive_until_closed()

    with Peer(script, serve_second, serve_last) as peer:

        async def body() -> None:
            transparent = live.connect("m") | with_config(session_resumption={"transparent": True})
            backend = Vertex(base_url=peer.url, headers={"authorization": "x"})
            async with (
                AsyncHttp(backend, proxy="", retry=Retry(initial_delay=0.01)) as run,
                run.live(transparent) as session,
            ):
                await session.send(*[live.realtime_input(text=str(n)) for n in range(3)])
                await anext(aiter(session))
                await session.send(live.realtime_input(text="3"))
                assert ["after"] == await read_texts(session.turn())

        run(body)
    texts = [[each["realtimeInput"]["text"] for each in connection.received[1:]] for connection in peer.connections]
    assert [["0", "1", "2", "3"], ["2", "3"], ["3"]] == texts
