"""Strategies for generated images, masks and videos, in the requested number; some are filtered."""

from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn.schema.base import Message
from genai_fn.schema.image_editing import (
    EditImageResponse,
    EntityLabel,
    GeneratedImageMask,
    RecontextImageResponse,
    SegmentImageResponse,
)
from genai_fn.schema.images import (
    GeneratedImage,
    GenerateImagesResponse,
    Image,
    SafetyAttributes,
    UpscaleImageResponse,
)
from genai_fn.schema.videos import GeneratedVideo, GenerateVideosResponse, Video
from genai_fn.testing.strategies.arguments import names
from genai_fn.testing.strategies.values.media_files import MP4_FILE, PNG_FILE
from genai_fn.testing.strategies.values.types import from_type, texts

M = TypeVar("M", bound=Message)

IMAGE_RESPONSE_TYPES: Final = (
    GenerateImagesResponse,
    EditImageResponse,
    UpscaleImageResponse,
    RecontextImageResponse,
)
"""The types of responses with generated images."""

_MAX_COUNT = 8


def image_responses(kind: type[M], config: Any) -> SearchStrategy[M]:
    """Draw responses of the given type with images."""
    count = _limit_count(getattr(config, "number_of_images", None))
    output_uri = getattr(config, "output_gcs_uri", None)
    images = st.just(Image(image_bytes=PNG_FILE, mime_type="image/png"))
    if output_uri is not None:
        images = names(f"{output_uri}/").map(lambda uri: Image(gcs_uri=uri, mime_type="image/png"))
    image = st.one_of(
        st.builds(GeneratedImage, image=images),
        st.builds(
            GeneratedImage,
            image=images,
            safety_attributes=st.none()
            | from_type(SafetyAttributes).filter(lambda attributes: attributes != SafetyAttributes()),
            enhanced_prompt=st.none() | texts,
        ),
        st.builds(GeneratedImage, rai_filtered_reason=texts),
    )
    return st.builds(kind, generated_images=st.lists(image, min_size=count, max_size=count).map(tuple))


def mask_responses(config: Any) -> SearchStrategy[SegmentImageResponse]:
    """Draw responses with image masks."""
    max_count = _limit_count(config.max_predictions, default=2)
    mask = st.builds(
        GeneratedImageMask,
        mask=st.just(Image(image_bytes=PNG_FILE, mime_type="image/png")),
        labels=st.lists(from_type(EntityLabel), max_size=2).map(tuple),
    )
    return st.builds(SegmentImageResponse, generated_masks=st.lists(mask, max_size=max_count).map(tuple))


def video_responses(config: Any = None) -> SearchStrategy[GenerateVideosResponse]:
    """Draw responses with videos, or with the reasons why all were filtered."""
    count = _limit_count(getattr(config, "number_of_videos", None))
    video = st.one_of(
        names("https://generativelanguage.googleapis.com/v1beta/files/").map(lambda uri: Video(uri=f"{uri}:download")),
        names("gs://b/").map(lambda uri: Video(uri=f"{uri}.mp4", mime_type="video/mp4")),
        st.just(Video(video_bytes=MP4_FILE, mime_type="video/mp4")),
    )
    videos = st.lists(st.builds(GeneratedVideo, video=video), min_size=count, max_size=count).map(tuple)
    return st.one_of(
        st.builds(GenerateVideosResponse, generated_videos=videos),
        st.builds(
            GenerateVideosResponse,
            rai_media_filtered_count=st.just(count),
            rai_media_filtered_reasons=st.lists(texts, max_size=count).map(tuple),
        ),
    )


def _limit_count(count: int | None, default: int = 1) -> int:
    return default if count is None else min(max(count, 1), _MAX_COUNT)
