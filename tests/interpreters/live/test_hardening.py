"""Sessions in the hands of people who make mistakes: entered twice, closed from anywhere, callbacks that raise."""

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from returns.result import Failure, Success

from genai_fn import AsyncHttp, Gemini, InvalidRequest, Retry, calling, live
from genai_fn.errors import Closed
from genai_fn.events import Called, Reconnecting, Resumed
from tests.support.cancellation.points import spotless
from tests.support.live.sessions import CONNECT_TEXT, RESUMABLE, make_http, read_texts
from tests.support.live.websocket_bytes import RawConnection, RawPeer
from tests.support.live.websocket_peer import Peer, PeerConnection, wait_until


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with spotless():
        yield


async def quiet(connection: PeerConnection) -> None:
    """Set up, and listen."""
    await connection.accept_setup()
    await connection.receive_until_closed()


async def dropped(connection: PeerConnection) -> None:
    """Give a handle, and break."""
    await connection.accept_setup()
    await connection.send_handle("h-1")
    await connection.abort()


async def calls(connection: PeerConnection) -> None:
    """Call a function."""
    await connection.accept_setup()
    await connection.send(toolCall={"functionCalls": [{"name": "act", "id": "1", "args": {}}]})
    await connection.receive_until_closed()


def test_entered_twice(run: Any) -> None:
    """A session is entered once; the mistake is told, and harms nobody."""
    with Peer(quiet) as peer:

        async def body() -> None:
            async with make_http(peer) as run:
                async with run.live(CONNECT_TEXT) as session:
                    with pytest.raises(InvalidRequest, match="second block"):
                        await session.__aenter__()
                    assert Success(None) == await session.send(live.client_content("hi"))
                with pytest.raises(InvalidRequest, match="second block"):
                    await session.__aenter__()

        run(body)
    assert 2 == len(peer.connections[0].received)


def test_never_entered(run: Any) -> None:
    """A session without its block is told so: nobody would ever send, nor hear anything."""

    async def body() -> None:
        async with AsyncHttp(Gemini("test-key")) as run:
            session = run.live(CONNECT_TEXT)
            with pytest.raises(InvalidRequest, match="async with"):
                await session.send(live.client_content("hi"))
            with pytest.raises(InvalidRequest, match="async with"):
                await anext(aiter(session))

    run(body)


def test_closed_before_it_is_entered(run: Any) -> None:
    """A session that was closed before, by itself or with its interpreter, never dials, and is at its end."""
    with Peer(quiet) as peer:

        async def body() -> None:
            interpreter = make_http(peer)
            sessions = [interpreter.live(CONNECT_TEXT) for _ in range(3)]
            await sessions[0].close()
            sessions[1].abort()
            await interpreter.aclose()
            for session in sessions:
                async with session:
                    assert Failure(Closed("the session has ended")) == await session.send(live.client_content("hi"))
                    assert [] == [item async for item in session]

        run(body)
    assert [] == peer.connections


def test_after_the_block(run: Any) -> None:
    """After its block a session says that it has ended, and gives what had come before the end."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_turn("one")
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run:
                async with run.live(CONNECT_TEXT) as session:
                    await wait_until(lambda: len(session._inbox._items) >= 2)
                assert Failure(Closed("the session has ended")) == await session.send(live.client_content("hi"))
                assert ["one"] == await read_texts(session)
                await session.close()
                assert [] == await read_texts(session.turn())

        run(body)


def test_closed_twice_at_once(run: Any) -> None:
    """Two tasks may close a session; both return when it is closed, and what was sent has gone out."""
    with Peer(quiet) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(*[live.realtime_input(text="x" * 300_000)] * 20)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(session.close)
                    tasks.start_soon(session.close)
                await session.close()

        run(body)
    assert 21 == len(peer.connections[0].received)
    assert [1000] == peer.close_codes


def test_closed_by_a_function(run: Any) -> None:
    """A function that the model called may close the session; what was sent before still goes out."""
    with Peer(calls) as peer:

        async def body() -> None:
            async with make_http(peer) as run:

                async def act() -> str:
                    await session.send(*[live.realtime_input(text="x" * 300_000)] * 20)
                    await session.close()
                    return "never said"

                async with run.live(CONNECT_TEXT | calling(act)) as session:
                    items = [item.unwrap() async for item in session]
                    assert 1 == len(items)
                    await session.close()

        run(body)
    assert 21 == len(peer.connections[0].received)
    assert [1000] == peer.close_codes


def test_cancelled_close(run: Any) -> None:
    """A close that is cancelled goes on by itself: what was sent still goes out, within its time."""
    with Peer(quiet) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                await session.send(*[live.realtime_input(text="x" * 300_000)] * 20)
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await session.close()
                assert [] == [item async for item in session]
                await wait_until(lambda: peer.close_codes)

        run(body)
    assert 21 == len(peer.connections[0].received)
    assert [1000] == peer.close_codes


class Heard(Exception):
    """What a callback raises."""


class Interrupt(BaseException):
    """What is no plain exception."""


def raising(kind: type, error: BaseException) -> Any:
    """Make a callback that raises at events of a kind."""

    def told(event: Any) -> None:
        if isinstance(event, kind):
            raise error

    return told


EVENTS = {
    "reconnecting": (Reconnecting, RESUMABLE, (dropped, quiet)),
    "resumed": (Resumed, RESUMABLE, (dropped, quiet)),
    "called": (Called, None, (calls,)),
}


@pytest.mark.parametrize("name", EVENTS)
def test_callback_raises(run: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a callback raises reaches whoever reads, as itself and once; the session has ended, the block goes on."""
    kind, asked, scripts = EVENTS[name]

    def act() -> None:
        """Do nothing."""

    with Peer(*scripts) as peer:

        async def body() -> None:
            error = Heard("oh")
            reached = False
            async with make_http(peer, on_event=raising(kind, error), retry=Retry(initial_delay=0.01)) as run:
                async with run.live(asked or CONNECT_TEXT | calling(act)) as session:
                    with pytest.raises(Heard) as caught:
                        _ = [item async for item in session]
                    assert caught.value is error
                    await checkpoint()
                    assert [] == [item async for item in session]
                    reached = True
            assert reached

        for module in ("session", "connection"):
            monkeypatch.setattr(f"genai_fn.interpreters.live.{module}.CLOSE_TIMEOUT", 1000.0)  # nobody is waited for
        run(body)


@pytest.mark.parametrize("name", EVENTS)
def test_callback_raises_unheard(run: Any, name: str) -> None:
    """Where nobody reads, leaving the block raises it; an error of the block's own takes it along as a note."""
    kind, asked, scripts = EVENTS[name]

    def act() -> None:
        """Do nothing."""

    async def left(own: Exception | None) -> None:
        with Peer(*scripts) as peer:
            error = Heard("oh")
            async with make_http(peer, on_event=raising(kind, error), retry=Retry(initial_delay=0.01)) as run:
                async with run.live(asked or CONNECT_TEXT | calling(act)) as session:
                    await wait_until(lambda: session._raised_error is not None)
                    if own is not None:
                        raise own

    async def body() -> None:
        with pytest.raises(Heard):
            await left(None)
        with pytest.raises(KeyError) as caught:
            await left(KeyError("mine"))
        assert "Heard('oh')" in caught.value.__notes__[0]

    run(body)


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, Interrupt])
def test_interrupts(run: Any, name: str, kind: type[BaseException]) -> None:
    """An interrupt in a callback or a function ends all, and comes out as itself."""
    event, asked, scripts = EVENTS[name]
    error = kind("stop")

    def act() -> None:
        """Do nothing."""

    with Peer(*scripts) as peer:

        async def body() -> None:
            async with make_http(peer, on_event=raising(event, error), retry=Retry(initial_delay=0.01)) as run:
                async with run.live(asked or CONNECT_TEXT | calling(act)) as session:
                    _ = [item async for item in session]
                    await anyio.sleep_forever()

        before = set(threading.enumerate())
        with pytest.raises(kind) as caught:
            run(body)
        assert caught.value is error
        for thread in set(threading.enumerate()) - before:
            thread.join(60)
            assert not thread.is_alive(), "asyncio did not come to its end"


def test_closed_by_a_callback(run: Any) -> None:
    """A callback may cut the session: it never connects again."""
    with Peer(dropped, quiet) as peer:

        async def body() -> None:
            cut: list[Any] = []

            def told(event: Any) -> None:
                cut.append(event)
                session.abort()

            async with make_http(peer, on_event=told) as run, run.live(RESUMABLE) as session:
                assert 1 == len([item async for item in session])
                await anyio.sleep(0.01)
            assert [Reconnecting] == list(map(type, cut))

        run(body)
    assert 1 == len(peer.connections)


def test_interpreter_closed_meanwhile(run: Any) -> None:
    """An interpreter that is closed while a session is being entered, or while it waits to connect anew, ends it."""

    def silent(connection: RawConnection) -> None:
        connection.read_request()
        connection.read_until_closed()

    def broken(connection: RawConnection) -> None:
        connection.send(b"nothing\r\n\r\n")

    async def body() -> None:
        for script in (silent, broken):
            with RawPeer(script) as peer:
                interpreter = AsyncHttp(
                    Gemini("test-key", base_url=peer.url), proxy="", retry=Retry(initial_delay=30.0)
                )

                def is_connecting() -> bool:
                    first = next(iter(peer.connections), None)  # noqa: B023  # run at once
                    return first is not None and (bool(first.head) or script is broken)  # noqa: B023  # run at once

                async with anyio.create_task_group() as tasks:

                    async def closed() -> None:
                        await wait_until(is_connecting)  # noqa: B023  # run at once
                        await anyio.sleep(0.01)
                        await interpreter.aclose()  # noqa: B023  # run at once

                    tasks.start_soon(closed)
                    async with interpreter.live(CONNECT_TEXT) as session:
                        assert [] == [item async for item in session if isinstance(item, Success)]

    run(body)


def test_closed_from_another_loop(run: Any) -> None:
    """An interpreter serves several event loops; whichever closes it, sessions of all come to their end."""
    with Peer(quiet) as peer:
        interpreter, ends = make_http(peer), list[Any]()

        async def body() -> None:
            async with interpreter.live(CONNECT_TEXT) as session:
                ends.append([item async for item in session])

        thread = threading.Thread(target=run, args=(body,))
        thread.start()

        async def elsewhere() -> None:
            await wait_until(lambda: peer.connections and peer.connections[0].setup)
            await interpreter.aclose()

        run(elsewhere)
        thread.join(60)
        assert not thread.is_alive()
    assert [[]] == ends


def test_sender_is_cancelled(run: Any) -> None:
    """A sender may be cancelled while it waits for another, or for room: the others go on."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await anyio.sleep(0.1)
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:

                async def flood(letter: str) -> None:
                    for _ in range(12):
                        await session.send(live.realtime_input(text=letter * 700_000))

                scopes = [anyio.CancelScope() for _ in "abc"]

                async def scoped(letter: str, scope: anyio.CancelScope) -> None:
                    with scope:
                        await flood(letter)

                async with anyio.create_task_group() as tasks:
                    for letter, scope in zip("abc", scopes, strict=True):
                        tasks.start_soon(scoped, letter, scope)
                    await anyio.sleep(0.02)
                    scopes[0].cancel()
                    scopes[1].cancel()
                assert Success(None) == await session.send(live.realtime_input(text="end"))

        run(body)
    texts = [each["realtimeInput"]["text"] for each in peer.connections[0].received[1:]]
    assert "end" == texts.pop()
    assert {700_000} == set(map(len, texts))
    assert 12 == sum(each.startswith("c") for each in texts)


def test_nothing_is_held_of_calls_that_ended(run: Any) -> None:
    """A session that answers calls for hours does not grow by them."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for number in range(20):
            await connection.send(toolCall={"functionCalls": [{"name": "act", "id": str(number), "args": {}}]})
            await connection.receive()
        await connection.receive_until_closed()

    async def act() -> str:
        """Act."""
        return "done"

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT | calling(act)) as session:
                await wait_until(lambda: len(peer.connections[0].received) >= 21)
                await wait_until(lambda: not session._call_scopes)

        run(body)
