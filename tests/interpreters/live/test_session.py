"""Sessions over a real socket: what is said arrives, turn after turn, until the session is closed."""

import json
from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from genai_fn import (
    AsyncHttp,
    Gemini,
    InvalidRequest,
    LiveClosed,
    Retry,
    Timeouts,
    generate,
    live,
    with_options,
)
from genai_fn.errors import APIError, AuthError, Closed, ConnectError, DecodeError, Disconnected, TimedOut
from genai_fn.schema import LiveServerMessage
from tests.support.limits import patient
from tests.support.live.sessions import CONNECT_TEXT, make_http, read_texts
from tests.support.live.websocket_bytes import encode_frame
from tests.support.live.websocket_peer import Peer, PeerConnection, ignore_pings


async def two_turns(connection: PeerConnection) -> None:
    await connection.accept_setup(sessionId="s-1")
    await connection.receive()
    await connection.send_turn("one")
    await connection.receive()
    await connection.send_turn("two")
    await connection.receive_until_closed()


def test_two_turns(run: Any) -> None:
    """A turn ends where the model says so, and the session goes on: with the next."""
    with Peer(two_turns) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                assert "s-1" == session.id
                assert Success(None) == await session.send(live.client_content("first"))
                assert ["one"] == await read_texts(session.turn())
                assert Success(None) == await session.send(live.client_content("second"))
                assert ["two"] == await read_texts(session.turn())

        run(body)
    [connection] = peer.connections
    assert "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent" == connection.path
    assert "test-key" == connection.headers["x-goog-api-key"]
    assert connection.setup == {"model": "models/m", "generationConfig": {"responseModalities": ["TEXT"]}}
    assert ["first", "second"] == [
        each["clientContent"]["turns"][0]["parts"][0]["text"] for each in connection.received if "clientContent" in each
    ]
    assert [1000] == peer.close_codes


def test_iteration_goes_on(run: Any) -> None:
    """Iterating over the session itself gives all turns, until the peer closes."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_turn("one")
        await connection.send_turn("two")
        await connection.close(1001)

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                assert ["one", "two"] == await read_texts(session)
                assert Failure(Closed("the session has ended")) == await session.send(live.client_content("late"))

        run(body)


@pytest.mark.parametrize(("code", "reason"), [(1008, "not you"), (1011, "oh"), (4000, "")])
def test_close_codes(run: Any, code: int, reason: str) -> None:
    """Whatever closes a session but 1000 and 1001 is its last item, with code and reason; so is what `send` answers."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_turn("one")
        await connection.close(code, reason)

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                *items, last = [item async for item in session]
                assert 2 == len(items)
                assert Failure(LiveClosed(code, reason)) == last
                assert last == await session.send(live.client_content("late"))

        run(body)


def test_cut_mid_frame(run: Any) -> None:
    """A connection that breaks in the midst of a frame is a failure; what came before it is there."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_turn("one")
        await connection.send_bytes(encode_frame(b'{"serverContent": {}}')[:9])
        await connection.abort()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                *items, last = [item async for item in session]
                assert 2 == len(items)
                assert isinstance(last.failure(), Disconnected)

        run(body)


@patient
def test_no_pong(run: Any, limit: float) -> None:
    """A peer that gives no sign of life for a third of what silence may last is a failure."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        ignore_pings(connection)
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer, timeouts=Timeouts(idle=limit)) as run, run.live(CONNECT_TEXT) as session:
                [last] = [item async for item in session]
                assert Failure(TimedOut("idle", "waiting for a pong", sent=True)) == last

        run(body)


@patient
def test_quiet_peer(run: Any, limit: float) -> None:
    """A peer that says nothing, and answers pings, may be silent for longer than that."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.receive()
        await connection.send_turn("at last")
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer, timeouts=Timeouts(idle=limit)) as run, run.live(CONNECT_TEXT) as session:
                await anyio.sleep(3 * limit)
                await session.send(live.client_content("still there?"))
                assert ["at last"] == await read_texts(session.turn())

        run(body)


def test_ten_megabytes(run: Any) -> None:
    """A frame of ten megabytes goes both ways."""
    text = "x" * 10_000_000

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        heard = await connection.receive()
        await connection.send_turn(heard["realtimeInput"]["text"])
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(live.realtime_input(text=text))
                assert [text] == await read_texts(session.turn())

        run(body)


def test_fragments_and_bytes(run: Any) -> None:
    """A message may come in fragments, with pings between, and as bytes."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        whole = b'{"serverContent": {"modelTurn": {"parts": [{"text": "whole"}]}, "turnComplete": true}}'
        await connection.send_bytes(
            encode_frame(whole[:20], 2, fin=False) + encode_frame(b"?", 9) + encode_frame(whole[20:], 0)
        )
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                assert ["whole"] == await read_texts(session.turn())

        run(body)


def test_unknown_frames(run: Any) -> None:
    """A message of a kind that nobody knows is a value with its raw text, and no failure."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(moodOfTheDay={"hue": 3})
        await connection.send_turn("on")
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                first = (await anext(aiter(session))).unwrap()
                assert isinstance(first, LiveServerMessage)
                assert {"moodOfTheDay": {"hue": 3}} == json.loads(first.raw)  # type: ignore[attr-defined]
                assert ["on"] == await read_texts(session.turn())

        run(body)


@pytest.mark.parametrize(
    ("sent", "kind"), [(b"no JSON", DecodeError), (b'{"error": {"code": 429, "message": "later"}}', APIError)]
)
def test_garbage_and_errors(run: Any, sent: bytes, kind: type) -> None:
    """What cannot be read, or is an error of the server's, is the last item."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_bytes(encode_frame(sent))
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                [last] = [item async for item in session]
                assert isinstance(last.failure(), kind)

        run(body)
    assert [1000] == peer.close_codes


@pytest.mark.parametrize("code", [1000, 1008])
def test_refused_setup(run: Any, code: int) -> None:
    """A session that is closed before it is set up has failed, whatever the code."""

    async def script(connection: PeerConnection) -> None:
        await connection.receive()
        await connection.close(code, "no such model")

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                assert session.id is None
                assert Failure(LiveClosed(code, "no such model")) == await session.send(live.client_content("hi"))
                assert [Failure(LiveClosed(code, "no such model"))] == [item async for item in session]

        run(body)


def test_refused_handshake(run: Any) -> None:
    """A handshake that is refused by HTTP is the error that HTTP says; one that may pass is tried again."""
    with Peer(refuse=(403, b'{"error": {"code": 403, "message": "not you", "status": "PERMISSION_DENIED"}}')) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                [last] = [item async for item in session]
                assert (403, "PERMISSION_DENIED", "not you") == (
                    last.failure().code,
                    last.failure().status,
                    last.failure().message,
                )

        run(body)


def test_nobody_there(run: Any) -> None:
    """Where nobody listens the session fails, after its tries, and the block is entered all the same."""

    async def body() -> None:
        with Peer(two_turns) as peer:
            url = peer.url
        retry = Retry(attempts=2, initial_delay=0.01)
        async with AsyncHttp(Gemini("test-key", base_url=url), retry=retry) as run, run.live(CONNECT_TEXT) as session:
            [last] = [item async for item in session]
            assert isinstance(last.failure(), ConnectError)

    run(body)


def test_silent_handshake(run: Any) -> None:
    """A server that accepts the connection and says nothing is given up."""

    async def body() -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  # anyio's, not Django's
            backend = Gemini("test-key", base_url=f"http://127.0.0.1:{port}")
            async with AsyncHttp(backend, timeouts=Timeouts(idle=0.1)) as run, run.live(CONNECT_TEXT) as session:
                [last] = [item async for item in session]
                assert Failure(TimedOut("headers", "opening a live session", sent=True)) == last

    run(body)


def test_silent_setup(run: Any) -> None:
    """A server that never answers the setup is given up."""

    async def script(connection: PeerConnection) -> None:
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with (
                make_http(peer) as run,
                run.live(CONNECT_TEXT | with_options(timeouts=Timeouts(idle=0.1))) as session,
            ):
                [last] = [item async for item in session]
                assert isinstance(last.failure(), TimedOut)

        run(body)


def test_no_http(run: Any) -> None:
    """What answers in no known tongue, or hangs up at once, is a failure."""

    async def body() -> None:
        async def answer(stream: Any) -> None:
            async with stream:
                await stream.receive()
                await stream.send(b"220 hello, this is mail\r\n\r\n")

        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  # anyio's, not Django's
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, answer)
                backend = Gemini("test-key", base_url=f"http://127.0.0.1:{port}")
                async with AsyncHttp(backend, retry=Retry(attempts=1)) as run, run.live(CONNECT_TEXT) as session:
                    [last] = [item async for item in session]
                    assert isinstance(last.failure(), Disconnected)
                tasks.cancel_scope.cancel()

    run(body)


def test_no_key(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials the session says so, and nothing is dialled."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)

    async def body() -> None:
        for backend in (None, Gemini()):
            async with AsyncHttp(backend) as run, run.live(CONNECT_TEXT) as session:
                assert isinstance((await session.send(live.client_content("hi"))).failure(), AuthError)
                [last] = [item async for item in session]
                assert isinstance(last.failure(), AuthError)

    run(body)


def test_closed_interpreter(run: Any) -> None:
    """A session of an interpreter that was closed is closed; one that is opened after that is `Closed`."""
    with Peer(two_turns) as peer:

        async def body() -> None:
            interpreter = make_http(peer)
            async with interpreter.live(CONNECT_TEXT) as session:
                await interpreter.aclose()
                assert [] == [item async for item in session]
            async with interpreter.live(CONNECT_TEXT) as session:
                assert [Failure(Closed())] == [item async for item in session]

        run(body)


def test_refused_frames(run: Any) -> None:
    """A frame that cannot be sent is refused by name, and those beside it are not sent."""
    with Peer(two_turns) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                response = live.tool_response([{"name": "f", "response": {}}])
                refused = await session.send(live.client_content("never"), response)
                assert isinstance(refused.failure(), InvalidRequest)
                await session.send(live.client_content("first"))
                assert ["one"] == await read_texts(session.turn())

        run(body)
    assert 2 == len(peer.connections[0].received)


def test_two_readers(run: Any) -> None:
    """Two tasks cannot read one session."""
    with Peer(two_turns) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(anext, aiter(session))
                    await anyio.wait_all_tasks_blocked()
                    with pytest.raises(RuntimeError, match="by another task"):
                        await anext(aiter(session))
                    tasks.cancel_scope.cancel()
                await session.send(live.client_content("first"))
                assert ["one"] == await read_texts(session.turn())

        run(body)


def test_only_sessions(run: Any) -> None:
    """What is no session is refused where it is opened, and a session where actions are run."""

    async def body() -> None:
        async with AsyncHttp(Gemini("test-key")) as run:
            with pytest.raises(InvalidRequest):
                run.live(generate("m", "hi"))  # type: ignore[arg-type]
            with pytest.raises(InvalidRequest, match=r"\.live"):
                await run(CONNECT_TEXT)  # type: ignore[arg-type]

    run(body)
