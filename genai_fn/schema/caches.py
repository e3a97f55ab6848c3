"""Cached contents: prompts that the service stores and bills at a lower price."""

from datetime import datetime

from genai_fn.schema.base import ListConfig, Message, OpenMessage, Page, VertexOnly
from genai_fn.schema.content import ContentLike
from genai_fn.schema.contents import ContentsLike
from genai_fn.schema.tools import Tool, ToolConfig


class CreateCachedContentConfig(Message):
    """Options of `caches.create`: what is cached, and for how long."""

    ttl: str | None = None
    """Time to live, such as ``"300s"``. Set this or ``expire_time``."""
    expire_time: datetime | None = None
    display_name: str | None = None
    contents: ContentsLike | None = None
    system_instruction: ContentLike | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    kms_key_name: VertexOnly[str | None] = None
    """``projects/…/locations/…/keyRings/…/cryptoKeys/…``."""


class CachedContentUsageMetadata(OpenMessage):
    """Size of a cached content: its tokens, texts and images, and its seconds of audio and video."""

    audio_duration_seconds: int | None = None
    image_count: int | None = None
    text_count: int | None = None
    total_token_count: int | None = None
    video_duration_seconds: int | None = None


class CachedContent(OpenMessage):
    """A cached content, without the contents themselves."""

    name: str | None = None
    """``cachedContents/…``, or a full Vertex AI name."""
    display_name: str | None = None
    model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    expire_time: datetime | None = None
    usage_metadata: CachedContentUsageMetadata | None = None


class GetCachedContentConfig(Message):
    """Options of `caches.get`; there are none."""


class DeleteCachedContentConfig(Message):
    """Options of `caches.delete`; there are none."""


class DeleteCachedContentResponse(OpenMessage):
    """Response to the deletion of a cached content; it is empty."""


class UpdateCachedContentConfig(OpenMessage):
    """Options of `caches.update`: the new expiry."""

    ttl: str | None = None
    """Time to live, such as ``"300s"``. Set this or ``expire_time``."""
    expire_time: datetime | None = None


class ListCachedContentsConfig(ListConfig):
    """Options of `caches.list`."""


class ListCachedContentsResponse(Page[CachedContent]):
    """A page of cached contents."""

    cached_contents: tuple[CachedContent, ...] = ()
