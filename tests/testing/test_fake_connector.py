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
    LiveMusicServerMessage,
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerToolCall,
)
from genai_fn.testing import Fake, forbid

ASKED = live.connect("m")
GO_AWAY = LiveServerMessage(go_away=LiveServerGoAway(time_left="1s"))
CALLED = LiveServerMessage(
    tool_call=LiveServerToolCall(function_calls=(FunctionCall(id="1", name="double", args={"n": 4}),))
)


@pytest.fixture(params=["asyncio", "trio"])
def perform(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    async def run_bounded(body: Callable[[], Awaitable[Any]]) -> Any:
        with anyio.fail_after(60):
            return await body()

    return lambda body: anyio.run(run_bounded, body, backend=request.param)


async def turns(fake: Fake, *frames: Any, asked: Any = ASKED) -> list[list[str | None]]:
    """Send frames, each after the turn before it, and give the texts of each turn."""
    told = []
    async with fake.aio.live(asked) as session:
        assert "fake" == session.id
        for frame in frames:
            assert Success(None) == await session.send(frame)
            told.append([item.unwrap().text async for item in session.turn() if item.unwrap().text])
    return told


def test_texts(perform: Any) -> None:
    """A text is the answer to every turn; a list has one for each, and what is only heard asks for none."""
    hi, still = live.client_content("hi"), live.client_content("so", turn_complete=False)
    audio = live.realtime_input(audio={"data": b"x", "mime_type": "audio/pcm"})

    async def body() -> None:
        assert [["yes"], ["yes"]] == await turns(Fake({"live.connect": "yes"}), hi, live.realtime_input(text="hm"))
        fake = Fake({ConnectLive: ["one", ["two", "three"]]})
        async with fake.aio.live(ASKED) as session:
            await session.send(still, audio, hi, audio, still)
            assert ["one"] == [item.unwrap().text async for item in session.turn() if item.unwrap().text]
            await session.send(live.realtime_input(audio_stream_end=True))
            assert ["two"] == [item.unwrap().text async for item in session.turn() if item.unwrap().text]
            assert ["three"] == [item.unwrap().text async for item in session.turn() if item.unwrap().text]
            await session.send(hi)
            [last] = [item async for item in session]
            assert isinstance(last.failure(), NoAnswer)
            assert (ASKED,) == fake.requests

    perform(body)


def test_functions_of_a_frame(perform: Any) -> None:
    """A function is asked with every frame, and says what it likes."""
    frames: list[LiveClientMessage] = []

    def answer(frame: LiveClientMessage) -> Any:
        frames.append(frame)
        return [GO_AWAY, Success(GO_AWAY), "done"] if len(frames) == 2 else None

    async def body() -> None:
        audio = live.realtime_input(audio={"data": b"x", "mime_type": "audio/pcm"})
        async with Fake({"live.connect": answer}).aio.live(ASKED) as session:
            await session.send(audio, live.client_content("hi"))
            items = [item.unwrap() async for item in session.turn()]
            assert [GO_AWAY, GO_AWAY] == items[:2]
            assert [audio, live.client_content("hi")] == frames

    perform(body)


def test_errors(perform: Any) -> None:
    """An error ends the session; one in the table's place keeps it from opening."""
    error = LiveClosed(1011, "oh")

    async def body() -> None:
        async with Fake({"live.connect": [["well", error]]}).aio.live(ASKED) as session:
            await session.send(live.client_content("hi"))
            assert Failure(error) == [item async for item in session][-1]
        for answer in (Disconnected("opening"), Failure(Disconnected("opening"))):
            async with Fake({"live.connect": answer}).aio.live(ASKED) as session:
                assert [Failure(Disconnected("opening"))] == [item async for item in session]
        async with forbid().aio.live(ASKED) as session:
            [last] = [item async for item in session]
            assert NoAnswer(ASKED, None) == last.failure()
        async with Fake({"live.conect": "x"}).aio.live(ASKED) as session:
            assert "live.conect" == (await session.send(live.client_content("hi"))).failure().nearest

    perform(body)


def test_calling(perform: Any) -> None:
    """Functions are called and answered as over the network."""

    def double(n: int) -> int:
        return 2 * n

    def answer(frame: LiveClientMessage) -> Any:
        return CALLED if frame.tool_response is None else str(frame.tool_response.function_responses[0].response)  # type: ignore[index]

    async def body() -> None:
        fake = Fake({"live.connect": answer})
        assert [["{'result': 8}"]] == await turns(fake, live.client_content("4?"), asked=ASKED | calling(double))

    perform(body)


def test_music(perform: Any) -> None:
    """Music has messages of its own."""
    played = LiveMusicServerMessage()

    async def body() -> None:
        fake = Fake({"live.music.connect": [None, played]})
        async with fake.aio.live(live.music.connect("m")) as session:
            await session.send(live.music.weighted_prompts([{"text": "a", "weight": 1}]), live.music.play())
            assert Success(played) == await anext(aiter(session))

    perform(body)


@pytest.mark.parametrize("answer", [3, GO_AWAY.go_away, LiveMusicServerMessage()])
def test_wrong_answers(perform: Any, answer: Any) -> None:
    """An answer that is none is a mistake of the test, and raised to it."""

    async def body() -> None:
        with pytest.raises(InvalidRequest, match=r"the answer to live\.connect"):
            async with Fake({"live.connect": answer}).aio.live(ASKED) as session:
                await session.send(live.client_content("hi"))
                await anext(aiter(session))

    perform(body)


def test_wrong_frames(perform: Any) -> None:
    """What is no frame is refused."""

    async def body() -> None:
        async with Fake({"live.connect": "x"}).aio.live(ASKED) as session:
            assert isinstance((await session.send("hi")).failure(), InvalidRequest)  # type: ignore[arg-type]

    perform(body)
