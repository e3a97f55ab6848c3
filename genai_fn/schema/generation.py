"""How an answer is made: everything that goes along with a prompt."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from genai_fn.schema.base import Coerce, GeminiOnly, Message, OpenEnum, VertexOnly
from genai_fn.schema.content import ContentLike
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.schemas import Schema, SchemaLike
from genai_fn.schema.speech import SpeechConfig, SpeechConfigLike
from genai_fn.schema.tools import AutomaticFunctionCallingConfig, ToolConfig, ToolLike

__all__ = [
    "FeatureSelectionPreference",
    "GenerateContentConfig",
    "GenerationConfig",
    "GenerationConfigRoutingConfig",
    "GenerationConfigRoutingConfigAutoRoutingMode",
    "GenerationConfigRoutingConfigManualRoutingMode",
    "GenerationConfigThinkingConfig",
    "ImageConfig",
    "MediaResolution",
    "Modality",
    "ModelSelectionConfig",
    "ThinkingConfig",
    "ThinkingLevel",
]


class Modality(OpenEnum):
    """What an answer can consist of."""

    MODALITY_UNSPECIFIED = "MODALITY_UNSPECIFIED"
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    AUDIO = "AUDIO"


def _to_modality_name(value: Any) -> Any:
    return value.value if isinstance(value, Modality) else value


if TYPE_CHECKING:
    ModalityLike: TypeAlias = Modality | str
else:
    ModalityLike = Annotated[str, Coerce(_to_modality_name)]


class MediaResolution(OpenEnum):
    """How closely the model looks at media."""

    MEDIA_RESOLUTION_UNSPECIFIED = "MEDIA_RESOLUTION_UNSPECIFIED"
    MEDIA_RESOLUTION_LOW = "MEDIA_RESOLUTION_LOW"
    MEDIA_RESOLUTION_MEDIUM = "MEDIA_RESOLUTION_MEDIUM"
    MEDIA_RESOLUTION_HIGH = "MEDIA_RESOLUTION_HIGH"


class FeatureSelectionPreference(OpenEnum):
    """Whether quality or cost decides which model answers."""

    FEATURE_SELECTION_PREFERENCE_UNSPECIFIED = "FEATURE_SELECTION_PREFERENCE_UNSPECIFIED"
    PRIORITIZE_QUALITY = "PRIORITIZE_QUALITY"
    BALANCED = "BALANCED"
    PRIORITIZE_COST = "PRIORITIZE_COST"


class ThinkingLevel(OpenEnum):
    """How much the model thinks."""

    THINKING_LEVEL_UNSPECIFIED = "THINKING_LEVEL_UNSPECIFIED"
    LOW = "LOW"
    HIGH = "HIGH"


class ModelSelectionConfig(Message):
    """What decides which model answers."""

    feature_selection_preference: FeatureSelectionPreference | None = None


class GenerationConfigRoutingConfigAutoRoutingMode(Message):
    """A router picks the model."""

    model_routing_preference: str | None = None
    """``UNKNOWN``, ``PRIORITIZE_QUALITY``, ``BALANCED`` or ``PRIORITIZE_COST``."""


class GenerationConfigRoutingConfigManualRoutingMode(Message):
    """A named model answers."""

    model_name: str | None = None


class GenerationConfigRoutingConfig(Message):
    """Who picks the model."""

    auto_mode: GenerationConfigRoutingConfigAutoRoutingMode | None = None
    manual_mode: GenerationConfigRoutingConfigManualRoutingMode | None = None


class ThinkingConfig(Message):
    """How much the model thinks, and whether it shows its thoughts."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    """In tokens: 0 for none, -1 for as the model sees fit."""
    thinking_level: ThinkingLevel | None = None


class GenerationConfigThinkingConfig(ThinkingConfig):
    """The same as `ThinkingConfig`, under its Vertex name."""


class ImageConfig(Message):
    """What generated images are like."""

    aspect_ratio: str | None = None
    """Such as ``16:9``."""
    image_size: str | None = None
    """``1K``, ``2K`` or ``4K``."""
    output_mime_type: VertexOnly[str | None] = None
    output_compression_quality: VertexOnly[int | None] = None
    """From 0 to 100, JPEG only."""


class GenerationConfig(Message):
    """How an answer is made, as the service's own messages group it."""

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


class GenerateContentConfig(Message):
    """Everything about an answer besides the model and the contents."""

    system_instruction: ContentLike | None = None
    """What the model is told before the conversation."""
    temperature: float | None = None
    """0 keeps to the likeliest words; above 1 gets adventurous."""
    top_p: float | None = None
    """Only the likeliest tokens whose probabilities add up to this are drawn from."""
    top_k: float | None = None
    """Only this many of the likeliest tokens are drawn from."""
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: tuple[str, ...] | None = None
    """Texts at which the answer ends; they do not appear in it."""
    response_logprobs: bool | None = None
    logprobs: int | None = None
    """How many alternatives to report for each token; with ``response_logprobs``."""
    presence_penalty: float | None = None
    """Above 0, words that have come up already are avoided."""
    frequency_penalty: float | None = None
    """Above 0, words are avoided more the more often they came up."""
    seed: int | None = None
    """The same seed makes the same answer likely, not certain."""
    response_mime_type: str | None = None
    """``text/plain``, ``application/json`` or ``text/x.enum``."""
    response_schema: SchemaLike | None = None
    """The shape of a JSON answer; in its place ``response_json_schema``."""
    response_json_schema: Any = None
    """The shape of a JSON answer as plain JSON Schema, sent as it stands."""
    routing_config: VertexOnly[GenerationConfigRoutingConfig | None] = None
    model_selection_config: VertexOnly[ModelSelectionConfig | None] = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    tools: tuple[ToolLike, ...] | None = None
    tool_config: ToolConfig | None = None
    labels: VertexOnly[Mapping[str, str] | None] = None
    """Of one's own, for billing reports."""
    cached_content: str | None = None
    """``cachedContents/…`` or a full Vertex name."""
    response_modalities: tuple[ModalityLike, ...] | None = None
    """``TEXT``, ``IMAGE``, ``AUDIO``."""
    media_resolution: MediaResolution | None = None
    speech_config: SpeechConfigLike | None = None
    """A `SpeechConfig`, or just the name of a voice."""
    audio_timestamp: VertexOnly[bool | None] = None
    """Whether times are told to the model for audio-only files."""
    automatic_function_calling: AutomaticFunctionCallingConfig | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: ImageConfig | None = None
