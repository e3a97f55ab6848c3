"""Configs of images and videos."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from genai_fn.schema.foreign_values import GoogleGenaiValue
from genai_fn.schema.image_editing import (
    EditImageConfig,
    EditMode,
    RecontextImageConfig,
    SegmentImageConfig,
    SegmentMode,
)
from genai_fn.schema.images import (
    GenerateImagesConfig,
    Image,
    ImagePromptLanguage,
    PersonGeneration,
    SafetyFilterLevel,
    UpscaleImageConfig,
)
from genai_fn.schema.operations import WebhookConfig
from genai_fn.schema.videos import (
    GenerateVideosConfig,
    ImageResizeMode,
    VideoCompressionQuality,
    VideoGenerationMask,
    VideoGenerationReferenceImage,
)


class _NewImageDict(TypedDict, total=False):
    """The fields of both `GenerateImagesConfig` and `EditImageConfig`."""

    output_gcs_uri: str | None
    negative_prompt: str | None
    number_of_images: int | None
    aspect_ratio: str | None
    guidance_scale: float | None
    seed: int | None
    safety_filter_level: SafetyFilterLevel | str | None
    person_generation: PersonGeneration | str | None
    include_safety_attributes: bool | None
    include_rai_reason: bool | None
    language: ImagePromptLanguage | str | None
    output_mime_type: str | None
    output_compression_quality: int | None
    add_watermark: bool | None
    labels: Mapping[str, str] | None


class GenerateImagesConfigDict(_NewImageDict, total=False):
    """The fields of `GenerateImagesConfig`."""

    image_size: str | None
    enhance_prompt: bool | None


GenerateImagesConfigLike: TypeAlias = GenerateImagesConfig | GenerateImagesConfigDict | GoogleGenaiValue


class EditImageConfigDict(_NewImageDict, total=False):
    """The fields of `EditImageConfig`."""

    edit_mode: EditMode | str | None
    base_steps: int | None


EditImageConfigLike: TypeAlias = EditImageConfig | EditImageConfigDict | GoogleGenaiValue


class UpscaleImageConfigDict(TypedDict, total=False):
    """The fields of `UpscaleImageConfig`."""

    output_gcs_uri: str | None
    safety_filter_level: SafetyFilterLevel | str | None
    person_generation: PersonGeneration | str | None
    include_rai_reason: bool | None
    output_mime_type: str | None
    output_compression_quality: int | None
    enhance_input_image: bool | None
    image_preservation_factor: float | None
    labels: Mapping[str, str] | None


UpscaleImageConfigLike: TypeAlias = UpscaleImageConfig | UpscaleImageConfigDict | GoogleGenaiValue


class RecontextImageConfigDict(TypedDict, total=False):
    """The fields of `RecontextImageConfig`."""

    number_of_images: int | None
    base_steps: int | None
    output_gcs_uri: str | None
    seed: int | None
    safety_filter_level: SafetyFilterLevel | str | None
    person_generation: PersonGeneration | str | None
    add_watermark: bool | None
    output_mime_type: str | None
    output_compression_quality: int | None
    enhance_prompt: bool | None
    labels: Mapping[str, str] | None


RecontextImageConfigLike: TypeAlias = RecontextImageConfig | RecontextImageConfigDict | GoogleGenaiValue


class SegmentImageConfigDict(TypedDict, total=False):
    """The fields of `SegmentImageConfig`."""

    mode: SegmentMode | str | None
    max_predictions: int | None
    confidence_threshold: float | None
    mask_dilation: float | None
    binary_color_threshold: float | None
    labels: Mapping[str, str] | None


SegmentImageConfigLike: TypeAlias = SegmentImageConfig | SegmentImageConfigDict | GoogleGenaiValue


class GenerateVideosConfigDict(TypedDict, total=False):
    """The fields of `GenerateVideosConfig`."""

    number_of_videos: int | None
    output_gcs_uri: str | None
    fps: int | None
    duration_seconds: int | None
    seed: int | None
    aspect_ratio: str | None
    resolution: str | None
    person_generation: str | None
    pubsub_topic: str | None
    negative_prompt: str | None
    enhance_prompt: bool | None
    generate_audio: bool | None
    last_frame: Image | Mapping[str, Any] | None
    reference_images: Sequence[VideoGenerationReferenceImage | Mapping[str, Any]] | None
    mask: VideoGenerationMask | Mapping[str, Any] | None
    compression_quality: VideoCompressionQuality | str | None
    labels: Mapping[str, str] | None
    webhook_config: WebhookConfig | Mapping[str, Any] | None
    resize_mode: ImageResizeMode | str | None


GenerateVideosConfigLike: TypeAlias = GenerateVideosConfig | GenerateVideosConfigDict | GoogleGenaiValue
