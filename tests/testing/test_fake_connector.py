"""Live sessions with a `Fake`: conversations from a table, with no socket, no JSON and no key."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from genai_fn import InvalidRequest, LiveClosed, NoAnswer, calling, live
from genai_fn.errors import Disconnected
from genai_fn.ops.live import ConnectLive
from genai_fn.schema import (
    FunctionCall,
    LiveClientMessage,
    LiveClientSetup,
    LiveMusicServerMessage,
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerToolCall,
)
from genai_fn.testing import Fake, forbid

SESSION = live.connect("m")
GO_AWAY = LiveServerMessage(go_away=LiveServerGoAway(time_left="1s"))
TOOL_CALL = LiveServerMessage(
    tool_call=LiveServerToolCall(function_calls=(FunctionCall(id="1", name="double", args={"n": 4}),))
)


@pytest.fixture(params=["asyncio", "trio"])
def run_test(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    async def run_bounded(body: Callable[[], Awaitable[Any]]) -> Any:
        with anyio.fail_after(60):
            return await body()

    return lambda body: anyio.run(run_bounded, body, backend=request.param)


async def run_session(fake: Fake, *frames: Any, session_request: Any = SESSION) -> list[list[str | None]]:
    """Send messages, each after the previous turn, and return the texts of each turn."""
    texts = []
    async with fake.aio.live(session_request) as session:
        assert "fake" == session.id
        for frame in frames:
            assert Success(None) == await session.send(frame)
            texts.append([item.unwrap().text async for item in session.turn() if item.unwrap().text])
    return texts


def test_texts(run_test: Any) -> None:
    """A text answers every turn, a list has an answer for each; messages that do not end a turn get none."""
    hi, incomplete = live.client_content("hi"), live.client_content("so", turn_complete=False)
    audio = live.realtime_input(audio={"data": b"x", "mime_type": "audio/pcm"})

    async def body() -> None:
        assert [["yes"], ["yes"]] == await run_session(
            Fake({"live.connect": "yes"}), hi, live.realtime_input(text="hm")
        )
        fake = Fake({ConnectLive: ["one", ["two", "three"]]})
        async with fake.aio.live(SESSION) as session:
            await session.send(incomplete, audio, hi, audio, incomplete)
            assert ["one"] == [item.unwrap().text async for item in session.turn() if item.unwrap().text]
            await session.send(live.realtime_input(audio_stream_end=True))
            assert ["two"] == [item.unwrap().text async for item in session.turn() if item.unwrap().text]
            assert ["three"] == [item.unwrap().text async for item in session.turn() if item.unwrap().text]
            await session.send(hi)
            [last] = [item async for item in session]
            assert isinstance(last.failure(), NoAnswer)
            assert (SESSION,) == fake.requests

    run_test(body)


def test_functions_of_a_frame(run_test: Any) -> None:
    """A function is called with every frame, and may return any number of messages."""
    frames: list[LiveClientMessage] = []

    def answer(frame: LiveClientMessage) -> Any:
        frames.append(frame)
        return [GO_AWAY, Success(GO_AWAY), "done"] if len(frames) == 2 else None

    async def body() -> None:
        audio = live.realtime_input(audio={"data": b"x", "mime_type": "audio/pcm"})
        async with Fake({"live.connect": answer}).aio.live(SESSION) as session:
            await session.send(audio, live.client_content("hi"))
            items = [item.unwrap() async for item in session.turn()]
            assert [GO_AWAY, GO_AWAY] == items[:2]
            assert [audio, live.client_content("hi")] == frames

    run_test(body)


def test_errors(run_test: Any) -> None:
    """An error in a turn ends the session; an error in place of the turns prevents its opening."""
    error = LiveClosed(1011, "oh")

    async def body() -> None:
        async with Fake({"live.connect": [["well", error]]}).aio.live(SESSION) as session:
            await session.send(live.client_content("hi"))
            assert Failure(error) == [item async for item in session][-1]
        for answer in (Disconnected("opening"), Failure(Disconnected("opening"))):
            async with Fake({"live.connect": answer}).aio.live(SESSION) as session:
                assert [Failure(Disconnected("opening"))] == [item async for item in session]
        async with forbid().aio.live(SESSION) as session:
            [last] = [item async for item in session]
            assert NoAnswer(SESSION, None) == last.failure()
        async with Fake({"live.conect": "x"}).aio.live(SESSION) as session:
            assert "live.conect" == (await session.send(live.client_content("hi"))).failure().nearest

    run_test(body)


def test_calling(run_test: Any) -> None:
    """Functions are called and answered, as over the network."""

    def double(n: int) -> int:
        return 2 * n

    def answer(frame: LiveClientMessage) -> Any:
        return TOOL_CALL if frame.tool_response is None else str(frame.tool_response.function_responses[0].response)  # type: ignore[index]

    async def body() -> None:
        fake = Fake({"live.connect": answer})
        assert [["{'result': 8}"]] == await run_session(
            fake, live.client_content("4?"), session_request=SESSION | calling(double)
        )

    run_test(body)


def test_music(run_test: Any) -> None:
    """A music session has messages of music."""
    music = LiveMusicServerMessage()

    async def body() -> None:
        fake = Fake({"live.music.connect": [None, music]})
        async with fake.aio.live(live.music.connect("m")) as session:
            await session.send(live.music.weighted_prompts([{"text": "a", "weight": 1}]), live.music.play())
            assert Success(music) == await anext(aiter(session))

    run_test(body)


@pytest.mark.parametrize("answer", [3, GO_AWAY.go_away, LiveMusicServerMessage()])
def test_wrong_answers(run_test: Any, answer: Any) -> None:
    """An invalid answer raises InvalidRequest in the test."""

    async def body() -> None:
        with pytest.raises(InvalidRequest, match=r"the answer to live\.connect"):
            async with Fake({"live.connect": answer}).aio.live(SESSION) as session:
                await session.send(live.client_content("hi"))
                await anext(aiter(session))

    run_test(body)


@pytest.mark.parametrize(
    "frame",
    [
        "hi",
        LiveClientMessage(),
        LiveClientMessage(setup=LiveClientSetup(model="m")),
        LiveClientMessage(client_content="hi"),  # type: ignore[arg-type]  # refused at run time
        live.music.play(),
    ],
)
def test_wrong_frames(run_test: Any, frame: Any) -> None:
    """A value that could not be sent over the network is refused, and the session continues."""

    async def body() -> None:
        async with Fake({"live.connect": "x"}).aio.live(SESSION) as session:
            assert isinstance((await session.send(frame)).failure(), InvalidRequest)
            assert Success(None) == await session.send(live.client_content("hi"))
        async with Fake({"live.music.connect": None}).aio.live(live.music.connect("m")) as session:
            assert isinstance((await session.send(live.client_content("hi"))).failure(), InvalidRequest)

    run_test(body)
