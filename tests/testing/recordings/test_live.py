"""Live sessions in recordings: a session with the same messages is replayed without a network."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import (
    AsyncHttp,
    Failure,
    Gemini,
    InvalidRequest,
    LiveClosed,
    NoAnswer,
    Offline,
    Retry,
    Success,
    calling,
    live,
    with_config,
)
from genai_fn.errors import APIError
from genai_fn.schema import LiveClientMessage, LiveMusicServerMessage
from genai_fn.testing import Fake
from genai_fn.testing.recordings.interpreters import recording
from genai_fn.testing.recordings.replay import Replay
from tests.support.live.websocket_peer import Peer, PeerConnection

SESSION = live.connect("m") | with_config(response_modalities=["TEXT"])
RESUMABLE_SESSION = live.connect("m", {"session_resumption": {}})
Body = Callable[[], Awaitable[Any]]


@pytest.fixture(params=["asyncio", "trio"])
def run_test(request: pytest.FixtureRequest) -> Callable[[Body], Any]:
    """Run a test's coroutine, in bounded time."""

    def run_bounded(body: Body) -> Any:
        async def run_body() -> Any:
            with anyio.fail_after(60):
                return await body()

        return anyio.run(run_body, backend=request.param)

    return run_bounded


def make_http(peer: Peer) -> AsyncHttp:
    return AsyncHttp(Gemini("test-key-of-nobody", base_url=peer.url), proxy="", retry=Retry(initial_delay=0.001))


def read_lines(path: Path) -> list[Any]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


async def send_two_turns(connection: PeerConnection) -> None:
    await connection.accept_setup(sessionId="s-1")
    await connection.send(serverContent={"somethingNew": 1}, brandNew={"a": 1})
    await connection.send(brandNew={"b": connection.headers["x-goog-api-key"]})
    await connection.receive()
    await connection.send_turn("one")
    await connection.receive()
    await connection.send_turn("two")
    await connection.receive_until_closed()


async def run_session(run: Any, *texts: str, session_request: Any = SESSION) -> list[Any]:
    """Send texts, each after the previous turn; return the session id, the results of `send` and all messages."""
    items: list[Any] = []
    async with run.live(session_request) as session:
        items.append(session.id)
        for each in texts:
            items.append(await session.send(live.client_content(each)))
            items += [item async for item in session.turn()]
    return items


@pytest.mark.parametrize("mode", ["record", "auto"])
def test_sessions(run_test: Any, tmp_path: Path, mode: Any) -> None:
    """A session is one line, and is replayed with all messages, also unknown ones; keys in them are masked."""
    path = tmp_path / "calls.jsonl"
    with Peer(send_two_turns) as peer:

        async def record_session() -> Any:
            async with recording(make_http(peer), path, mode) as run:
                return await run_session(run, "first", "second")

        first = run_test(record_session)
    [line] = read_lines(path)
    assert "s-1" == first[0]
    assert ("live.connect", 1) == (line["op"], line["number"])
    order = [next(iter(each)) for each in line["live"]]  # messages that arrive during a send are before or after it
    assert "connected" == order[0]
    assert (2, 7) == (order.count("sent"), order.count("received"))
    assert "test-key-of-nobody" not in path.read_text(encoding="utf-8")
    masked_items = msgspec.json.encode(first, enc_hook=repr).replace(b"test-key-of-nobody", b"***")
    for run in (Replay(path).aio, recording(Fake().aio, path, "replay"), recording(make_http(peer), path, mode="auto")):
        assert masked_items == msgspec.json.encode(
            run_test(lambda run=run: run_session(run, "first", "second")), enc_hook=repr
        )
    assert 1 == len(read_lines(path))


def test_other_messages(run_test: Any, tmp_path: Path) -> None:
    """Other messages, or more than were recorded, end the replay with `NoAnswer`; fewer messages are allowed."""
    path = tmp_path / "calls.jsonl"
    with Peer(send_two_turns) as peer:

        async def record_session() -> Any:
            async with recording(make_http(peer), path) as run:
                return await run_session(run, "first")

        run_test(record_session)
    *_, last = run_test(lambda: run_session(Replay(path).aio, "another"))
    assert isinstance(last.failure(), NoAnswer)
    changed_lines = [line.split() for line in str(last.failure()).splitlines() if line[:1] in ("-", "+")]
    assert [["-", '"text":', '"first"'], ["+", '"text":', '"another"']] == changed_lines
    *_, last = run_test(lambda: run_session(Replay(path).aio, "first", "more"))
    assert isinstance(last.failure(), NoAnswer)
    assert 1 == len(run_test(lambda: run_session(Replay(path).aio)))


def test_invalid_messages(run_test: Any, tmp_path: Path) -> None:
    """A message that was refused when it was recorded is refused in the replay, which continues."""
    path = tmp_path / "live.jsonl"

    async def send_two(run: Any) -> list[Any]:
        async with run.aio.live(SESSION) as session:
            refused = await session.send(LiveClientMessage())
            await session.send(live.client_content("hi"))
            return [refused, *[item async for item in session.turn()]]

    async def body() -> None:
        with recording(Fake({"live.connect": "yes"}), path) as run:
            expected = await send_two(run)
        assert isinstance(expected[0].failure(), InvalidRequest)
        assert expected == await send_two(Replay(path))

    run_test(body)


def test_other_sessions(run_test: Any, tmp_path: Path) -> None:
    """A session without a recording ends with `NoAnswer`."""
    path = tmp_path / "calls.jsonl"
    path.touch()

    async def read_all(run: Any) -> Any:
        async with run.live(SESSION) as session:
            return [item async for item in session]

    for run in (Replay(path).aio, recording(Fake().aio, path, "replay")):
        [failed] = run_test(lambda run=run: read_all(run))
        assert Failure(NoAnswer(SESSION)) == failed


def test_resumed(run_test: Any, tmp_path: Path) -> None:
    """A session that was resumed over a second connection is replayed in the same way."""
    path = tmp_path / "calls.jsonl"

    async def break_off(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.receive()
        await connection.send_handle("handle-1")
        await connection.send(serverContent={"modelTurn": {"parts": [{"text": "on"}]}})
        await connection.abort()

    async def continue_session(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_turn("e")
        await connection.receive()
        await connection.send_turn("two")
        await connection.receive_until_closed()

    with Peer(break_off, continue_session) as peer:

        async def record_session() -> Any:
            async with recording(make_http(peer), path) as run:
                return await run_session(run, "first", "second", session_request=RESUMABLE_SESSION)

        items = run_test(record_session)
    assert 2 == sum("connected" in each for each in read_lines(path)[0]["live"])
    assert items == run_test(
        lambda: run_session(Replay(path).aio, "first", "second", session_request=RESUMABLE_SESSION)
    )


def test_refused(run_test: Any, tmp_path: Path) -> None:
    """A refused session is replayed with the same failure."""
    path = tmp_path / "calls.jsonl"
    with Peer(send_two_turns, refuse=(403, b'{"error": {"code": 403, "message": "no"}}')) as peer:

        async def record_session() -> Any:
            async with recording(make_http(peer), path) as run, run.live(SESSION) as session:
                return [item async for item in session]

        [failed] = run_test(record_session)
    assert isinstance(failed.failure(), APIError)

    async def replay_session() -> Any:
        async with Replay(path).aio.live(SESSION) as session:
            return [item async for item in session]

    assert [failed] == run_test(replay_session)


@pytest.mark.parametrize("way", ["error", "code"])
def test_ended_by_the_peer(run_test: Any, tmp_path: Path, way: str) -> None:
    """A session that the server ended, by an error or a close code, is replayed with the same end."""
    path = tmp_path / "calls.jsonl"

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.receive()
        if way == "error":
            await connection.send(error={"code": 400, "message": "no"})
            await connection.receive_until_closed()
        else:
            await connection.close(1008, "not you")

    with Peer(script) as peer:

        async def record_session() -> Any:
            async with recording(make_http(peer), path) as run:
                return await run_session(run, "first")

        items = run_test(record_session)
    assert isinstance(items[-1].failure(), APIError if way == "error" else LiveClosed)
    assert items == run_test(lambda: run_session(Replay(path).aio, "first"))


def test_functions(run_test: Any, tmp_path: Path) -> None:
    """Functions that the model called in a session are called in its replay, too."""
    path = tmp_path / "calls.jsonl"
    arguments: list[int] = []

    def add(a: int) -> int:
        arguments.append(a)
        return a + 1

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(toolCall={"functionCalls": [{"id": "1", "name": "add", "args": {"a": 1}}]})
        await connection.receive()
        await connection.send_turn("two")
        await connection.receive_until_closed()

    async def read_turn(run: Any) -> Any:
        async with run.live(live.connect("m") | calling(add)) as session:
            return [item async for item in session.turn()]

    with Peer(script) as peer:

        async def record_session() -> Any:
            async with recording(make_http(peer), path) as run:
                return await read_turn(run)

        first = run_test(record_session)
    assert first == run_test(lambda: read_turn(Replay(path).aio))
    assert [1, 1] == arguments


def test_order_of_functions(run_test: Any, tmp_path: Path) -> None:
    """Functions that run at the same time may end in another order than when they were recorded."""
    path = tmp_path / "calls.jsonl"
    slow: list[str] = []

    async def run_for(name: str) -> str:
        for _ in range(100 if name in slow else 1):
            await checkpoint()
        return name

    async def one() -> str:
        return await run_for("one")

    async def two() -> str:
        return await run_for("two")

    async def read_session(run: Any) -> Any:
        async with run.aio.live(SESSION | calling(one, two)) as session:
            await session.send(live.client_content("one and two"))
            return [item async for item in session.turn()]

    async def body() -> None:
        slow[:] = ["two"]
        with recording(Offline(), path) as run:
            expected = await read_session(run)
        assert expected == await read_session(Replay(path))
        slow[:] = ["one"]
        assert expected == await read_session(Replay(path))
        sent = [each["sent"] for each in read_lines(path)[0]["live"] if "sent" in each]
        assert ["one", "two"] == [each["toolResponse"]["functionResponses"][0]["name"] for each in sent[1:]]

    run_test(body)


@pytest.mark.parametrize("make", [Offline, lambda: Fake({"live.connect": ["one", "two"]})], ids=["offline", "fake"])
def test_in_process(run_test: Any, tmp_path: Path, make: Any) -> None:
    """The sessions of any interpreter are recorded."""
    path = tmp_path / "calls.jsonl"
    items = run_test(lambda: run_session(recording(make(), path).aio, "first", "second"))
    assert [] == [each for each in items if isinstance(each, Failure)]
    assert items == run_test(lambda: run_session(Replay(path).aio, "first", "second"))


def test_unknown_music(run_test: Any, tmp_path: Path) -> None:
    """An unknown message is replayed unchanged, also in music sessions."""
    path, unknown = tmp_path / "calls.jsonl", LiveMusicServerMessage(extra={"new": {}})

    async def play(run: Any) -> Any:
        async with run.live(live.music.connect("m")) as session:
            await session.send(live.music.play())
            return await anext(aiter(session))

    with recording(Fake({"live.music.connect": unknown}), path) as run:
        assert Success(unknown) == run_test(lambda: play(run.aio))
    assert Success(unknown) == run_test(lambda: play(Replay(path).aio))


def test_unsupported_interpreter(tmp_path: Path) -> None:
    """An interpreter without middleware is refused before a file is created."""
    path = tmp_path / "calls.jsonl"

    class OtherInterpreter:
        async def __call__(self, action: Any) -> Any: ...

        def stream(self, stream: Any) -> Any: ...

        def live(self, live: Any) -> Any: ...

    with pytest.raises(InvalidRequest, match=r"an Http, an AsyncHttp"):
        recording(OtherInterpreter(), path)
    assert not path.exists()


@pytest.mark.parametrize(
    "event",
    [{"received": 3}, {"error": {"kind": "dataclass"}}, {"error": {}}, {"closed": "x"}, {"other": 1}],
    ids=repr,
)
def test_edited_event(run_test: Any, tmp_path: Path, event: Any) -> None:
    """An event that does not fit is refused, and the error names the call."""
    path = tmp_path / "calls.jsonl"
    recorded = recording(Fake({"live.connect": "hi"}).aio, path)
    run_test(lambda: run_session(recorded, "first"))
    [line] = read_lines(path)
    path.write_bytes(msgspec.json.encode({**line, "live": [*line["live"][:3], event]}))
    with pytest.raises(InvalidRequest, match="call 1: expected an event of a live session"):
        run_test(lambda: run_session(Replay(path).aio, "first"))
