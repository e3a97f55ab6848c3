"""Contents that are kept ready, to be paid less for."""

from datetime import datetime

from genai_fn.schema.base import Message, Page, VertexOnly
from genai_fn.schema.content import ContentLike
from genai_fn.schema.contents import ContentsLike
from genai_fn.schema.tools import Tool, ToolConfig

__all__ = [
    "CachedContent",
    "CachedContentUsageMetadata",
    "CreateCachedContentConfig",
    "DeleteCachedContentConfig",
    "DeleteCachedContentResponse",
    "GetCachedContentConfig",
    "ListCachedContentsConfig",
    "ListCachedContentsResponse",
    "UpdateCachedContentConfig",
]


class CreateCachedContentConfig(Message):
    """What is kept, and for how long."""

    ttl: str | None = None
    """A duration such as ``"300s"``; one of this and ``expire_time``."""
    expire_time: datetime | None = None
    display_name: str | None = None
    contents: ContentsLike | None = None
    system_instruction: ContentLike | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    kms_key_name: VertexOnly[str | None] = None
    """``projects/…/locations/…/keyRings/…/cryptoKeys/…``."""


class CachedContentUsageMetadata(Message):
    """What a cache holds."""

    audio_duration_seconds: int | None = None
    image_count: int | None = None
    text_count: int | None = None
    total_token_count: int | None = None
    video_duration_seconds: int | None = None


class CachedContent(Message):
    """A cache, but not what is in it."""

    name: str | None = None
    """``cachedContents/…`` or a full Vertex name."""
    display_name: str | None = None
    model: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    expire_time: datetime | None = None
    usage_metadata: CachedContentUsageMetadata | None = None


class GetCachedContentConfig(Message):
    """How a cache is looked up: nothing to be said."""


class DeleteCachedContentConfig(Message):
    """How a cache is deleted: nothing to be said."""


class DeleteCachedContentResponse(Message):
    """What comes back for a deleted cache: nothing."""


class UpdateCachedContentConfig(Message):
    """When a cache ends from now on."""

    ttl: str | None = None
    """A duration such as ``"300s"``; one of this and ``expire_time``."""
    expire_time: datetime | None = None


class ListCachedContentsConfig(Message):
    """Which page of the caches."""

    page_size: int | None = None
    """How many on a page, at most."""
    page_token: str | None = None
    """The ``next_page_token`` of the page before."""


class ListCachedContentsResponse(Page[CachedContent]):
    """A page of caches."""

    cached_contents: tuple[CachedContent, ...] = ()
