"""
Live music, without a socket, as `live` has sessions: a few short chunks after each frame while it plays.

Wishes that say "forbidden" are filtered.
"""

from msgspec.structs import replace

from genai_fn.emulator.live.setup import Closed, Messages, frame_of, tree_of
from genai_fn.emulator.predictions.pictures import is_forbidden
from genai_fn.emulator.stand_in.sounds import tone
from genai_fn.emulator.state import State
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
from genai_fn.schema._base import Value

__all__ = ["Player", "heard", "opened"]


class Player(Value):
    """What one session remembers."""

    prompts: tuple[WeightedPrompt, ...] = ()
    config: LiveMusicGenerationConfig | None = None
    playing: bool = False
    played: int = 0
    """How many chunks there were since the beginning, or the last stop."""


def opened(state: State, frame: bytes | str) -> tuple[State, Player, Messages]:
    """
    Open a session.

    Raises:
        Closed: where the setup does not fit.

    >>> opened(State(), '{"setup": {"model": "models/lyria-realtime-exp"}}')[2]
    ({'setupComplete': {}},)
    """
    said = frame_of(frame, LiveMusicClientMessage)
    if _given(said) != ["setup"] or said.setup is None:
        raise Closed(1007, "setup must be the first message.")
    if not said.setup.model:
        raise Closed(1007, "setup.model is not specified.")
    return state, Player(), (tree_of(LiveMusicServerMessage(setup_complete=LiveMusicServerSetupComplete())),)


def heard(state: State, player: Player, frame: bytes | str, unsaid: Messages = ()) -> tuple[State, Player, Messages]:
    """
    Hear a frame, and play on, after what is still `unsaid`, if there is not to be silence.

    Raises:
        Closed: where the frame does not fit.
    """
    said = frame_of(frame, LiveMusicClientMessage)
    if len(_given(said)) != 1 or said.setup is not None:
        raise Closed(1007, "A message holds one of client_content, music_generation_config and playback_control.")
    filtered: tuple[LiveMusicServerMessage, ...] = ()
    if said.client_content is not None:
        player, filtered = _wished(player, said.client_content.weighted_prompts or ())
    if said.music_generation_config is not None:
        player = replace(player, config=_checked(said.music_generation_config))
    if said.playback_control is not None:
        player = _pressed(player, said.playback_control)
    player, played = _played(player) if player.playing else (player, ())
    before = (each for each in unsaid if player.playing or "serverContent" not in each)
    return state, player, (*before, *map(tree_of, (*filtered, *played)))


def _given(said: LiveMusicClientMessage) -> list[str]:
    return [name for name in said.__struct_fields__ if getattr(said, name) is not None]


# What is asked for


def _wished(player: Player, prompts: tuple[WeightedPrompt, ...]) -> tuple[Player, tuple[LiveMusicServerMessage, ...]]:
    if not prompts:
        raise Closed(1007, "client_content.weighted_prompts must not be empty.")
    for index, each in enumerate(prompts):
        if not each.text or not each.weight:
            raise Closed(1007, f"client_content.weighted_prompts[{index}] needs a text, and a weight other than 0.")
    granted = tuple(each for each in prompts if not is_forbidden(each.text or ""))
    refused = [
        LiveMusicFilteredPrompt(text=each.text, filtered_reason=_REASON) for each in prompts if each not in granted
    ]
    return replace(player, prompts=granted), tuple(LiveMusicServerMessage(filtered_prompt=each) for each in refused)


_REASON = 'It says "forbidden".'


def _checked(config: LiveMusicGenerationConfig) -> LiveMusicGenerationConfig:
    for name, (least, most) in _RANGES.items():
        given = getattr(config, name)
        if given is not None and not least <= given <= most:
            raise Closed(1007, f"music_generation_config.{name}: {given} is not from {least} to {most}")
    return config


_RANGES = {
    "temperature": (0, 3),
    "top_k": (1, 1000),
    "guidance": (0, 6),
    "bpm": (60, 200),
    "density": (0, 1),
    "brightness": (0, 1),
}


def _pressed(player: Player, button: LiveMusicPlaybackControl) -> Player:
    match button:
        case LiveMusicPlaybackControl.PLAY:
            if not player.prompts:
                raise Closed(1007, "There is nothing to play: client_content.weighted_prompts must be set first.")
            return replace(player, playing=True)
        case LiveMusicPlaybackControl.PAUSE:
            return replace(player, playing=False)
        case LiveMusicPlaybackControl.STOP:
            return replace(player, playing=False, played=0)
        case LiveMusicPlaybackControl.RESET_CONTEXT:
            return replace(player, played=0)
        case _:
            raise Closed(1007, f"playback_control: {button} is none of PLAY, PAUSE, STOP and RESET_CONTEXT.")


# What is played


def _played(player: Player) -> tuple[Player, tuple[LiveMusicServerMessage, ...]]:
    places = range(player.played, player.played + _CHUNKS)
    chunks = (LiveMusicServerContent(audio_chunks=(_chunk(player, place),)) for place in places)
    told = tuple(LiveMusicServerMessage(server_content=each) for each in chunks)
    return replace(player, played=player.played + _CHUNKS), told


_CHUNKS = 3


def _chunk(player: Player, place: int) -> AudioChunk:
    content = LiveMusicClientContent(weighted_prompts=player.prompts)
    return AudioChunk(
        data=tone(f"{player.prompts} {player.config} {place}", 0.02, 48000, channels=2),
        mime_type="audio/l16;rate=48000;channels=2",
        source_metadata=LiveMusicSourceMetadata(client_content=content, music_generation_config=player.config),
    )
