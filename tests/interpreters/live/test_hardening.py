"""Misuse of sessions: entered twice, closed from anywhere, callbacks that raise."""

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
from tests.support.cancellation.cancel_points import check_no_leaks
from tests.support.live.sessions import CONNECT_TEXT, RESUMABLE, make_http, read_texts
from tests.support.live.websocket_bytes import RawConnection, RawPeer
from tests.support.live.websocket_peer import Peer, PeerConnection, wait_until


@pytest.fixture(autouse=True)
def check_no_garbage() -> Iterator[None]:
    with check_no_leaks():
        yield


async def receive_only(connection: PeerConnection) -> None:
    """Accept the setup, and receive."""
    await connection.accept_setup()
    await connection.receive_until_closed()


async def send_handle_and_abort(connection: PeerConnection) -> None:
    """Send a handle, and abort."""
    await connection.accept_setup()
    await connection.send_handle("h-1")
    await connection.abort()


async def send_call(connection: PeerConnection) -> None:
    """Send a function call."""
    await connection.accept_setup()
    await connection.send(toolCall={"functionCalls": [{"name": "act", "id": "1", "args": {}}]})
    await connection.receive_until_closed()


def test_entered_twice(run: Any) -> None:
    """A session can be entered once; a second time raises and does not harm the session."""
    with Peer(receive_only) as peer:

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
    """Using a session without its block raises."""

    async def body() -> None:
        async with AsyncHttp(Gemini("test-key")) as run:
            session = run.live(CONNECT_TEXT)
            with pytest.raises(InvalidRequest, match="async with"):
                await session.send(live.client_content("hi"))
            with pytest.raises(InvalidRequest, match="async with"):
                await anext(aiter(session))

    run(body)


def test_closed_before_it_is_entered(run: Any) -> None:
    """A session that is closed before its block, directly or with its interpreter, never connects."""
    with Peer(receive_only) as peer:

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
    """After its block, `send` fails, and iteration yields the messages received before."""

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
    """Two tasks may close a session; both return once it is closed and all messages are written."""
    with Peer(receive_only) as peer:

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
    """A called function may close the session; messages sent before are still written."""
    with Peer(send_call) as peer:

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
    """A cancelled `close` continues in the background: messages sent before are still written."""
    with Peer(receive_only) as peer:

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


class CallbackError(Exception):
    """The exception of a callback."""


class Interrupt(BaseException):
    """An exception that is not a subclass of `Exception`."""


def make_raising_callback(kind: type, error: BaseException) -> Any:
    """Make a callback that raises for events of one type."""

    def on_event(event: Any) -> None:
        if isinstance(event, kind):
            raise error

    return on_event


EVENTS = {
    "reconnecting": (Reconnecting, RESUMABLE, (send_handle_and_abort, receive_only)),
    "resumed": (Resumed, RESUMABLE, (send_handle_and_abort, receive_only)),
    "called": (Called, None, (send_call,)),
}


@pytest.mark.parametrize("name", EVENTS)
def test_callback_raises(run: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of a callback is raised once by the next read; the session has ended, its block continues."""
    kind, session_request, scripts = EVENTS[name]

    def act() -> None:
        """Do nothing."""

    with Peer(*scripts) as peer:

        async def body() -> None:
            error = CallbackError("oh")
            is_reached = False
            async with make_http(
                peer, on_event=make_raising_callback(kind, error), retry=Retry(initial_delay=0.01)
            ) as run:
                async with run.live(session_request or CONNECT_TEXT | calling(act)) as session:
                    with pytest.raises(CallbackError) as raised:
                        _ = [item async for item in session]
                    assert raised.value is error
                    await checkpoint()
                    assert [] == [item async for item in session]
                    is_reached = True
            assert is_reached

        for module in ("session", "connection"):
            monkeypatch.setattr(f"genai_fn.interpreters.live.{module}.CLOSE_TIMEOUT", 1000.0)  # never reached
        run(body)


@pytest.mark.parametrize("name", EVENTS)
def test_callback_raises_without_read(run: Any, name: str) -> None:
    """Without a read, leaving the block raises the exception; an exception of the block gets it as a note."""
    kind, session_request, scripts = EVENTS[name]

    def act() -> None:
        """Do nothing."""

    async def run_block(own_error: Exception | None) -> None:
        with Peer(*scripts) as peer:
            error = CallbackError("oh")
            async with make_http(
                peer, on_event=make_raising_callback(kind, error), retry=Retry(initial_delay=0.01)
            ) as run:
                async with run.live(session_request or CONNECT_TEXT | calling(act)) as session:
                    await wait_until(lambda: session._raised_error is not None)
                    if own_error is not None:
                        raise own_error

    async def body() -> None:
        with pytest.raises(CallbackError):
            await run_block(None)
        with pytest.raises(KeyError) as raised:
            await run_block(KeyError("mine"))
        assert "CallbackError('oh')" in raised.value.__notes__[0]

    run(body)


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, Interrupt])
def test_interrupts(run: Any, name: str, kind: type[BaseException]) -> None:
    """An interrupt in a callback or a function ends the event loop, and is raised unchanged."""
    event, session_request, scripts = EVENTS[name]
    error = kind("stop")

    def act() -> None:
        """Do nothing."""

    with Peer(*scripts) as peer:

        async def body() -> None:
            async with make_http(
                peer, on_event=make_raising_callback(event, error), retry=Retry(initial_delay=0.01)
            ) as run:
                async with run.live(session_request or CONNECT_TEXT | calling(act)) as session:
                    _ = [item async for item in session]
                    await anyio.sleep_forever()

        threads = set(threading.enumerate())
        with pytest.raises(kind) as raised:
            run(body)
        assert raised.value is error
        for thread in set(threading.enumerate()) - threads:
            thread.join(60)
            assert not thread.is_alive(), "asyncio did not come to its end"


def test_closed_by_a_callback(run: Any) -> None:
    """A callback may abort the session, which then does not reconnect."""
    with Peer(send_handle_and_abort, receive_only) as peer:

        async def body() -> None:
            events: list[Any] = []

            def on_event(event: Any) -> None:
                events.append(event)
                session.abort()

            async with make_http(peer, on_event=on_event) as run, run.live(RESUMABLE) as session:
                assert 1 == len([item async for item in session])
                await anyio.sleep(0.01)
            assert [Reconnecting] == list(map(type, events))

        run(body)
    assert 1 == len(peer.connections)


def test_interpreter_closed_meanwhile(run: Any) -> None:
    """Closing the interpreter ends a session that is being entered or waits to reconnect."""

    def send_nothing(connection: RawConnection) -> None:
        connection.read_request()
        connection.read_until_closed()

    def send_nothing_valid(connection: RawConnection) -> None:
        connection.send(b"nothing\r\n\r\n")

    async def body() -> None:
        for script in (send_nothing, send_nothing_valid):
            with RawPeer(script) as peer:
                interpreter = AsyncHttp(
                    Gemini("test-key", base_url=peer.url), proxy="", retry=Retry(initial_delay=30.0)
                )

                def is_connecting() -> bool:
                    first = next(iter(peer.connections), None)
                    return first is not None and (bool(first.head) or script is send_nothing_valid)  # noqa: B023

                async with anyio.create_task_group() as tasks:

                    async def close_interpreter() -> None:
                        await wait_until(is_connecting)
                        await anyio.sleep(0.01)
                        await interpreter.aclose()  # noqa: B023

                    tasks.start_soon(close_interpreter)
                    async with interpreter.live(CONNECT_TEXT) as session:
                        assert [] == [item async for item in session if isinstance(item, Success)]

    run(body)


def test_closed_from_another_loop(run: Any) -> None:
    """Closing an interpreter in one event loop ends its sessions in all event loops."""
    with Peer(receive_only) as peer:
        interpreter, ends = make_http(peer), list[Any]()

        async def body() -> None:
            async with interpreter.live(CONNECT_TEXT) as session:
                ends.append([item async for item in session])

        thread = threading.Thread(target=run, args=(body,))
        thread.start()

        async def run_in_other_loop() -> None:
            await wait_until(lambda: peer.connections and peer.connections[0].setup)
            await interpreter.aclose()

        run(run_in_other_loop)
        thread.join(60)
        assert not thread.is_alive()
    assert [[]] == ends


def test_sender_is_cancelled(run: Any) -> None:
    """Cancelling a sender that waits for another sender, or for space, does not affect the others."""

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

                async def flood_in_scope(letter: str, scope: anyio.CancelScope) -> None:
                    with scope:
                        await flood(letter)

                async with anyio.create_task_group() as tasks:
                    for letter, scope in zip("abc", scopes, strict=True):
                        tasks.start_soon(flood_in_scope, letter, scope)
                    await anyio.sleep(0.02)
                    scopes[0].cancel()
                    scopes[1].cancel()
                assert Success(None) == await session.send(live.realtime_input(text="end"))

        run(body)
    texts = [each["realtimeInput"]["text"] for each in peer.connections[0].received[1:]]
    assert "end" == texts.pop()
    assert {700_000} == set(map(len, texts))
    assert 12 == sum(each.startswith("c") for each in texts)


def test_finished_calls_are_released(run: Any) -> None:
    """A session keeps nothing of answered calls."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for number in range(20):
            await connection.send(toolCall={"functionCalls": [{"name": "act", "id": str(number), "args": {}}]})
            await connection.receive()
        await connection.receive_until_closed()

    async def act() -> str:
        """Return nothing."""
        return "done"

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT | calling(act)) as session:
                await wait_until(lambda: len(peer.connections[0].received) >= 21)
                await wait_until(lambda: not session._call_scopes)

        run(body)
