"""Voices of spoken responses."""

from typing import TYPE_CHECKING, Any, TypeAlias

from genai_fn.schema.base import GeminiOnly, OpenMessage

__all__ = [
    "MultiSpeakerVoiceConfig",
    "PrebuiltVoiceConfig",
    "SpeakerVoiceConfig",
    "SpeechConfig",
    "VoiceConfig",
]


class PrebuiltVoiceConfig(OpenMessage):
    """A prebuilt voice, by name."""

    voice_name: str | None = None


class VoiceConfig(OpenMessage):
    """The voice of a response."""

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None


class SpeakerVoiceConfig(OpenMessage):
    """The voice of one speaker in a dialogue."""

    speaker: str | None = None
    """Name of the speaker in the prompt."""
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(OpenMessage):
    """The voices of a dialogue, one for each speaker."""

    speaker_voice_configs: tuple[SpeakerVoiceConfig, ...] | None = None


class SpeechConfig(OpenMessage):
    """Configuration of speech output."""

    language_code: str | None = None
    """Language code, such as ``en-US``."""
    voice_config: VoiceConfig | None = None
    multi_speaker_voice_config: GeminiOnly[MultiSpeakerVoiceConfig | None] = None

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return NotImplemented
        return cls(voice_config=VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name=value)))


if TYPE_CHECKING:
    from collections.abc import Mapping

    SpeechConfigLike: TypeAlias = SpeechConfig | Mapping[str, Any] | str
    """A `SpeechConfig`, or just the name of a voice."""
else:
    SpeechConfigLike = SpeechConfig
