"""Configs of generated contents, chats, live sessions, tokens and embeddings."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from genai_fn.schema.base import Opaque
from genai_fn.schema.content import ContentLike
from genai_fn.schema.embeddings import EmbedContentConfig
from genai_fn.schema.foreign_values import GoogleGenaiValue
from genai_fn.schema.generation import (
    GenerateContentConfig,
    GenerationConfig,
    GenerationConfigRoutingConfig,
    GenerationOutputConfig,
    ImageConfig,
    MediaResolution,
    Modality,
    ModalityLike,
    ModelArmorConfig,
    ModelSelectionConfig,
    ServiceTier,
    ThinkingConfig,
)
from genai_fn.schema.live import (
    AvatarConfig,
    ContextWindowCompressionConfig,
    HistoryConfig,
    LiveConnectConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SessionResumptionConfig,
)
from genai_fn.schema.music import LiveMusicGenerationConfig, MusicGenerationMode, Scale
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.schemas import SchemaLike
from genai_fn.schema.speech import SpeechConfigLike, TranslationConfig
from genai_fn.schema.tokens import CountTokensConfig
from genai_fn.schema.tools import AutomaticFunctionCallingConfig, ToolConfig, ToolLike
from genai_fn.schema.transcription import AudioTranscriptionConfig


class GenerateContentConfigDict(TypedDict, total=False):
    """The fields of `GenerateContentConfig`."""

    system_instruction: ContentLike | None
    temperature: float | None
    top_p: float | None
    top_k: float | None
    candidate_count: int | None
    max_output_tokens: int | None
    stop_sequences: Sequence[str] | None
    response_logprobs: bool | None
    logprobs: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    seed: int | None
    response_mime_type: str | None
    response_schema: SchemaLike | None
    response_json_schema: Any
    routing_config: GenerationConfigRoutingConfig | Mapping[str, Any] | None
    model_selection_config: ModelSelectionConfig | Mapping[str, Any] | None
    safety_settings: Sequence[SafetySetting | Mapping[str, Any]] | None
    tools: Sequence[ToolLike] | None
    tool_config: ToolConfig | Mapping[str, Any] | None
    labels: Mapping[str, str] | None
    cached_content: str | None
    response_modalities: Sequence[ModalityLike] | None
    media_resolution: MediaResolution | str | None
    speech_config: SpeechConfigLike | None
    audio_timestamp: bool | None
    automatic_function_calling: AutomaticFunctionCallingConfig | Mapping[str, Any] | None
    thinking_config: ThinkingConfig | Mapping[str, Any] | None
    image_config: ImageConfig | Mapping[str, Any] | None
    enable_enhanced_civic_answers: bool | None
    model_armor_config: ModelArmorConfig | Mapping[str, Any] | None
    service_tier: ServiceTier | str | None
    audio_transcription_config: AudioTranscriptionConfig | Mapping[str, Any] | None
    continuation_token: Opaque | None
    automatic_continuation: bool | None
    generation_output_config: GenerationOutputConfig | Mapping[str, Any] | None
    store: bool | None


GenerateContentConfigLike: TypeAlias = GenerateContentConfig | GenerateContentConfigDict | GoogleGenaiValue


class LiveConnectConfigDict(TypedDict, total=False):
    """The fields of `LiveConnectConfig`."""

    generation_config: GenerationConfig | Mapping[str, Any] | None
    response_modalities: Sequence[Modality | str] | None
    temperature: float | None
    top_p: float | None
    top_k: float | None
    max_output_tokens: int | None
    media_resolution: MediaResolution | str | None
    seed: int | None
    speech_config: SpeechConfigLike | None
    thinking_config: ThinkingConfig | Mapping[str, Any] | None
    enable_affective_dialog: bool | None
    system_instruction: ContentLike | None
    tools: Sequence[ToolLike] | None
    session_resumption: SessionResumptionConfig | Mapping[str, Any] | None
    input_audio_transcription: AudioTranscriptionConfig | Mapping[str, Any] | None
    output_audio_transcription: AudioTranscriptionConfig | Mapping[str, Any] | None
    realtime_input_config: RealtimeInputConfig | Mapping[str, Any] | None
    context_window_compression: ContextWindowCompressionConfig | Mapping[str, Any] | None
    proactivity: ProactivityConfig | Mapping[str, Any] | None
    explicit_vad_signal: bool | None
    history_config: HistoryConfig | Mapping[str, Any] | None
    avatar_config: AvatarConfig | Mapping[str, Any] | None
    safety_settings: Sequence[SafetySetting | Mapping[str, Any]] | None
    translation_config: TranslationConfig | Mapping[str, Any] | None
    labels: Mapping[str, str] | None


LiveConnectConfigLike: TypeAlias = LiveConnectConfig | LiveConnectConfigDict | GoogleGenaiValue


class LiveMusicGenerationConfigDict(TypedDict, total=False):
    """The fields of `LiveMusicGenerationConfig`."""

    temperature: float | None
    top_k: int | None
    seed: int | None
    guidance: float | None
    bpm: int | None
    density: float | None
    brightness: float | None
    scale: Scale | str | None
    mute_bass: bool | None
    mute_drums: bool | None
    only_bass_and_drums: bool | None
    music_generation_mode: MusicGenerationMode | str | None


LiveMusicGenerationConfigLike: TypeAlias = LiveMusicGenerationConfig | LiveMusicGenerationConfigDict | GoogleGenaiValue


class CountTokensConfigDict(TypedDict, total=False):
    """The fields of `CountTokensConfig`."""

    system_instruction: ContentLike | None
    tools: Sequence[ToolLike] | None
    generation_config: GenerationConfig | Mapping[str, Any] | None


CountTokensConfigLike: TypeAlias = CountTokensConfig | CountTokensConfigDict | GoogleGenaiValue


class EmbedContentConfigDict(TypedDict, total=False):
    """The fields of `EmbedContentConfig`."""

    task_type: str | None
    title: str | None
    output_dimensionality: int | None
    mime_type: str | None
    auto_truncate: bool | None
    document_ocr: bool | None
    audio_track_extraction: bool | None


EmbedContentConfigLike: TypeAlias = EmbedContentConfig | EmbedContentConfigDict | GoogleGenaiValue
