"""
Live music, without a socket, as `live` has sessions: a few short chunks after each frame while it plays.

Wishes that say "forbidden" are filtered.
"""

from msgspec.structs import replace

from genai_fn.emulator.fake_model.audio import build_tone
from genai_fn.emulator.live.setup import EmulatedClose, ServerMessages, dump_message, parse_frame
from genai_fn.emulator.predictions.image_predictions import is_blocked_prompt
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema import (
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

__all__ = ["MusicHistory", "open_session", "receive_frame"]


class MusicHistory(Value):
    """What one session remembers."""

    prompts: tuple[WeightedPrompt, ...] = ()
    config: LiveMusicGenerationConfig | None = None
    is_playing: bool = False
    chunk_count: int = 0
    """How many chunks there were since the beginning, or the last stop."""


def open_session(state: EmulatorState, frame: bytes | str) -> tuple[EmulatorState, MusicHistory, ServerMessages]:
    """
    Open a session.

    Raises:
        Closed: where the setup does not fit.

    >>> open_session(EmulatorState(), '{"setup": {"model": "models/lyria-realtime-exp"}}')[2]
    ({'setupComplete': {}},)
    """
    said = parse_frame(frame, LiveMusicClientMessage)
    if _list_set_fields(said) != ["setup"] or said.setup is None:
        raise EmulatedClose(1007, "setup must be the first message.")
    if not said.setup.model:
        raise EmulatedClose(1007, "setup.model is not specified.")
    return state, MusicHistory(), (dump_message(LiveMusicServerMessage(setup_complete=LiveMusicServerSetupComplete())),)


def receive_frame(
    state: EmulatorState, player: MusicHistory, frame: bytes | str, unsaid: ServerMessages = ()
) -> tuple[EmulatorState, MusicHistory, ServerMessages]:
    """
    Hear a frame, and play on, after what is still `unsaid`, if there is not to be silence.

    Raises:
        Closed: where the frame does not fit.
    """
    said = parse_frame(frame, LiveMusicClientMessage)
    if len(_list_set_fields(said)) != 1 or said.setup is not None:
        raise EmulatedClose(
            1007, "A message holds one of client_content, music_generation_config and playback_control."
        )
    filtered: tuple[LiveMusicServerMessage, ...] = ()
    if said.client_content is not None:
        player, filtered = _set_prompts(player, said.client_content.weighted_prompts or ())
    if said.music_generation_config is not None:
        player = replace(player, config=_check_config(said.music_generation_config))
    if said.playback_control is not None:
        player = _apply_control(player, said.playback_control)
    player, played = _play_chunks(player) if player.is_playing else (player, ())
    before = (each for each in unsaid if player.is_playing or "serverContent" not in each)
    return state, player, (*before, *map(dump_message, (*filtered, *played)))


def _list_set_fields(said: LiveMusicClientMessage) -> list[str]:
    return [name for name in said.__struct_fields__ if getattr(said, name) is not None]


# What is asked for


def _set_prompts(
    player: MusicHistory, prompts: tuple[WeightedPrompt, ...]
) -> tuple[MusicHistory, tuple[LiveMusicServerMessage, ...]]:
    if not prompts:
        raise EmulatedClose(1007, "client_content.weighted_prompts must not be empty.")
    for index, each in enumerate(prompts):
        if not each.text or not each.weight:
            raise EmulatedClose(
                1007, f"client_content.weighted_prompts[{index}] needs a text, and a weight other than 0."
            )
    granted = tuple(each for each in prompts if not is_blocked_prompt(each.text or ""))
    refused = [
        LiveMusicFilteredPrompt(text=each.text, filtered_reason=_FILTER_REASON)
        for each in prompts
        if each not in granted
    ]
    return replace(player, prompts=granted), tuple(LiveMusicServerMessage(filtered_prompt=each) for each in refused)


_FILTER_REASON = 'It says "forbidden".'


def _check_config(config: LiveMusicGenerationConfig) -> LiveMusicGenerationConfig:
    for name, (least, most) in _CONFIG_RANGES.items():
        given = getattr(config, name)
        if given is not None and not least <= given <= most:
            raise EmulatedClose(1007, f"music_generation_config.{name}: {given} is not from {least} to {most}")
    return config


_CONFIG_RANGES = {
    "temperature": (0, 3),
    "top_k": (1, 1000),
    "guidance": (0, 6),
    "bpm": (60, 200),
    "density": (0, 1),
    "brightness": (0, 1),
}


def _apply_control(player: MusicHistory, button: LiveMusicPlaybackControl) -> MusicHistory:
    match button:
        case LiveMusicPlaybackControl.PLAY:
            if not player.prompts:
                raise EmulatedClose(
                    1007, "There is nothing to play: client_content.weighted_prompts must be set first."
                )
            return replace(player, is_playing=True)
        case LiveMusicPlaybackControl.PAUSE:
            return replace(player, is_playing=False)
        case LiveMusicPlaybackControl.STOP:
            return replace(player, is_playing=False, chunk_count=0)
        case LiveMusicPlaybackControl.RESET_CONTEXT:
            return replace(player, chunk_count=0)
        case _:
            raise EmulatedClose(1007, f"playback_control: {button} is none of PLAY, PAUSE, STOP and RESET_CONTEXT.")


# What is played


def _play_chunks(player: MusicHistory) -> tuple[MusicHistory, tuple[LiveMusicServerMessage, ...]]:
    places = range(player.chunk_count, player.chunk_count + _CHUNKS_PER_FRAME)
    chunks = (LiveMusicServerContent(audio_chunks=(_build_chunk(player, place),)) for place in places)
    told = tuple(LiveMusicServerMessage(server_content=each) for each in chunks)
    return replace(player, chunk_count=player.chunk_count + _CHUNKS_PER_FRAME), told


_CHUNKS_PER_FRAME = 3


def _build_chunk(player: MusicHistory, place: int) -> AudioChunk:
    content = LiveMusicClientContent(weighted_prompts=player.prompts)
    return AudioChunk(
        data=build_tone(f"{player.prompts} {player.config} {place}", 0.02, 48000, channels=2),
        mime_type="audio/l16;rate=48000;channels=2",
        source_metadata=LiveMusicSourceMetadata(client_content=content, music_generation_config=player.config),
    )
