"""Live music: how a player is opened, and what it is told while it plays."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.request import Handshake, Live, LiveOperation, Refusal
from genai_fn.schema import (
    LiveMusicClientContent,
    LiveMusicClientMessage,
    LiveMusicClientSetup,
    LiveMusicGenerationConfig,
    LiveMusicPlaybackControl,
    LiveMusicServerMessage,
    WeightedPrompt,
)
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_changes, as_struct, as_value
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

__all__ = [
    "ConnectLiveMusic",
    "UnknownLiveMusicMessage",
    "connect",
    "generation_config",
    "pause",
    "play",
    "reset_context",
    "stop",
    "weighted_prompts",
]


class UnknownLiveMusicMessage(LiveMusicServerMessage):
    """A message of which nothing is known here: newer than this library."""

    raw: str
    """The JSON as it came."""


class ConnectLiveMusic(LiveOperation[LiveMusicServerMessage]):
    """Open a session with a model that plays music."""

    op: ClassVar = "live.music.connect"

    model: str

    def __post_init__(self) -> None:
        check_model_name(self.model)

    def gemini(self, at: Gemini) -> Handshake[LiveMusicServerMessage]:
        first = _MusicSetupMessage(setup=LiveMusicClientSetup(model=resolve_model_name(at, self.model)))
        path = "ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateMusic"
        return Handshake(path, first, LiveMusicServerMessage, build_unknown=UnknownLiveMusicMessage)

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("only the Gemini Developer API plays music")


def connect(model: str) -> Live[LiveMusicServerMessage]:
    """
    Open a session with a model that plays music; it is silent until it has wishes and is told to `play`.

    Google offers this in version ``v1alpha``: say ``| with_options(api_version="v1alpha")``.

    Args:
        model: A model that is made for this.

    >>> connect("models/lyria-realtime-exp").operation.op
    'live.music.connect'
    """
    return Live(ConnectLiveMusic(model=model))


class _MusicSetupMessage(Message):
    setup: LiveMusicClientSetup


# What the player is told


def weighted_prompts(prompts: Sequence[WeightedPrompt | Mapping[str, Any]]) -> LiveMusicClientMessage:
    """
    Say what is wished for, in place of what was wished for before.

    Args:
        prompts: Texts with weights: any number but 0, of which only the proportions count.

    >>> weighted_prompts([{"text": "piano", "weight": 2}]).client_content.weighted_prompts
    (WeightedPrompt(text='piano', weight=2.0),)
    """
    wishes = as_value(tuple[WeightedPrompt, ...], prompts, "prompts")
    return LiveMusicClientMessage(client_content=LiveMusicClientContent(weighted_prompts=wishes))


def generation_config(
    config: LiveMusicGenerationConfig | Mapping[str, Any] | None = None, **fields: Any
) -> LiveMusicClientMessage:
    """
    Say how the music sounds, in place of all that was said of it before.

    A new ``bpm`` or ``scale`` is heard after `reset_context` only.

    Args:
        config: All of it.

        fields: Fields of it, in place of those of ``config``.

    >>> generation_config(bpm=120, mute_bass=True).music_generation_config
    LiveMusicGenerationConfig(bpm=120, mute_bass=True)
    """
    whole = as_struct(LiveMusicGenerationConfig, config)
    changed = replace(whole, **as_changes(LiveMusicGenerationConfig, fields, "config"))
    return LiveMusicClientMessage(music_generation_config=changed)


def play() -> LiveMusicClientMessage:
    """Start to play, or go on."""
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.PLAY)


def pause() -> LiveMusicClientMessage:
    """Hold the music until it is told to `play` again."""
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.PAUSE)


def stop() -> LiveMusicClientMessage:
    """Stop, and forget the music so far; the config stays."""
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.STOP)


def reset_context() -> LiveMusicClientMessage:
    """Forget the music so far, without stopping; the wishes stay."""
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.RESET_CONTEXT)
