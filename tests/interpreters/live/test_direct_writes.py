"""Messages that are written at once, without a task: order, slow peers, cancellation, interrupts and closing."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from returns.result import Success

from genai_fn import AsyncHttp, Gemini, live
from genai_fn.interpreters.live.write_queue import CHUNK_SIZE, WriteQueue
from genai_fn.interpreters.net.socket import NonBlockingSocket
from tests.support.live.sessions import CONNECT_TEXT, make_http, make_tls_contexts, read_texts
from tests.support.live.websocket_peer import Peer, PeerConnection, wait_until


@contextmanager
def connect_queue() -> Generator[tuple[WriteQueue, NonBlockingSocket, socket.socket]]:
    """Yield a write queue without tasks, its socket with a small buffer, and the socket of its peer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 12)
        sock = NonBlockingSocket(ours)
        yield WriteQueue(sock, tasks=None), sock, theirs  # type: ignore[arg-type]  # only flush_in_background needs it


def read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += sock.recv(size - len(data))
    return data


def fill_connection(queue: WriteQueue) -> bytes:
    """Write until the connection takes no more; returns all that was added."""
    added = b""
    for number in range(1000):
        message = bytes([number % 256]) * 3000
        added += message
        if not queue.write_now(message):
            return added
    raise AssertionError("the connection takes everything")


def test_written_at_once(run: Any) -> None:
    """A short message is written without waiting, and counted."""
    with connect_queue() as (queue, _, peer):
        assert queue.write_now(b"one")
        assert queue.write_now(b"two")
        assert (b"onetwo", 6) == (peer.recv(100), queue.written_bytes)

        async def body() -> None:
            assert await queue.flush()

        run(body)


def test_rest_is_written_in_order(run: Any) -> None:
    """What a slow peer does not take at once stays in the queue; messages after it follow it, whole and in order."""
    with connect_queue() as (queue, _, peer):
        expected = fill_connection(queue)
        for message in (b"a" * 100, b"b" * 2 * CHUNK_SIZE, b"c"):
            assert not queue.write_now(message)
            expected += message
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(read_exactly(peer, len(expected))))

        async def body() -> None:
            reader.start()
            assert await queue.flush()

        run(body)
        reader.join()
        assert [expected] == received
        assert len(expected) == queue.written_bytes
        assert queue.write_now(b"again")


def test_long_message_is_queued() -> None:
    """A message of more than 64 KiB stays in the queue, so that other tasks run between its chunks."""
    with connect_queue() as (queue, _, _):
        assert not queue.write_now(b"x" * (CHUNK_SIZE + 1))
        assert 0 == queue.written_bytes


def test_cancelled_flush_breaks_the_connection(run: Any) -> None:
    """After a cancelled flush nothing is written at once: a part of a frame may be missing."""
    with connect_queue() as (queue, _, _):
        fill_connection(queue)

        async def body() -> None:
            with anyio.move_on_after(0):
                await queue.flush()
            assert queue.is_broken
            assert not queue.write_now(b"more")
            assert not await queue.flush()

        run(body)


@pytest.mark.parametrize("closes", ["us", "peer"])
def test_connection_that_has_ended(run: Any, closes: str) -> None:
    """On a connection that has ended, nothing is written, and `flush` returns False."""
    with connect_queue() as (queue, sock, peer):
        sock.close() if closes == "us" else peer.close()
        assert not queue.write_now(b"one")
        assert queue.is_broken

        async def body() -> None:
            assert not await queue.flush()

        run(body)


def test_interrupt_breaks_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interrupt in a write nothing more is written: it is unknown how much of the frame was."""
    with connect_queue() as (queue, sock, peer):

        def interrupt(data: bytes) -> int:
            sock.sock.send(data[:1])
            raise KeyboardInterrupt

        monkeypatch.setattr(sock, "write_now", interrupt)
        with pytest.raises(KeyboardInterrupt):
            queue.write_now(b"one")
        monkeypatch.undo()
        assert not queue.write_now(b"two")
        assert b"o" == peer.recv(100)


def list_texts(peer: Peer) -> list[str]:
    """List the realtime texts that the first connection received."""
    return [each["realtimeInput"]["text"] for each in peer.connections[0].received if "realtimeInput" in each]


async def send_numbered(session: Any) -> list[str]:
    """Send messages of 30 KB until ten were not taken within a moment; returns the numbers of the others."""
    numbers = range(100, 1000)
    sent: list[str] = []
    for number in numbers:
        with anyio.move_on_after(0.01):
            assert Success(None) == await session.send(live.realtime_input(text=f"{number}" + "x" * 30_000))
            sent.append(str(number))
        if number - numbers[0] - len(sent) == 9:
            return sent
    raise AssertionError("the peer takes everything")


@pytest.mark.parametrize("is_secured", [False, True], ids=["plain", "tls"])
def test_slow_reader(run: Any, is_secured: bool) -> None:
    """Messages to a peer that does not read wait, a cancelled one is not sent, and the rest arrive whole, in order."""
    goes_on = threading.Event()
    server, client = make_tls_contexts() if is_secured else (None, None)

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await wait_until(goes_on.is_set)
        while (await connection.receive())["realtimeInput"]["text"] != "end":
            pass
        await connection.send_turn("ended")

    with Peer(script, tls=server) as peer:

        async def body() -> None:
            backend = Gemini("test-key", base_url=peer.url)
            async with AsyncHttp(backend, proxy="", ssl_context=client) as run, run.live(CONNECT_TEXT) as session:
                sent = await send_numbered(session)
                assert sent
                goes_on.set()
                assert Success(None) == await session.send(live.realtime_input(text="end"))
                assert ["ended"] == await read_texts(session.turn())
                texts = list_texts(peer)
                assert [*sent, "end"] == [each[:3] for each in texts]
                assert {3, 30_003} == set(map(len, texts))

        run(body)


def test_closed_while_writing(run: Any) -> None:
    """Closing a session while a message is partly written writes it and those after it, then closes."""
    goes_on = threading.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await wait_until(goes_on.is_set)
        await connection.receive_until_closed()

    with Peer(script) as peer:
        sent: list[str] = []

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                sent.extend(await send_numbered(session))
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(session.close)
                    await checkpoint()
                    goes_on.set()

        run(body)
    assert 0 < len(sent) < 400
    assert sent == [text[:3] for text in list_texts(peer)]
    assert [1000] == peer.close_codes


def test_writers_at_once(run: Any) -> None:
    """Messages of two tasks, of which one sends long ones, and pongs in between arrive whole, each task's in order."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for _ in range(60):
            await connection.receive()
        await connection.close()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:

                async def send(name: str, size: int) -> None:
                    for number in range(30):
                        await session.send(live.realtime_input(text=f"{name}{number:02}" + "x" * size))

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(send, "a", 10)
                    tasks.start_soon(send, "b", 3 * CHUNK_SIZE)
                assert [] == [item async for item in session]

        run(body)
        texts = list_texts(peer)
        for name, size in (("a", 13), ("b", 3 + 3 * CHUNK_SIZE)):
            own = [each for each in texts if each.startswith(name)]
            assert [f"{name}{number:02}" for number in range(30)] == [each[:3] for each in own]
            assert {size} == set(map(len, own))


def test_sending_lets_other_tasks_run(run: Any) -> None:
    """A task that sends or echoes in a loop never runs for more than one read and one send before others do."""
    count = 20

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        for _ in range(count):
            await connection.send_turn("one")
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                turns = 0

                async def count_turns() -> None:
                    nonlocal turns
                    while True:
                        await checkpoint()
                        turns += 1

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(count_turns)
                    await checkpoint()
                    for operation in ("echo", "send"):
                        turns = 0
                        for _ in range(count):
                            if operation == "echo":
                                (await anext(session)).unwrap()
                            await session.send(live.realtime_input(text="x"))
                        assert turns >= count - 1
                    tasks.cancel_scope.cancel()

        run(body)


def test_cancelled_sender_sends_nothing(run: Any) -> None:
    """`send` in a cancelled scope sends nothing, also directly after a read."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_turn("one")
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                with anyio.CancelScope() as scope:
                    (await anext(session)).unwrap()
                    scope.cancel()
                    await session.send(live.realtime_input(text="cancelled"))
                assert scope.cancelled_caught
                await session.send(live.realtime_input(text="kept"))

        run(body)
    assert ["kept"] == list_texts(peer)
