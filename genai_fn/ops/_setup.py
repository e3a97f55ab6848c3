"""How a live session is set up, on the wire: what opens one, and what a key may tie one to."""

from msgspec.structs import replace

from genai_fn.backend import Backend
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops._parts import settled
from genai_fn.ops._tools import gathered
from genai_fn.schema import (
    AudioTranscriptionConfig,
    Content,
    ContextWindowCompressionConfig,
    GenerationConfig,
    LiveConnectConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SessionResumptionConfig,
    SpeechConfig,
    Tool,
)
from genai_fn.schema._base import Message

__all__ = ["Setup", "said_once", "setup"]


class Setup(Message):
    """How a session is set up."""

    model: str | None = None
    generation_config: GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    session_resumption: SessionResumptionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    proactivity: ProactivityConfig | None = None


def said_once(config: LiveConnectConfig, path: str) -> None:
    """Refuse a field that is set both by itself and in ``generation_config``."""
    inner = config.generation_config
    for name in _INSIDE:
        value = getattr(config, name)
        if inner is not None and value is not None and getattr(inner, name) is not None:
            raise InvalidRequest(f"{path}.{name}", value, "nothing, as generation_config says it")


def setup(model: str | None, config: LiveConnectConfig, at: Backend, path: str) -> Setup:
    """Set a session up; ``model`` is what the backend calls it, ``path`` is where the config comes from."""
    speech = settled(SpeechConfig, config.speech_config)
    if speech is not None and speech.multi_speaker_voice_config is not None:
        raise Unsupported(at.title, (f"{path}.speech_config.multi_speaker_voice_config",), "a session has one voice")
    return Setup(
        model=model,
        generation_config=_inside(config),
        system_instruction=settled(Content, config.system_instruction),
        tools=gathered(config.tools),
        session_resumption=config.session_resumption,
        input_audio_transcription=config.input_audio_transcription,
        output_audio_transcription=config.output_audio_transcription,
        realtime_input_config=config.realtime_input_config,
        context_window_compression=config.context_window_compression,
        proactivity=config.proactivity,
    )


def _inside(config: LiveConnectConfig) -> GenerationConfig | None:
    given = {name: value for name in _INSIDE if (value := getattr(config, name)) is not None}
    if not given:
        return config.generation_config
    return replace(config.generation_config or GenerationConfig(), **given)


_INSIDE = tuple(name for name in LiveConnectConfig.__struct_fields__ if name in GenerationConfig.__struct_fields__)
