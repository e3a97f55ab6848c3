"""
The fields of all configs: what ``with_config`` accepts for any operation.

A field that several configs have accepts what any of them does; the operation checks it when the modifier is applied.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from genai_fn.schema.auth_tokens import LiveConnectConstraints
from genai_fn.schema.base import Opaque
from genai_fn.schema.batches import (
    BatchJobDestinationLike,
)
from genai_fn.schema.content import ContentLike
from genai_fn.schema.contents import ContentsLike
from genai_fn.schema.evaluation import EvaluationConfig
from genai_fn.schema.generation import (
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
from genai_fn.schema.image_editing import (
    EditMode,
    SegmentMode,
)
from genai_fn.schema.images import (
    Image,
    ImagePromptLanguage,
    PersonGeneration,
    SafetyFilterLevel,
)
from genai_fn.schema.live import (
    AvatarConfig,
    ContextWindowCompressionConfig,
    HistoryConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SessionResumptionConfig,
)
from genai_fn.schema.music import MusicGenerationMode, Scale
from genai_fn.schema.operations import WebhookConfig
from genai_fn.schema.rewards import (
    CompositeReinforcementTuningRewardConfig,
    CompositeReinforcementTuningRewardConfigWeightedRewardConfig,
    ReinforcementTuningAutoraterScorer,
    ReinforcementTuningCloudRunRewardScorer,
    ReinforcementTuningCodeExecutionRewardScorer,
    ReinforcementTuningParseResponseConfig,
    ReinforcementTuningStringMatchRewardScorer,
    SingleReinforcementTuningRewardConfig,
)
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.schemas import SchemaLike
from genai_fn.schema.speech import SpeechConfigLike, TranslationConfig
from genai_fn.schema.stores import (
    ChunkingConfig,
    CustomMetadata,
)
from genai_fn.schema.tools import AutomaticFunctionCallingConfig, ToolConfig, ToolLike
from genai_fn.schema.transcription import AudioTranscriptionConfig
from genai_fn.schema.tuning_specs import AdapterSize, EncryptionSpec, ReinforcementTuningThinkingLevel, TuningMode
from genai_fn.schema.tunings import TuningMethod, TuningValidationDataset
from genai_fn.schema.videos import (
    ImageResizeMode,
    VideoCompressionQuality,
    VideoGenerationMask,
    VideoGenerationReferenceImage,
)


class ConfigFields(TypedDict, total=False):
    """The fields of all configs: what ``with_config`` accepts."""

    adapter_size: AdapterSize | str | None
    add_watermark: bool | None
    aspect_ratio: str | None
    audio_timestamp: bool | None
    audio_track_extraction: bool | None
    audio_transcription_config: AudioTranscriptionConfig | Mapping[str, Any] | None
    auto_truncate: bool | None
    automatic_continuation: bool | None
    automatic_function_calling: AutomaticFunctionCallingConfig | Mapping[str, Any] | None
    autorater_scorer: ReinforcementTuningAutoraterScorer | Mapping[str, Any] | None
    avatar_config: AvatarConfig | Mapping[str, Any] | None
    base_steps: int | None
    base_teacher_model: str | None
    batch_size: int | None
    beta: float | None
    binary_color_threshold: float | None
    bpm: int | None
    brightness: float | None
    cached_content: str | None
    candidate_count: int | None
    checkpoint_interval: int | None
    chunking_config: ChunkingConfig | Mapping[str, Any] | None
    cloud_run_reward_scorer: ReinforcementTuningCloudRunRewardScorer | Mapping[str, Any] | None
    code_execution_reward_scorer: ReinforcementTuningCodeExecutionRewardScorer | Mapping[str, Any] | None
    composite_reward_config: CompositeReinforcementTuningRewardConfig | Mapping[str, Any] | None
    compression_quality: VideoCompressionQuality | str | None
    confidence_threshold: float | None
    contents: ContentsLike | None
    context_window_compression: ContextWindowCompressionConfig | Mapping[str, Any] | None
    continuation_token: Opaque | None
    custom_base_model: str | None
    custom_metadata: Sequence[CustomMetadata | Mapping[str, Any]] | None
    default_checkpoint_id: str | None
    density: float | None
    description: str | None
    dest: BatchJobDestinationLike | None
    display_name: str | None
    document_ocr: bool | None
    duration_seconds: int | None
    edit_mode: EditMode | str | None
    embedding_model: str | None
    enable_affective_dialog: bool | None
    enable_enhanced_civic_answers: bool | None
    encryption_spec: EncryptionSpec | Mapping[str, Any] | None
    enhance_input_image: bool | None
    enhance_prompt: bool | None
    epoch_count: int | None
    evaluate_interval: int | None
    evaluation_config: EvaluationConfig | Mapping[str, Any] | None
    expire_time: datetime | str | None
    explicit_vad_signal: bool | None
    export_last_checkpoint_only: bool | None
    filter: str | None
    force: bool | None
    fps: int | None
    frequency_penalty: float | None
    generate_audio: bool | None
    generation_config: GenerationConfig | Mapping[str, Any] | None
    generation_output_config: GenerationOutputConfig | Mapping[str, Any] | None
    guidance: float | None
    guidance_scale: float | None
    history_config: HistoryConfig | Mapping[str, Any] | None
    image_config: ImageConfig | Mapping[str, Any] | None
    image_preservation_factor: float | None
    image_size: str | None
    include_rai_reason: bool | None
    include_safety_attributes: bool | None
    input_audio_transcription: AudioTranscriptionConfig | Mapping[str, Any] | None
    kms_key_name: str | None
    labels: Mapping[str, str] | None
    language: ImagePromptLanguage | str | None
    last_frame: Image | Mapping[str, Any] | None
    learning_rate: float | None
    learning_rate_multiplier: float | None
    live_connect_constraints: LiveConnectConstraints | Mapping[str, Any] | None
    lock_additional_fields: Sequence[str] | None
    logprobs: int | None
    mask: VideoGenerationMask | Mapping[str, Any] | None
    mask_dilation: float | None
    max_output_tokens: int | None
    max_predictions: int | None
    media_resolution: MediaResolution | str | None
    method: TuningMethod | str | None
    mime_type: str | None
    mode: SegmentMode | str | None
    model_armor_config: ModelArmorConfig | Mapping[str, Any] | None
    model_selection_config: ModelSelectionConfig | Mapping[str, Any] | None
    music_generation_mode: MusicGenerationMode | str | None
    mute_bass: bool | None
    mute_drums: bool | None
    name: str | None
    negative_prompt: str | None
    new_session_expire_time: datetime | str | None
    number_of_images: int | None
    number_of_videos: int | None
    only_bass_and_drums: bool | None
    output_audio_transcription: AudioTranscriptionConfig | Mapping[str, Any] | None
    output_compression_quality: int | None
    output_dimensionality: int | None
    output_gcs_uri: str | None
    output_mime_type: str | None
    output_uri: str | None
    page_size: int | None
    page_token: str | None
    parse_response_config: ReinforcementTuningParseResponseConfig | Mapping[str, Any] | None
    person_generation: PersonGeneration | str | None
    pre_tuned_model_checkpoint_id: str | None
    presence_penalty: float | None
    proactivity: ProactivityConfig | Mapping[str, Any] | None
    pubsub_topic: str | None
    query_base: bool | None
    realtime_input_config: RealtimeInputConfig | Mapping[str, Any] | None
    reference_images: Sequence[VideoGenerationReferenceImage | Mapping[str, Any]] | None
    resize_mode: ImageResizeMode | str | None
    resolution: str | None
    response_json_schema: Any
    response_logprobs: bool | None
    response_mime_type: str | None
    response_modalities: Sequence[ModalityLike] | Sequence[Modality | str] | None
    response_schema: SchemaLike | None
    reward_config: SingleReinforcementTuningRewardConfig | Mapping[str, Any] | None
    reward_name: str | None
    routing_config: GenerationConfigRoutingConfig | Mapping[str, Any] | None
    safety_filter_level: SafetyFilterLevel | str | None
    safety_settings: Sequence[SafetySetting | Mapping[str, Any]] | None
    samples_per_prompt: int | None
    scale: Scale | str | None
    seed: int | None
    service_tier: ServiceTier | str | None
    session_resumption: SessionResumptionConfig | Mapping[str, Any] | None
    sft_loss_weight_multiplier: float | None
    speech_config: SpeechConfigLike | None
    stop_sequences: Sequence[str] | None
    store: bool | None
    string_match_reward_scorer: ReinforcementTuningStringMatchRewardScorer | Mapping[str, Any] | None
    system_instruction: ContentLike | None
    task_type: str | None
    temperature: float | None
    thinking_config: ThinkingConfig | Mapping[str, Any] | None
    thinking_level: ReinforcementTuningThinkingLevel | str | None
    title: str | None
    tool_config: ToolConfig | Mapping[str, Any] | None
    tools: Sequence[ToolLike] | None
    top_k: float | int | None
    top_p: float | None
    translation_config: TranslationConfig | Mapping[str, Any] | None
    ttl: str | None
    tuned_model_display_name: str | None
    tuned_teacher_model_source: str | None
    tuning_mode: TuningMode | str | None
    uses: int | None
    validation_dataset: TuningValidationDataset | Mapping[str, Any] | None
    validation_dataset_uri: str | None
    webhook_config: WebhookConfig | Mapping[str, Any] | None
    weighted_reward_configs: (
        Sequence[CompositeReinforcementTuningRewardConfigWeightedRewardConfig | Mapping[str, Any]] | None
    )
