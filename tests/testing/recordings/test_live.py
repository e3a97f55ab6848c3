"""Live sessions in recordings: what was said is heard again, with no network, for whoever says the same."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

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
from genai_fn.schema import LiveMusicServerMessage
from genai_fn.testing import Fake
from genai_fn.testing.recordings.interpreters import recording
from genai_fn.testing.recordings.replay import Replay
from tests.support.live.websocket_peer import Peer, PeerConnection

ASKED = live.connect("m") | with_config(response_modalities=["TEXT"])
RESUMED = live.connect("m", {"session_resumption": {}})
Body = Callable[[], Awaitable[Any]]


@pytest.fixture(params=["asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> Callable[[Body], Any]:
    """Run a test's coroutine, in bounded time."""

    def bounded(body: Body) -> Any:
        async def inside() -> Any:
            with anyio.fail_after(60):
                return await body()

        return anyio.run(inside, backend=request.param)

    return bounded


def http(peer: Peer) -> AsyncHttp:
    return AsyncHttp(Gemini("test-key-of-nobody", base_url=peer.url), proxy="", retry=Retry(initial_delay=0.001))


def notes(path: Path) -> list[Any]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


async def two_turns(connection: PeerConnection) -> None:
    await connection.accept_setup(sessionId="s-1")
    await connection.send(serverContent={"somethingNew": 1}, brandNew={"a": 1})
    await connection.send(brandNew={"b": connection.headers["x-goog-api-key"]})
    await connection.receive()
    await connection.send_turn("one")
    await connection.receive()
    await connection.send_turn("two")
    await connection.receive_until_closed()


async def talk(run: Any, *words: str, asked: Any = ASKED) -> list[Any]:
    """Say some words, each after the turn before it; give all that was heard."""
    heard: list[Any] = []
    async with run.live(asked) as session:
        heard.append(session.id)
        for each in words:
            heard.append(await session.send(live.client_content(each)))
            heard += [item async for item in session.turn()]
    return heard


@pytest.mark.parametrize("mode", ["record", "auto"])
def test_sessions(world: Any, tmp_path: Path, mode: Any) -> None:
    """A session is one line, and is replayed as it went: unknown messages, too, but for the key that one told."""
    path = tmp_path / "calls.jsonl"
    with Peer(two_turns) as peer:

        async def recorded() -> Any:
            async with recording(http(peer), path, mode) as run:
                return await talk(run, "first", "second")

        first = world(recorded)
    [note] = notes(path)
    assert "s-1" == first[0]
    assert ("live.connect", 1) == (note["op"], note["number"])
    order = [next(iter(each)) for each in note["live"]]  # what comes while we say something may be first or last
    assert "connected" == order[0]
    assert (2, 7) == (order.count("sent"), order.count("received"))
    assert "test-key-of-nobody" not in path.read_text(encoding="utf-8")
    masked = msgspec.json.encode(first, enc_hook=repr).replace(b"test-key-of-nobody", b"***")
    for run in (Replay(path).aio, recording(Fake().aio, path, "replay"), recording(http(peer), path, mode="auto")):
        assert masked == msgspec.json.encode(world(lambda run=run: talk(run, "first", "second")), enc_hook=repr)
    assert 1 == len(notes(path))


def test_other_words(world: Any, tmp_path: Path) -> None:
    """Who says something else, or more than was said, hears why nobody answers; one who says less just leaves."""
    path = tmp_path / "calls.jsonl"
    with Peer(two_turns) as peer:

        async def recorded() -> Any:
            async with recording(http(peer), path) as run:
                return await talk(run, "first")

        world(recorded)
    *_, last = world(lambda: talk(Replay(path).aio, "another"))
    assert isinstance(last.failure(), NoAnswer)
    changed = [line.split() for line in str(last.failure()).splitlines() if line[:1] in ("-", "+")]
    assert [["-", '"text":', '"first"'], ["+", '"text":', '"another"']] == changed
    *_, last = world(lambda: talk(Replay(path).aio, "first", "more"))
    assert isinstance(last.failure(), NoAnswer)
    assert 1 == len(world(lambda: talk(Replay(path).aio)))


def test_other_sessions(world: Any, tmp_path: Path) -> None:
    """A session that was not recorded begins, and ends, with why nobody answers."""
    path = tmp_path / "calls.jsonl"
    path.touch()

    async def opened(run: Any) -> Any:
        async with run.live(ASKED) as session:
            return [item async for item in session]

    for run in (Replay(path).aio, recording(Fake().aio, path, "replay")):
        [failed] = world(lambda run=run: opened(run))
        assert Failure(NoAnswer(ASKED)) == failed


def test_resumed(world: Any, tmp_path: Path) -> None:
    """A session that was cut and went on over a second connection does so again."""
    path = tmp_path / "calls.jsonl"

    async def first(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.receive()
        await connection.send_handle("handle-1")
        await connection.send(serverContent={"modelTurn": {"parts": [{"text": "on"}]}})
        await connection.abort()

    async def second(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send_turn("e")
        await connection.receive()
        await connection.send_turn("two")
        await connection.receive_until_closed()

    with Peer(first, second) as peer:

        async def recorded() -> Any:
            async with recording(http(peer), path) as run:
                return await talk(run, "first", "second", asked=RESUMED)

        heard = world(recorded)
    assert 2 == sum("connected" in each for each in notes(path)[0]["live"])
    assert heard == world(lambda: talk(Replay(path).aio, "first", "second", asked=RESUMED))


def test_refused(world: Any, tmp_path: Path) -> None:
    """A session that was refused is refused again, with the same failure."""
    path = tmp_path / "calls.jsonl"
    with Peer(two_turns, refuse=(403, b'{"error": {"code": 403, "message": "no"}}')) as peer:

        async def recorded() -> Any:
            async with recording(http(peer), path) as run, run.live(ASKED) as session:
                return [item async for item in session]

        [failed] = world(recorded)
    assert isinstance(failed.failure(), APIError)

    async def replayed() -> Any:
        async with Replay(path).aio.live(ASKED) as session:
            return [item async for item in session]

    assert [failed] == world(replayed)


@pytest.mark.parametrize("way", ["error", "code"])
def test_ended_by_the_peer(world: Any, tmp_path: Path, way: str) -> None:
    """A session that the peer ends, by an error or by a code, is ended so again."""
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

        async def recorded() -> Any:
            async with recording(http(peer), path) as run:
                return await talk(run, "first")

        heard = world(recorded)
    assert isinstance(heard[-1].failure(), APIError if way == "error" else LiveClosed)
    assert heard == world(lambda: talk(Replay(path).aio, "first"))


def test_functions(world: Any, tmp_path: Path) -> None:
    """What a model calls in a session is called in its replay, too."""
    path = tmp_path / "calls.jsonl"
    called: list[int] = []

    def add(a: int) -> int:
        called.append(a)
        return a + 1

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(toolCall={"functionCalls": [{"id": "1", "name": "add", "args": {"a": 1}}]})
        await connection.receive()
        await connection.send_turn("two")
        await connection.receive_until_closed()

    async def heard(run: Any) -> Any:
        async with run.live(live.connect("m") | calling(add)) as session:
            return [item async for item in session.turn()]

    with Peer(script) as peer:

        async def recorded() -> Any:
            async with recording(http(peer), path) as run:
                return await heard(run)

        first = world(recorded)
    assert first == world(lambda: heard(Replay(path).aio))
    assert [1, 1] == called


@pytest.mark.parametrize("make", [Offline, lambda: Fake({"live.connect": ["one", "two"]})], ids=["offline", "fake"])
def test_in_process(world: Any, tmp_path: Path, make: Any) -> None:
    """The sessions of any interpreter are recorded."""
    path = tmp_path / "calls.jsonl"
    heard = world(lambda: talk(recording(make(), path).aio, "first", "second"))
    assert [] == [each for each in heard if isinstance(each, Failure)]
    assert heard == world(lambda: talk(Replay(path).aio, "first", "second"))


def test_unknown_music(world: Any, tmp_path: Path) -> None:
    """A message of which nothing is known is the same in a replay, in sessions of music, too."""
    path, unknown = tmp_path / "calls.jsonl", LiveMusicServerMessage(extra={"new": {}})

    async def play(run: Any) -> Any:
        async with run.live(live.music.connect("m")) as session:
            await session.send(live.music.play())
            return await anext(aiter(session))

    with recording(Fake({"live.music.connect": unknown}), path) as run:
        assert Success(unknown) == world(lambda: play(run.aio))
    assert Success(unknown) == world(lambda: play(Replay(path).aio))


def test_others(tmp_path: Path) -> None:
    """An interpreter that nothing can be put in the way of is refused, before there is a file."""
    path = tmp_path / "calls.jsonl"

    class Mute:
        async def __call__(self, action: Any) -> Any: ...

        def stream(self, stream: Any) -> Any: ...

        def live(self, live: Any) -> Any: ...

    with pytest.raises(InvalidRequest, match=r"an Http, an AsyncHttp"):
        recording(Mute(), path)
    assert not path.exists()
