"""
Live music: while it plays, each frame is answered with a few short audio chunks.

Prompts with "forbidden" are filtered.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.fake_model.audio import build_tone
from genai_fn.emulator.live.setup import (
    EmulatedClose,
    ServerMessages,
    check_live_model,
    dump_message,
    list_set_fields,
    parse_frame,
)
from genai_fn.emulator.predictions.image_predictions import is_blocked_prompt
from genai_fn.emulator.server.request_parsing import describe_range_error
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema.music import (
    AudioChunk,
    LiveMusicClientContent,
    LiveMusicClientMessage,
    LiveMusicFilteredPrompt,
    LiveMusicGenerationConfig,
    LiveMusicPlaybackControl,
    LiveMusicServerContent,
    LiveMusicServerMessage,
    LiveMusicServerSetupComplete,
    LiveMusicSourceMetadata,
    WeightedPrompt,
)
from genai_fn.values import Value


class MusicHistory(Value):
    """State of one session: prompts, config and playback."""

    prompts: tuple[WeightedPrompt, ...] = ()
    config: LiveMusicGenerationConfig | None = None
    is_playing: bool = False
    chunk_count: int = 0
    """Number of chunks sent since the start, or since the last stop or reset."""


def open_session(state: EmulatorState, frame: bytes | str) -> tuple[EmulatorState, MusicHistory, ServerMessages]:
    """
    Open a session with a setup frame.

    Raises:
        EmulatedClose: If the setup is invalid.

    >>> open_session(EmulatorState(), '{"setup": {"model": "models/lyria-realtime-exp"}}')[2]
    ({'setupComplete': {}},)
    """
    message = parse_frame(frame, LiveMusicClientMessage)
    if list_set_fields(message) != ["setup"] or message.setup is None:
        raise EmulatedClose(1007, "setup must be the first message.")
    check_live_model(state, message.setup.model)
    return state, MusicHistory(), (dump_message(LiveMusicServerMessage(setup_complete=LiveMusicServerSetupComplete())),)


def receive_frame(
    state: EmulatorState, history: MusicHistory, frame: bytes | str, unsent: ServerMessages = ()
) -> tuple[EmulatorState, MusicHistory, ServerMessages]:
    """
    Handle a frame, and return the next audio chunks if the music plays. Unsent audio is dropped if it does not.

    Raises:
        EmulatedClose: If the frame is invalid.
    """
    message = parse_frame(frame, LiveMusicClientMessage)
    if len(list_set_fields(message)) != 1 or message.setup is not None:
        raise EmulatedClose(
            1007, "A message must contain exactly one of client_content, music_generation_config and playback_control."
        )
    filtered: tuple[LiveMusicServerMessage, ...] = ()
    if message.client_content is not None:
        history, filtered = _set_prompts(history, message.client_content.weighted_prompts or ())
    if message.music_generation_config is not None:
        history = _set_config(history, message.music_generation_config)
    if message.playback_control is not None:
        history = _apply_control(history, message.playback_control)
    history, chunks = _play_chunks(history) if history.is_playing else (history, ())
    still_unsent = (each for each in unsent if history.is_playing or "serverContent" not in each)
    return state, history, (*still_unsent, *map(dump_message, (*filtered, *chunks)))


def _set_prompts(
    history: MusicHistory, prompts: tuple[WeightedPrompt, ...]
) -> tuple[MusicHistory, tuple[LiveMusicServerMessage, ...]]:
    if not prompts:
        raise EmulatedClose(1007, "client_content.weighted_prompts must not be empty.")
    for index, each in enumerate(prompts):
        if not each.text or not each.weight:
            raise EmulatedClose(
                1007, f"client_content.weighted_prompts[{index}] needs a text, and a weight other than 0."
            )
    accepted = tuple(each for each in prompts if not is_blocked_prompt(each.text or ""))
    blocked = (each for each in prompts if each not in accepted)
    filtered = (LiveMusicFilteredPrompt(text=each.text, filtered_reason=_FILTER_REASON) for each in blocked)
    return replace(history, prompts=accepted), tuple(LiveMusicServerMessage(filtered_prompt=each) for each in filtered)


_FILTER_REASON = 'It contains "forbidden".'


def _set_config(history: MusicHistory, config: LiveMusicGenerationConfig) -> MusicHistory:
    if error := describe_range_error(config, _CONFIG_RANGES):
        raise EmulatedClose(1007, f"music_generation_config.{error}")
    return replace(history, config=config)


_CONFIG_RANGES = {
    "temperature": (0, 3),
    "top_k": (1, 1000),
    "guidance": (0, 6),
    "bpm": (60, 200),
    "density": (0, 1),
    "brightness": (0, 1),
}


def _apply_control(history: MusicHistory, control: LiveMusicPlaybackControl) -> MusicHistory:
    changes = _CONTROL_CHANGES.get(control)
    if changes is None:
        raise EmulatedClose(1007, f"playback_control: {control} is not one of PLAY, PAUSE, STOP and RESET_CONTEXT.")
    if control == LiveMusicPlaybackControl.PLAY and not history.prompts:
        raise EmulatedClose(1007, "There is nothing to play: client_content.weighted_prompts must be set first.")
    return replace(history, **changes)


_CONTROL_CHANGES: Mapping[LiveMusicPlaybackControl, Mapping[str, Any]] = {
    LiveMusicPlaybackControl.PLAY: {"is_playing": True},
    LiveMusicPlaybackControl.PAUSE: {"is_playing": False},
    LiveMusicPlaybackControl.STOP: {"is_playing": False, "chunk_count": 0},
    LiveMusicPlaybackControl.RESET_CONTEXT: {"chunk_count": 0},
}


def _play_chunks(history: MusicHistory) -> tuple[MusicHistory, tuple[LiveMusicServerMessage, ...]]:
    indices = range(history.chunk_count, history.chunk_count + _CHUNKS_PER_FRAME)
    chunks = (LiveMusicServerContent(audio_chunks=(_build_chunk(history, index),)) for index in indices)
    messages = tuple(LiveMusicServerMessage(server_content=each) for each in chunks)
    return replace(history, chunk_count=history.chunk_count + _CHUNKS_PER_FRAME), messages


_CHUNKS_PER_FRAME = 3


def _build_chunk(history: MusicHistory, index: int) -> AudioChunk:
    content = LiveMusicClientContent(weighted_prompts=history.prompts)
    return AudioChunk(
        data=build_tone(f"{history.prompts} {history.config} {index}", 0.02, 48000, channels=2),
        mime_type="audio/l16;rate=48000;channels=2",
        source_metadata=LiveMusicSourceMetadata(client_content=content, music_generation_config=history.config),
    )
