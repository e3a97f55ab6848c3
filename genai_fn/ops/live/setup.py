"""The setup message of a live session, for opening one and for the constraints of an ephemeral token."""

from collections.abc import Mapping

from msgspec.structs import replace

from genai_fn.backend import Backend
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.request_parts import as_type, copy_fields
from genai_fn.ops.tool_config import merge_function_declarations
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.schema.generation import GenerationConfig
from genai_fn.schema.live import (
    AvatarConfig,
    ContextWindowCompressionConfig,
    HistoryConfig,
    LiveConnectConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SessionResumptionConfig,
)
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.speech import SpeechConfig
from genai_fn.schema.tools import Tool
from genai_fn.schema.transcription import AudioTranscriptionConfig

__all__ = ["LiveSetup", "build_setup", "validate_set_once"]


class LiveSetup(Message):
    """Setup of a live session, as it is sent."""

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
    explicit_vad_signal: bool | None = None
    history_config: HistoryConfig | None = None
    avatar_config: AvatarConfig | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    labels: Mapping[str, str] | None = None


def validate_set_once(config: LiveConnectConfig, path: str) -> None:
    """Raise `InvalidRequest` if a field is set both directly and in ``generation_config``."""
    inner = config.generation_config
    for name in _GENERATION_FIELDS:
        value = getattr(config, name)
        if inner is not None and value is not None and getattr(inner, name) is not None:
            raise InvalidRequest(f"{path}.{name}", value, "nothing: it is set in generation_config, too")


def build_setup(model: str | None, config: LiveConnectConfig, at: Backend, path: str) -> LiveSetup:
    """
    Build the setup of a session.

    `model` is the name on this backend, `path` the path of `config` in error messages.
    """
    speech = as_type(SpeechConfig, config.speech_config)
    if speech is not None and speech.multi_speaker_voice_config is not None:
        raise Unsupported(
            at.title, (f"{path}.speech_config.multi_speaker_voice_config",), "a live session has only one voice"
        )
    return copy_fields(
        LiveSetup,
        config,
        model=model,
        generation_config=_build_generation_config(config),
        tools=merge_function_declarations(config.tools),
    )


def _build_generation_config(config: LiveConnectConfig) -> GenerationConfig | None:
    given = {name: value for name in _GENERATION_FIELDS if (value := getattr(config, name)) is not None}
    if not given:
        return config.generation_config
    return replace(config.generation_config or GenerationConfig(), **given)


_GENERATION_FIELDS = tuple(
    name for name in LiveConnectConfig.__struct_fields__ if name in GenerationConfig.__struct_fields__
)
