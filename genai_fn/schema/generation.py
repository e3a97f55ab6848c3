"""Configuration of content generation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from genai_fn.schema.base import Coerce, GeminiOnly, Opaque, OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.content import ContentLike
from genai_fn.schema.response_formats import ResponseFormat
from genai_fn.schema.reusable import ReusableMessage
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.schemas import Schema, SchemaLike
from genai_fn.schema.speech import SpeechConfig, SpeechConfigLike, TranslationConfig
from genai_fn.schema.tools import AutomaticFunctionCallingConfig, ToolConfig, ToolLike
from genai_fn.schema.transcription import AudioTranscriptionConfig


class Modality(OpenEnum):
    """Modality of a response."""

    MODALITY_UNSPECIFIED = "MODALITY_UNSPECIFIED"
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    AUDIO = "AUDIO"
    VIDEO = "VIDEO"


def _to_modality_name(value: Any) -> Any:
    return value.value if isinstance(value, Modality) else value


if TYPE_CHECKING:
    ModalityLike: TypeAlias = Modality | str
else:
    ModalityLike = Annotated[str, Coerce(_to_modality_name)]


class MediaResolution(OpenEnum):
    """Resolution at which the model processes media."""

    MEDIA_RESOLUTION_UNSPECIFIED = "MEDIA_RESOLUTION_UNSPECIFIED"
    MEDIA_RESOLUTION_LOW = "MEDIA_RESOLUTION_LOW"
    MEDIA_RESOLUTION_MEDIUM = "MEDIA_RESOLUTION_MEDIUM"
    MEDIA_RESOLUTION_HIGH = "MEDIA_RESOLUTION_HIGH"


class FeatureSelectionPreference(OpenEnum):
    """Whether quality or cost decides the choice of the model."""

    FEATURE_SELECTION_PREFERENCE_UNSPECIFIED = "FEATURE_SELECTION_PREFERENCE_UNSPECIFIED"
    PRIORITIZE_QUALITY = "PRIORITIZE_QUALITY"
    BALANCED = "BALANCED"
    PRIORITIZE_COST = "PRIORITIZE_COST"


class ThinkingLevel(OpenEnum):
    """How much the model thinks before it responds."""

    THINKING_LEVEL_UNSPECIFIED = "THINKING_LEVEL_UNSPECIFIED"
    MINIMAL = "MINIMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    XHIGH = "XHIGH"


class ServiceTier(OpenEnum):
    """Price and priority of a request."""

    UNSPECIFIED = "unspecified"
    FLEX = "flex"
    STANDARD = "standard"
    PRIORITY = "priority"


class ProminentPeople(OpenEnum):
    """Whether generated images may show prominent people."""

    PROMINENT_PEOPLE_UNSPECIFIED = "PROMINENT_PEOPLE_UNSPECIFIED"
    ALLOW_PROMINENT_PEOPLE = "ALLOW_PROMINENT_PEOPLE"
    BLOCK_PROMINENT_PEOPLE = "BLOCK_PROMINENT_PEOPLE"


class ModelSelectionConfig(OpenMessage):
    """Preference for the choice of the model."""

    feature_selection_preference: FeatureSelectionPreference | None = None


class GenerationConfigRoutingConfigAutoRoutingMode(OpenMessage):
    """The service chooses the model."""

    model_routing_preference: str | None = None
    """``UNKNOWN``, ``PRIORITIZE_QUALITY``, ``BALANCED`` or ``PRIORITIZE_COST``."""


class GenerationConfigRoutingConfigManualRoutingMode(OpenMessage):
    """A named model is used."""

    model_name: str | None = None


class GenerationConfigRoutingConfig(OpenMessage):
    """How the model is chosen: by the service, or by name."""

    auto_mode: GenerationConfigRoutingConfigAutoRoutingMode | None = None
    manual_mode: GenerationConfigRoutingConfigManualRoutingMode | None = None


class ThinkingConfig(OpenMessage):
    """How much the model thinks, and whether its thoughts are returned."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    """Budget in tokens: 0 disables thinking, -1 lets the model decide."""
    thinking_level: ThinkingLevel | None = None


class GenerationConfigThinkingConfig(ThinkingConfig):
    """The same as `ThinkingConfig`, under its Vertex AI name."""


class ImageConfigImageOutputOptions(OpenMessage):
    """File type of generated images."""

    compression_quality: int | None = None
    """From 0 to 100; JPEG only."""
    mime_type: str | None = None


class ImageConfig(OpenMessage):
    """Configuration of generated images."""

    aspect_ratio: str | None = None
    """For example ``16:9``."""
    image_size: str | None = None
    """``1K``, ``2K`` or ``4K``."""
    output_mime_type: VertexOnly[str | None] = None
    output_compression_quality: VertexOnly[int | None] = None
    """From 0 to 100; JPEG only."""
    person_generation: VertexOnly[str | None] = None
    """``ALLOW_ALL``, ``ALLOW_ADULT`` or ``ALLOW_NONE``."""
    prominent_people: VertexOnly[ProminentPeople | None] = None
    image_output_options: VertexOnly[ImageConfigImageOutputOptions | None] = None
    """Set this, or ``output_mime_type`` and ``output_compression_quality``."""


class ModelArmorConfig(OpenMessage):
    """Templates of Model Armor, which screens prompts and responses."""

    prompt_template_name: str | None = None
    """``projects/…/locations/…/templates/…``."""
    response_template_name: str | None = None
    """``projects/…/locations/…/templates/…``."""


class GenerationOutputConfig(OpenMessage):
    """Cloud Storage location of generated media."""

    output_uri_prefix: str | None = None
    """Prefix ``gs://…``; responses contain URIs instead of bytes."""


class GenerationConfig(OpenMessage):
    """Configuration of content generation in the service's own grouping."""

    model_selection_config: ModelSelectionConfig | None = None
    response_json_schema: Any = None
    audio_timestamp: bool | None = None
    candidate_count: int | None = None
    enable_affective_dialog: bool | None = None
    frequency_penalty: float | None = None
    logprobs: int | None = None
    max_output_tokens: int | None = None
    media_resolution: MediaResolution | None = None
    presence_penalty: float | None = None
    response_logprobs: bool | None = None
    response_mime_type: str | None = None
    response_modalities: tuple[Modality, ...] | None = None
    response_schema: Schema | None = None
    routing_config: GenerationConfigRoutingConfig | None = None
    seed: int | None = None
    speech_config: SpeechConfig | None = None
    stop_sequences: tuple[str, ...] | None = None
    temperature: float | None = None
    thinking_config: ThinkingConfig | None = None
    top_k: float | None = None
    top_p: float | None = None
    enable_enhanced_civic_answers: GeminiOnly[bool | None] = None
    response_format: tuple[ResponseFormat, ...] | None = None
    """Format of each modality of the response."""
    translation_config: TranslationConfig | None = None
    audio_transcription_config: AudioTranscriptionConfig | None = None


class GenerateContentConfig(ReusableMessage):
    """Options of `generate`: all parameters besides the model and the contents."""

    system_instruction: ContentLike | None = None
    """Instructions that precede the conversation."""
    temperature: float | None = None
    """Sampling temperature. 0 is close to deterministic; values above 1 are more varied."""
    top_p: float | None = None
    """Sample only from the most likely tokens whose probabilities add up to this."""
    top_k: float | None = None
    """Sample only from this many of the most likely tokens."""
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: tuple[str, ...] | None = None
    """Texts at which generation stops; the output does not contain them."""
    response_logprobs: bool | None = None
    logprobs: int | None = None
    """Number of alternatives to return for each token; needs ``response_logprobs``."""
    presence_penalty: float | None = None
    """Positive values make tokens less likely that have occurred already."""
    frequency_penalty: float | None = None
    """Positive values make tokens less likely the more often they have occurred."""
    seed: int | None = None
    """The same seed makes the same output likely, not certain."""
    response_mime_type: str | None = None
    """``text/plain``, ``application/json`` or ``text/x.enum``."""
    response_schema: SchemaLike | None = None
    """Schema of a JSON response. Set this or ``response_json_schema``."""
    response_json_schema: Any = None
    """Schema of a JSON response as plain JSON Schema, sent unchanged."""
    routing_config: VertexOnly[GenerationConfigRoutingConfig | None] = None
    model_selection_config: VertexOnly[ModelSelectionConfig | None] = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    tools: tuple[ToolLike, ...] | None = None
    tool_config: ToolConfig | None = None
    labels: Mapping[str, str] | None = None
    """Your own labels, for billing reports."""
    cached_content: str | None = None
    """``cachedContents/…``, or a full Vertex AI name."""
    response_modalities: tuple[ModalityLike, ...] | None = None
    """Any of ``TEXT``, ``IMAGE`` and ``AUDIO``."""
    media_resolution: MediaResolution | None = None
    speech_config: SpeechConfigLike | None = None
    """A `SpeechConfig`, or the name of a voice."""
    audio_timestamp: VertexOnly[bool | None] = None
    """Whether the model receives timestamps for audio-only files."""
    automatic_function_calling: AutomaticFunctionCallingConfig | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: ImageConfig | None = None
    enable_enhanced_civic_answers: GeminiOnly[bool | None] = None
    model_armor_config: VertexOnly[ModelArmorConfig | None] = None
    service_tier: ServiceTier | None = None
    audio_transcription_config: AudioTranscriptionConfig | None = None
    """Options for transcribing speech in the contents."""
    continuation_token: Opaque | None = None
    """Token of a response with the finish reason ``CONTINUATION``, to continue it."""
    automatic_continuation: bool | None = None
    """Automatic continuation of google-genai; here, `continued` enables it."""
    generation_output_config: VertexOnly[GenerationOutputConfig | None] = None
    store: GeminiOnly[bool | None] = None
    """Whether the service stores the request and the response."""
