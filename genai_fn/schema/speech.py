"""Voices for spoken answers."""

from typing import TYPE_CHECKING, Any, TypeAlias

from genai_fn.schema.base import GeminiOnly, Message

__all__ = [
    "MultiSpeakerVoiceConfig",
    "PrebuiltVoiceConfig",
    "SpeakerVoiceConfig",
    "SpeechConfig",
    "VoiceConfig",
]


class PrebuiltVoiceConfig(Message):
    """One of the voices that the service offers, by name."""

    voice_name: str | None = None


class VoiceConfig(Message):
    """The voice of an answer."""

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None


class SpeakerVoiceConfig(Message):
    """The voice of one speaker in a dialogue."""

    speaker: str | None = None
    """The name that the prompt uses for the speaker."""
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(Message):
    """The voices of a dialogue, each speaker's own."""

    speaker_voice_configs: tuple[SpeakerVoiceConfig, ...] | None = None


class SpeechConfig(Message):
    """How an answer is spoken."""

    language_code: str | None = None
    """ISO 639, such as ``en-US``."""
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
