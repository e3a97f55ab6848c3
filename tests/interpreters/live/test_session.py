"""Sessions over a real socket: messages and turns, errors, and closing."""

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
    """A turn ends with ``turnComplete``, and the session continues with the next turn."""
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
    """Iterating over the session yields all turns, until the server closes."""

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
    """A close code other than 1000 and 1001 is the last item, with code and reason, and the result of `send`."""

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
    """A connection that breaks in the middle of a frame is a failure, after the messages before it."""

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
    """A peer without a pong for a third of the idle timeout is a failure."""

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
    """A peer that answers pings may send no messages for longer than the idle timeout."""

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
    """Frames of ten megabytes can be sent and received."""
    text = "x" * 10_000_000

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        message = await connection.receive()
        await connection.send_turn(message["realtimeInput"]["text"])
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(live.realtime_input(text=text))
                assert [text] == await read_texts(session.turn())

        run(body)


def test_fragments_and_bytes(run: Any) -> None:
    """A message may arrive in fragments, with pings in between, and as a binary frame."""

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
    """A message of an unknown kind is a value with its JSON in ``extra``, not a failure."""

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
                assert {"moodOfTheDay": {"hue": 3}} == first.extra
                assert ["on"] == await read_texts(session.turn())

        run(body)


@pytest.mark.parametrize(
    ("sent", "kind"), [(b"no JSON", DecodeError), (b'{"error": {"code": 429, "message": "later"}}', APIError)]
)
def test_garbage_and_errors(run: Any, sent: bytes, kind: type) -> None:
    """A message that cannot be decoded, or is a server error, is the last item."""

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
    """A session that is closed before its setup is complete has failed, with any code."""

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
    """A handshake refused with an HTTP error is a failure with that error."""
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
    """Without a server the session fails after its attempts, and the block is still entered."""

    async def body() -> None:
        with Peer(two_turns) as peer:
            url = peer.url
        retry = Retry(attempts=2, initial_delay=0.01)
        async with AsyncHttp(Gemini("test-key", base_url=url), retry=retry) as run, run.live(CONNECT_TEXT) as session:
            [last] = [item async for item in session]
            assert isinstance(last.failure(), ConnectError)

    run(body)


def test_silent_handshake(run: Any) -> None:
    """A server that accepts the connection and sends nothing is a timeout."""

    async def body() -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  # anyio's, not Django's
            backend = Gemini("test-key", base_url=f"http://127.0.0.1:{port}")
            async with AsyncHttp(backend, timeouts=Timeouts(idle=0.1)) as run, run.live(CONNECT_TEXT) as session:
                [last] = [item async for item in session]
                assert Failure(TimedOut("headers", "opening a live session", sent=True)) == last

    run(body)


def test_silent_setup(run: Any) -> None:
    """A server that does not answer the setup is a timeout."""

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
    """A server that does not answer in HTTP is a failure."""

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
    """Without credentials the session fails without connecting."""
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
    """Closing an interpreter closes its sessions; one that is opened later fails with `Closed`."""
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
    """If a frame cannot be encoded, `send` fails with the field's name and sends none of its frames."""
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
    """Two tasks cannot read a session at the same time."""
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
    """`live` refuses other requests, and calling an interpreter refuses a session."""

    async def body() -> None:
        async with AsyncHttp(Gemini("test-key")) as run:
            with pytest.raises(InvalidRequest):
                run.live(generate("m", "hi"))  # type: ignore[arg-type]
            with pytest.raises(InvalidRequest, match=r"\.live"):
                await run(CONNECT_TEXT)  # type: ignore[arg-type]

    run(body)
