"""Voices and language of spoken responses."""

from typing import TYPE_CHECKING, Any, TypeAlias

from genai_fn.schema.base import GeminiOnly, OpenMessage


class PrebuiltVoiceConfig(OpenMessage):
    """A prebuilt voice, by name."""

    voice_name: str | None = None


class VoiceConsentSignature(OpenMessage):
    """The server's signature of a recorded consent."""

    signature: str | None = None


class ReplicatedVoiceConfig(OpenMessage):
    """A voice that is replicated from a sample."""

    mime_type: str | None = None
    """``audio/wav``: 16-bit little-endian samples at 24 kHz."""
    voice_sample_audio: bytes | None = None
    consent_audio: GeminiOnly[bytes | None] = None
    """Recorded consent of the owner of the voice, in the same format."""
    voice_consent_signature: GeminiOnly[VoiceConsentSignature | None] = None
    """Signature of an earlier consent, instead of ``consent_audio``."""


class VoiceConfig(OpenMessage):
    """The voice of a response."""

    replicated_voice_config: ReplicatedVoiceConfig | None = None
    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    voice: str | None = None
    """Name of a voice."""


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
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return NotImplemented
        return cls(voice_config=VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name=value)))


class TranslationConfig(OpenMessage):
    """Translation of speech."""

    echo_target_language: bool | None = None
    """Whether speech in the target language is repeated; otherwise the model is silent."""
    target_language_code: str | None = None
    """BCP 47 code of the target language, such as ``es``."""


if TYPE_CHECKING:
    from collections.abc import Mapping

    SpeechConfigLike: TypeAlias = SpeechConfig | Mapping[str, Any] | str
    """A `SpeechConfig`, or just the name of a voice."""
else:
    SpeechConfigLike = SpeechConfig
