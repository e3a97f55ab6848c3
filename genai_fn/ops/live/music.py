"""Live music sessions: how to open one, and the messages that control it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.request import Handshake, Live, LiveOperation, Refusal
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_changes, as_struct, as_value
from genai_fn.schema.music import (
    LiveMusicClientContent,
    LiveMusicClientMessage,
    LiveMusicClientSetup,
    LiveMusicGenerationConfig,
    LiveMusicPlaybackControl,
    LiveMusicServerMessage,
    WeightedPrompt,
)
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import LiveMusicGenerationConfigLike

__all__ = [
    "ConnectLiveMusic",
    "connect",
    "generation_config",
    "pause",
    "play",
    "reset_context",
    "stop",
    "weighted_prompts",
]


class ConnectLiveMusic(LiveOperation[LiveMusicServerMessage]):
    """Open a session with a model that generates music in real time."""

    op: ClassVar = "live.music.connect"

    model: str

    def __post_init__(self) -> None:
        check_model_name(self.model)

    def gemini(self, at: Gemini) -> Handshake[LiveMusicServerMessage]:
        setup = _MusicSetupMessage(setup=LiveMusicClientSetup(model=resolve_model_name(at, self.model)))
        path = "ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateMusic"
        return Handshake(path, setup, LiveMusicServerMessage)

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("only the Gemini Developer API generates live music")


def connect(model: str) -> Live[LiveMusicServerMessage]:
    """
    Open a session with a model that generates music. It is silent until prompts and `play` are sent.

    Gemini Developer API only. Google offers this in API version ``v1alpha``: use
    ``| with_options(api_version="v1alpha")``.

    Args:
        model: A model for real-time music.

    Raises:
        InvalidRequest: If the model name is empty or invalid.

    Fails with:
        Unsupported: On Vertex AI.

        LiveClosed: If the server closes the session with an error, such as for an unknown model.

    >>> connect("models/lyria-realtime-exp").operation.op
    'live.music.connect'
    """
    return Live(ConnectLiveMusic(model=model))


class _MusicSetupMessage(Message):
    setup: LiveMusicClientSetup


# Messages to send


def weighted_prompts(prompts: Sequence[WeightedPrompt | Mapping[str, Any]]) -> LiveMusicClientMessage:
    """
    Build a message with the prompts for the music; they replace the earlier ones.

    Args:
        prompts: Texts with weights. A weight is any number except 0; only the proportions matter.

    Raises:
        InvalidRequest: If a field of a prompt is unknown or has the wrong type.

    >>> weighted_prompts([{"text": "piano", "weight": 2}]).client_content.weighted_prompts
    (WeightedPrompt(text='piano', weight=2.0),)
    """
    weighted = as_value(tuple[WeightedPrompt, ...], prompts, "prompts")
    return LiveMusicClientMessage(client_content=LiveMusicClientContent(weighted_prompts=weighted))


def generation_config(config: "LiveMusicGenerationConfigLike | None" = None, **fields: Any) -> LiveMusicClientMessage:
    """
    Build a message with the generation config of the music; it replaces the earlier one as a whole.

    A new ``bpm`` or ``scale`` takes effect only after `reset_context`.

    Args:
        config: The config.

        fields: Single fields, which take precedence over those of ``config``.

    Raises:
        InvalidRequest: If a field is unknown or has the wrong type.

    >>> generation_config(bpm=120, mute_bass=True).music_generation_config
    LiveMusicGenerationConfig(bpm=120, mute_bass=True)
    """
    base = as_struct(LiveMusicGenerationConfig, config)
    changed = replace(base, **as_changes(LiveMusicGenerationConfig, fields, "config"))
    return LiveMusicClientMessage(music_generation_config=changed)


def play() -> LiveMusicClientMessage:
    """
    Build a message that starts or resumes the music.

    >>> play().playback_control
    <LiveMusicPlaybackControl.PLAY: 'PLAY'>
    """
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.PLAY)


def pause() -> LiveMusicClientMessage:
    """
    Build a message that pauses the music until `play`.

    >>> pause().playback_control
    <LiveMusicPlaybackControl.PAUSE: 'PAUSE'>
    """
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.PAUSE)


def stop() -> LiveMusicClientMessage:
    """
    Build a message that stops the music and resets its context; the config is kept.

    >>> stop().playback_control
    <LiveMusicPlaybackControl.STOP: 'STOP'>
    """
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.STOP)


def reset_context() -> LiveMusicClientMessage:
    """
    Build a message that resets the context of the music without stopping it; the prompts are kept.

    >>> reset_context().playback_control
    <LiveMusicPlaybackControl.RESET_CONTEXT: 'RESET_CONTEXT'>
    """
    return LiveMusicClientMessage(playback_control=LiveMusicPlaybackControl.RESET_CONTEXT)
