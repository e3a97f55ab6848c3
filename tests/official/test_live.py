"""google-genai 1.51.0, unmodified, talks with the emulator live."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.genai import types

from tests.support.google_genai.official_sdk import Faced, Sdk

pytestmark = pytest.mark.filterwarnings("ignore::google.genai.errors.ExperimentalWarning")

MODEL = "gemini-live-2.5-flash-preview"
TEXT: dict[str, Any] = {"response_modalities": ["TEXT"]}


async def said(session: Any) -> list[types.LiveServerMessage]:
    """Receive a turn."""
    return [message async for message in session.receive()]


def words(messages: list[types.LiveServerMessage]) -> str:
    return "".join(message.text or "" for message in messages)


class TestSession:
    def test_text(self, live: Sdk) -> None:
        """Turns are answered, with those before in mind, and with usage."""

        async def story(face: Faced) -> None:
            async with face.client.aio.live.connect(model=MODEL, config=TEXT) as session:
                await session.send_client_content(turns={"parts": [{"text": "One?"}], "role": "user"})
                assert "“One?”" in words(await said(session))
                await session.send_realtime_input(text="Two?")
                last = await said(session)
                assert "Before that came 2 turns." in words(last)
                assert [each.usage_metadata.total_token_count > 0 for each in last if each.usage_metadata] == [True]

        live.within(story)

    def test_audio(self, live: Sdk) -> None:
        """What is heard is answered in sound, and both are written down where that is asked for."""

        async def story(face: Faced) -> None:
            config: Any = {
                "response_modalities": ["AUDIO"],
                "input_audio_transcription": {},
                "output_audio_transcription": {},
            }
            async with face.client.aio.live.connect(model=MODEL, config=config) as session:
                await session.send_realtime_input(audio=types.Blob(data=b"\0" * 3200, mime_type="audio/pcm;rate=16000"))
                await session.send_realtime_input(audio_stream_end=True)
                messages = await said(session)
                assert sum(len(each.data or b"") for each in messages) > 1000
                told = [each.server_content for each in messages if each.server_content]
                assert any(each.input_transcription for each in told)
                assert any(each.output_transcription for each in told)

        live.within(story)

    def test_functions(self, live: Sdk) -> None:
        """A function that is named is called, and its answer is talked about."""

        async def story(face: Faced) -> None:
            tools = [{"function_declarations": [{"name": "weather"}]}]
            async with face.client.aio.live.connect(model=MODEL, config={**TEXT, "tools": tools}) as session:
                await session.send_realtime_input(text="What is the weather?")
                call = await _called(session)
                answer = types.FunctionResponse(id=call.id, name=call.name, response={"result": "fine"})
                await session.send_tool_response(function_responses=answer)
                assert "fine" in words(await said(session))

        live.within(story)

    def test_resumption(self, live: Sdk) -> None:
        """A session goes on where another one ended."""

        async def story(face: Faced) -> None:
            resumed: dict[str, Any] = {**TEXT, "session_resumption": {}}
            async with face.client.aio.live.connect(model=MODEL, config=resumed) as session:
                await session.send_realtime_input(text="One?")
                await said(session)
                handle = await _handle(session)
            resumed["session_resumption"] = {"handle": handle}
            async with face.client.aio.live.connect(model=MODEL, config=resumed) as session:
                await session.send_realtime_input(text="Two?")
                assert "Before that came 2 turns." in words(await said(session))

        live.within(story)

    def test_refused(self, live: Sdk) -> None:
        """A setup that does not fit ends the session, with the reason."""

        async def story(face: Faced) -> None:
            config = {"response_modalities": ["IMAGE"]}
            with pytest.raises(Exception, match=r"1007.*TEXT or in AUDIO"):
                async with face.client.aio.live.connect(model=MODEL, config=config):
                    raise AssertionError("never")

        live.within(story)


async def _called(session: Any) -> Any:
    async for message in session.receive():
        if message.tool_call:
            return message.tool_call.function_calls[0]
    raise AssertionError("nothing was called")


async def _handle(session: Any) -> str:
    async for message in session.receive():
        if message.session_resumption_update:
            return str(message.session_resumption_update.new_handle)
    raise AssertionError("there is no handle")


class TestToken:
    def test_session(self, gemini: Sdk) -> None:
        """An ephemeral token opens one session, on the terms that it was made with."""

        async def made(face: Faced) -> str:
            config = {
                "uses": 1,
                "expire_time": datetime.now(UTC) + timedelta(minutes=5),
                "live_connect_constraints": {"model": MODEL, "config": TEXT},
            }
            token = await face.had(face.api.auth_tokens.create(config=config))
            return str(token.name)

        token = gemini.within(made, api_version="v1alpha")

        async def story(face: Faced) -> None:
            async with face.client.aio.live.connect(model=MODEL) as session:
                await session.send_realtime_input(text="Why?")
                assert "“Why?”" in words(await said(session))
            with pytest.raises(Exception, match=r"1008.*too many times"):
                async with face.client.aio.live.connect(model=MODEL):
                    raise AssertionError("never")

        gemini.within(story, api_key=token, api_version="v1alpha")


@pytest.mark.parametrize("live", ["gemini"], indirect=True)
def test_music(live: Sdk) -> None:
    """Music plays what is wished for, and says what is not."""

    async def story(face: Faced) -> None:
        async with face.client.aio.live.music.connect(model="models/lyria-realtime-exp") as session:
            wishes = [types.WeightedPrompt(text=each, weight=1.0) for each in ("piano", "something forbidden")]
            await session.set_weighted_prompts(prompts=wishes)
            await session.set_music_generation_config(config=types.LiveMusicGenerationConfig(bpm=90))
            await session.play()
            filtered, chunks = 0, 0
            async for message in session.receive():
                filtered += message.filtered_prompt is not None
                chunks += len((message.server_content and message.server_content.audio_chunks) or ())
                if chunks:
                    break
            await session.stop()
            assert (filtered, chunks) == (1, 1)

    live.within(story)
