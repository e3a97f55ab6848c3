"""google-genai 1.51.0, unmodified, holds live sessions with the emulator."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.genai import types

from tests.support.google_genai.official_sdk import SdkFacade, SdkRunner

pytestmark = pytest.mark.filterwarnings("ignore::google.genai.errors.ExperimentalWarning")

MODEL = "gemini-live-2.5-flash-preview"
TEXT: dict[str, Any] = {"response_modalities": ["TEXT"]}


async def receive_turn(session: Any) -> list[types.LiveServerMessage]:
    """Receive the messages of one turn."""
    return [message async for message in session.receive()]


def join_text(messages: list[types.LiveServerMessage]) -> str:
    return "".join(message.text or "" for message in messages)


class TestSession:
    def test_text(self, live: SdkRunner) -> None:
        """Turns are answered with usage, and depend on earlier turns."""

        async def scenario(facade: SdkFacade) -> None:
            async with facade.client.aio.live.connect(model=MODEL, config=TEXT) as session:
                await session.send_client_content(turns={"parts": [{"text": "One?"}], "role": "user"})
                assert "“One?”" in join_text(await receive_turn(session))
                await session.send_realtime_input(text="Two?")
                last = await receive_turn(session)
                assert "Before that came 2 turns." in join_text(last)
                assert [each.usage_metadata.total_token_count > 0 for each in last if each.usage_metadata] == [True]

        live.run(scenario)

    def test_audio(self, live: SdkRunner) -> None:
        """Audio is answered with audio, and both are transcribed if the config enables it."""

        async def scenario(facade: SdkFacade) -> None:
            config: Any = {
                "response_modalities": ["AUDIO"],
                "input_audio_transcription": {},
                "output_audio_transcription": {},
            }
            async with facade.client.aio.live.connect(model=MODEL, config=config) as session:
                await session.send_realtime_input(audio=types.Blob(data=b"\0" * 3200, mime_type="audio/pcm;rate=16000"))
                await session.send_realtime_input(audio_stream_end=True)
                messages = await receive_turn(session)
                assert sum(len(each.data or b"") for each in messages) > 1000
                server_contents = [each.server_content for each in messages if each.server_content]
                assert any(each.input_transcription for each in server_contents)
                assert any(each.output_transcription for each in server_contents)

        live.run(scenario)

    def test_functions(self, live: SdkRunner) -> None:
        """A function that the text names is called, and the answer contains its result."""

        async def scenario(facade: SdkFacade) -> None:
            tools = [{"function_declarations": [{"name": "weather"}]}]
            async with facade.client.aio.live.connect(model=MODEL, config={**TEXT, "tools": tools}) as session:
                await session.send_realtime_input(text="What is the weather?")
                call = await _receive_call(session)
                answer = types.FunctionResponse(id=call.id, name=call.name, response={"result": "fine"})
                await session.send_tool_response(function_responses=answer)
                assert "fine" in join_text(await receive_turn(session))

        live.run(scenario)

    def test_resumption(self, live: SdkRunner) -> None:
        """A handle resumes a session."""

        async def scenario(facade: SdkFacade) -> None:
            config: dict[str, Any] = {**TEXT, "session_resumption": {}}
            async with facade.client.aio.live.connect(model=MODEL, config=config) as session:
                await session.send_realtime_input(text="One?")
                await receive_turn(session)
                handle = await _receive_handle(session)
            config["session_resumption"] = {"handle": handle}
            async with facade.client.aio.live.connect(model=MODEL, config=config) as session:
                await session.send_realtime_input(text="Two?")
                assert "Before that came 2 turns." in join_text(await receive_turn(session))

        live.run(scenario)

    def test_refused(self, live: SdkRunner) -> None:
        """An invalid setup closes the connection with a reason."""

        async def scenario(facade: SdkFacade) -> None:
            config = {"response_modalities": ["IMAGE"]}
            with pytest.raises(Exception, match=r"1007.*TEXT or in AUDIO"):
                async with facade.client.aio.live.connect(model=MODEL, config=config):
                    raise AssertionError("never")

        live.run(scenario)


async def _receive_call(session: Any) -> Any:
    async for message in session.receive():
        if message.tool_call:
            return message.tool_call.function_calls[0]
    raise AssertionError("nothing was called")


async def _receive_handle(session: Any) -> str:
    async for message in session.receive():
        if message.session_resumption_update:
            return str(message.session_resumption_update.new_handle)
    raise AssertionError("there is no handle")


class TestToken:
    def test_session(self, gemini: SdkRunner) -> None:
        """An ephemeral token opens one session, with the config that it prescribes."""

        async def create_token(facade: SdkFacade) -> str:
            config = {
                "uses": 1,
                "expire_time": datetime.now(UTC) + timedelta(minutes=5),
                "live_connect_constraints": {"model": MODEL, "config": TEXT},
            }
            token = await facade.call(facade.api.auth_tokens.create(config=config))
            return str(token.name)

        token = gemini.run(create_token, api_version="v1alpha")

        async def scenario(facade: SdkFacade) -> None:
            async with facade.client.aio.live.connect(model=MODEL) as session:
                await session.send_realtime_input(text="Why?")
                assert "“Why?”" in join_text(await receive_turn(session))
            with pytest.raises(Exception, match=r"1008.*too many times"):
                async with facade.client.aio.live.connect(model=MODEL):
                    raise AssertionError("never")

        gemini.run(scenario, api_key=token, api_version="v1alpha")


@pytest.mark.parametrize("live", ["gemini"], indirect=True)
def test_music(live: SdkRunner) -> None:
    """Music plays the accepted prompts, and reports the filtered ones."""

    async def scenario(facade: SdkFacade) -> None:
        async with facade.client.aio.live.music.connect(model="models/lyria-realtime-exp") as session:
            prompts = [types.WeightedPrompt(text=each, weight=1.0) for each in ("piano", "something forbidden")]
            await session.set_weighted_prompts(prompts=prompts)
            await session.set_music_generation_config(config=types.LiveMusicGenerationConfig(bpm=90))
            await session.play()
            filtered_count, chunk_count = 0, 0
            async for message in session.receive():
                filtered_count += message.filtered_prompt is not None
                chunk_count += len((message.server_content and message.server_content.audio_chunks) or ())
                if chunk_count:
                    break
            await session.stop()
            assert (filtered_count, chunk_count) == (1, 1)

    live.run(scenario)
