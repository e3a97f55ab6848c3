"""Live sessions offline: session, frames and protocol are the real ones, without a key."""

from typing import Any

import pytest

from genai_fn import Gemini, LiveClosed, Offline, Unsupported, Vertex, calling, live, with_config
from genai_fn.schema import Blob
from tests.support.live.sessions import read_texts

TEXT = live.connect("gemini-live-2.5-flash-preview") | with_config(response_modalities=["TEXT"])


@pytest.mark.parametrize(
    "backend", [Gemini(), Vertex(), Vertex("p", "europe-west4"), Vertex(api_key="test-key")], ids=str
)
def test_turns(run: Any, backend: Any) -> None:
    """Each turn is answered, on both backends."""

    async def body() -> None:
        async with Offline(backend).aio.live(TEXT) as session:
            assert "session1" == session.id
            for question in ("Why is the sky blue?", "And the grass?"):
                await session.send(live.client_content(question))
                assert question in "".join(await read_texts(session.turn()))

    run(body)


def test_sound(run: Any) -> None:
    """A session with audio output answers in audio."""

    async def body() -> None:
        async with Offline().aio.live(live.connect("m") | with_config(output_audio_transcription={})) as session:
            await session.send(live.realtime_input(audio=Blob(data=b"\0\0" * 800, mime_type="audio/pcm;rate=16000")))
            await session.send(live.realtime_input(audio_stream_end=True))
            items = [item.unwrap() async for item in session.turn()]
            assert any(item.data for item in items)

    run(body)


def test_function(run: Any) -> None:
    """A function whose name occurs in the text is called."""
    cities: list[str] = []

    def weather(city: str) -> str:
        """Return the weather."""
        cities.append(city)
        return "sunny"

    async def body() -> None:
        async with Offline().aio.live(TEXT | calling(weather)) as session:
            await session.send(live.client_content("weather?"))
            assert "sunny" in "".join(await read_texts(session.turn()))
            assert 1 == len(cities)

    run(body)


def test_goodbye(run: Any) -> None:
    """After ``goAway`` a session resumes by itself, with its history."""

    async def body() -> None:
        async with Offline().aio.live(TEXT | with_config(session_resumption={})) as session:
            await session.send(live.client_content("goodbye"))
            items = aiter(session)
            while not (message := (await anext(items)).unwrap()).setup_complete:
                pass
            assert "session1" != message.setup_complete.session_id
            await session.send(live.client_content("still there?"))
            assert "still there?" in "".join(await read_texts(session.turn()))

    run(body)


def test_music(run: Any) -> None:
    """Music plays, and a filtered prompt is reported."""

    async def body() -> None:
        async with Offline().aio.live(live.music.connect("lyria-realtime-exp")) as session:
            prompts = [{"text": "piano", "weight": 1.0}, {"text": "forbidden", "weight": 1.0}]
            await session.send(live.music.weighted_prompts(prompts), live.music.play())
            items = aiter(session)
            assert "forbidden" == (await anext(items)).unwrap().filtered_prompt.text  # type: ignore[union-attr]
            assert (await anext(items)).unwrap().server_content.audio_chunks[0].data  # type: ignore[union-attr]

    run(body)


def test_refusals(run: Any) -> None:
    """Unsupported fields and rejected setups are failures, as over the network."""

    async def body() -> None:
        session_request = TEXT | with_config(session_resumption={"transparent": True})
        async with Offline().aio.live(session_request) as session:
            [last] = [item async for item in session]
            assert isinstance(last.failure(), Unsupported)
        async with Offline(Vertex()).aio.live(live.music.connect("m")) as session:
            [last] = [item async for item in session]
            assert isinstance(last.failure(), Unsupported)
        async with Offline().aio.live(TEXT | with_config(session_resumption={"handle": "none"})) as session:
            [last] = [item async for item in session]
            assert 1008 == last.failure().code
            assert isinstance(last.failure(), LiveClosed)

    run(body)
