"""Images, masks and films, as many as were asked for; some of them held back."""

from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn.schema import (
    EntityLabel,
    GeneratedImage,
    GeneratedImageMask,
    GeneratedVideo,
    GenerateVideosResponse,
    Image,
    SafetyAttributes,
    SegmentImageResponse,
    Video,
)
from genai_fn.schema.base import Message
from genai_fn.testing.strategies.arguments import names
from genai_fn.testing.strategies.values.media_files import MP4_FILE, PNG_FILE
from genai_fn.testing.strategies.values.types import from_type, texts

__all__ = ["image_responses", "mask_responses", "video_responses"]

M = TypeVar("M", bound=Message)

_MAX_COUNT = 8


def image_responses(kind: type[M], config: Any) -> SearchStrategy[M]:
    """Draw answers with images."""
    count = _limit_count(getattr(config, "number_of_images", None))
    place = getattr(config, "output_gcs_uri", None)
    made = st.just(Image(image_bytes=PNG_FILE, mime_type="image/png"))
    if place is not None:
        made = names(f"{place}/").map(lambda uri: Image(gcs_uri=uri, mime_type="image/png"))
    image = st.one_of(
        st.builds(GeneratedImage, image=made),
        st.builds(
            GeneratedImage,
            image=made,
            safety_attributes=st.none() | from_type(SafetyAttributes).filter(lambda found: found != SafetyAttributes()),
            enhanced_prompt=st.none() | texts,
        ),
        st.builds(GeneratedImage, rai_filtered_reason=texts),
    )
    return st.builds(kind, generated_images=st.lists(image, min_size=count, max_size=count).map(tuple))


def mask_responses(config: Any) -> SearchStrategy[SegmentImageResponse]:
    """Draw answers with masks."""
    most = _limit_count(config.max_predictions, unless=2)
    mask = st.builds(
        GeneratedImageMask,
        mask=st.just(Image(image_bytes=PNG_FILE, mime_type="image/png")),
        labels=st.lists(from_type(EntityLabel), max_size=2).map(tuple),
    )
    return st.builds(SegmentImageResponse, generated_masks=st.lists(mask, max_size=most).map(tuple))


def video_responses(config: Any = None) -> SearchStrategy[GenerateVideosResponse]:
    """Draw answers with videos."""
    count = _limit_count(getattr(config, "number_of_videos", None))
    video = st.one_of(
        names("https://generativelanguage.googleapis.com/v1beta/files/").map(lambda uri: Video(uri=f"{uri}:download")),
        names("gs://b/").map(lambda uri: Video(uri=f"{uri}.mp4", mime_type="video/mp4")),
        st.just(Video(video_bytes=MP4_FILE, mime_type="video/mp4")),
    )
    made = st.lists(st.builds(GeneratedVideo, video=video), min_size=count, max_size=count).map(tuple)
    return st.one_of(
        st.builds(GenerateVideosResponse, generated_videos=made),
        st.builds(
            GenerateVideosResponse,
            rai_media_filtered_count=st.just(count),
            rai_media_filtered_reasons=st.lists(texts, max_size=count).map(tuple),
        ),
    )


def _limit_count(asked: int | None, unless: int = 1) -> int:
    return unless if asked is None else min(max(asked, 1), _MAX_COUNT)
