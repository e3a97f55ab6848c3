"""The inferred types of live sessions; see ``api.py``."""

from collections.abc import Mapping
from typing import Any, assert_type

from genai_fn import Live, calling, live, text, with_config, with_options, with_system, with_tools
from genai_fn.schema import (
    Blob,
    FunctionResponse,
    GoogleSearch,
    LiveClientMessage,
    LiveConnectConfig,
    LiveMusicClientMessage,
    LiveMusicServerMessage,
    LiveServerMessage,
    WeightedPrompt,
)


def weather(city: str) -> str:
    """Get the weather."""
    return city


def check_sessions() -> None:
    """A session has the type of its messages, and modifiers keep it."""
    session = live.connect("m")
    assert_type(session, Live[LiveServerMessage])
    assert_type(live.connect("m", LiveConnectConfig(seed=1)), Live[LiveServerMessage])
    assert_type(live.connect(model="m", config={"seed": 1}), Live[LiveServerMessage])
    assert_type(session | with_config(seed=1) | with_system("x"), Live[LiveServerMessage])
    assert_type(session | with_tools(GoogleSearch()) | with_options(deadline=5.0), Live[LiveServerMessage])
    assert_type(session | calling(weather), Live[LiveServerMessage])
    assert_type(live.music.connect("m"), Live[LiveMusicServerMessage])
    assert_type(live.music.connect("m") | with_options(api_version="v1alpha"), Live[LiveMusicServerMessage])


def check_wrong_modifiers() -> None:
    """Modifiers that do not apply to sessions are type errors."""
    live.connect("m") | text  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]  # that is the point
    live.music.connect("m") | calling(weather)  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]  # that is the point


def check_frames() -> None:
    """`send` accepts client messages."""
    sound = Blob(data=b"", mime_type="audio/pcm")
    assert_type(live.client_content("hi"), LiveClientMessage)
    assert_type(live.client_content(turns=["hi", {"text": "ho"}], turn_complete=False), LiveClientMessage)
    assert_type(live.realtime_input(audio=sound), LiveClientMessage)
    assert_type(live.realtime_input(media={"data": b"", "mime_type": "image/png"}), LiveClientMessage)
    assert_type(live.context_update("Rhyme.", [weather]), LiveClientMessage)
    assert_type(live.tool_response(FunctionResponse(id="1", name="f")), LiveClientMessage)
    assert_type(live.tool_response([{"id": "1", "name": "f"}]), LiveClientMessage)
    assert_type(live.music.weighted_prompts([WeightedPrompt(text="x")]), LiveMusicClientMessage)
    assert_type(live.music.generation_config(bpm=120), LiveMusicClientMessage)
    assert_type(live.music.play(), LiveMusicClientMessage)


def check_messages(message: LiveServerMessage) -> None:
    """Server messages have their text and their audio as attributes."""
    assert_type(message.text, str | None)
    assert_type(message.data, bytes | None)
    assert_type(message.extra, Mapping[str, Any] | None)
