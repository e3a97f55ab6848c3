"""Cached contents: prompts that the server stores, so that requests cost less."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.ops.request_parts import build_query, copy_fields, omit_if_empty
from genai_fn.request import DELETE, GET, PATCH, POST, Call, Operation, Request, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.caches import (
    CachedContent,
    CreateCachedContentConfig,
    DeleteCachedContentResponse,
    ListCachedContentsConfig,
    ListCachedContentsResponse,
    UpdateCachedContentConfig,
)
from genai_fn.schema.content import Content
from genai_fn.schema.contents import check_parts
from genai_fn.schema.convert import as_struct
from genai_fn.schema.tools import Tool, ToolConfig
from genai_fn.wire.resource_names import (
    ResourceName,
    check_model_name,
    check_name_in,
    complete_resource_name,
    resolve_model_name,
)

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import (
        CreateCachedContentConfigLike,
        ListCachedContentsConfigLike,
        UpdateCachedContentConfigLike,
    )

__all__ = [
    "CreateCache",
    "DeleteCache",
    "GetCache",
    "ListCaches",
    "UpdateCache",
    "create",
    "delete",
    "get",
    "list",
    "update",
]


class CreateCache(Operation[CachedContent]):
    """Create a cached content."""

    op: ClassVar = "caches.create"
    repeatable: ClassVar = False

    model: str
    config: CreateCachedContentConfig = CreateCachedContentConfig()

    def gemini(self, at: Gemini) -> Call[CachedContent]:
        return POST("cachedContents", _encode_cache(self, at), read_json(CachedContent))

    def vertex(self, at: Vertex) -> Call[CachedContent]:
        return POST(
            "projects/{project}/locations/{location}/cachedContents", _encode_cache(self, at), read_json(CachedContent)
        )


def create(model: str, config: "CreateCachedContentConfigLike | None" = None) -> Request[CachedContent]:
    """
    Create a cached content. Requests refer to it by ``cached_content`` and send only what is new.

    Args:
        model: As in ``generate``; only this model can use the cache.

        config: The contents, system instruction and tools to cache, and the expiry: either ``ttl``, a duration such as
            ``"300s"``, or ``expire_time``.

    Raises:
        InvalidRequest: If the model name is empty or invalid, or a field of ``config`` is unknown or has the wrong
            type.

    Fails with:
        Unsupported: If a field is set that the backend does not have.

        ClientError: If the contents are shorter than the model's minimum (400).

    >>> create("gemini-2.5-flash", {"contents": "a long book", "ttl": "300s"}).operation.config.ttl
    '300s'
    """
    converted = as_struct(CreateCachedContentConfig, config)
    check_parts(cast("tuple[Content, ...] | None", converted.contents) or (), "config.contents")
    return Request(CreateCache(model=check_model_name(model), config=converted))


class _EncryptionSpec(Message):
    kms_key_name: str


class _CreateCacheBody(Message):
    model: str
    ttl: str | None = None
    expire_time: datetime | None = None
    display_name: str | None = None
    contents: tuple[Content, ...] | None = None
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    encryption_spec: _EncryptionSpec | None = None


def _encode_cache(operation: CreateCache, at: Backend) -> _CreateCacheBody:
    key = operation.config.kms_key_name
    return copy_fields(
        _CreateCacheBody,
        operation.config,
        model=_resolve_model_name(at, operation.model),
        encryption_spec=None if key is None else _EncryptionSpec(kms_key_name=key),
    )


def _resolve_model_name(at: Backend, model: str) -> str:
    """Resolve the model's name; Vertex AI requires the full one here."""
    name = resolve_model_name(at, model)
    if isinstance(at, Gemini) or name.startswith("projects/"):
        return name
    publisher = "publishers/google/" if name.startswith("models/") else ""
    return ResourceName(f"projects/{{project}}/locations/{{location}}/{publisher}{name}")


class GetCache(Operation[CachedContent]):
    """Get a cached content."""

    op: ClassVar = "caches.get"

    name: str

    def gemini(self, at: Gemini) -> Call[CachedContent]:
        return GET(complete_resource_name("cachedContents", self.name), read_json(CachedContent))

    def vertex(self, at: Vertex) -> Call[CachedContent]:
        return GET(
            complete_resource_name("projects/{project}/locations/{location}/cachedContents", self.name),
            read_json(CachedContent),
        )


def get(name: str) -> Request[CachedContent]:
    """
    Get a cached content: its model, expiry and token count. The contents themselves are not returned.

    Args:
        name: ``abc``, ``cachedContents/abc``, or a full Vertex AI name.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection.

    Fails with:
        ClientError: If the cache does not exist or has expired (403 or 404).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> cache = run(create("gemini-2.5-flash", {"contents": "A long text. " * 9000})).unwrap()
    >>> run(get(cache.name)).unwrap() == cache
    True
    >>> run(get("gone")).failure().code
    403
    """
    return Request(GetCache(name=check_name_in(name, "cachedContents")))


class UpdateCache(Operation[CachedContent]):
    """Update the expiry of a cached content."""

    op: ClassVar = "caches.update"

    name: str
    config: UpdateCachedContentConfig = UpdateCachedContentConfig()

    def gemini(self, at: Gemini) -> Call[CachedContent]:
        return PATCH(
            complete_resource_name("cachedContents", self.name), omit_if_empty(self.config), read_json(CachedContent)
        )

    def vertex(self, at: Vertex) -> Call[CachedContent]:
        path = complete_resource_name("projects/{project}/locations/{location}/cachedContents", self.name)
        return PATCH(path, omit_if_empty(self.config), read_json(CachedContent))


def update(name: str, config: "UpdateCachedContentConfigLike | None" = None) -> Request[CachedContent]:
    """
    Update the expiry of a cached content.

    Args:
        name: ``abc``, ``cachedContents/abc``, or a full Vertex AI name.

        config: New expiry: either ``ttl``, a duration such as ``"300s"``, or ``expire_time``.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection, or a field of ``config`` is unknown or
            has the wrong type.

    Fails with:
        ClientError: If the cache does not exist or has expired (403 or 404).

    >>> update("abc", {"ttl": "300s"}).operation.config.ttl
    '300s'
    """
    return Request(
        UpdateCache(name=check_name_in(name, "cachedContents"), config=as_struct(UpdateCachedContentConfig, config))
    )


class DeleteCache(Operation[DeleteCachedContentResponse]):
    """Delete a cached content."""

    op: ClassVar = "caches.delete"

    name: str

    def gemini(self, at: Gemini) -> Call[DeleteCachedContentResponse]:
        return DELETE(complete_resource_name("cachedContents", self.name), read_json(DeleteCachedContentResponse))

    def vertex(self, at: Vertex) -> Call[DeleteCachedContentResponse]:
        path = complete_resource_name("projects/{project}/locations/{location}/cachedContents", self.name)
        return DELETE(path, read_json(DeleteCachedContentResponse))


def delete(name: str) -> Request[DeleteCachedContentResponse]:
    """
    Delete a cached content before it expires.

    Args:
        name: ``abc``, ``cachedContents/abc``, or a full Vertex AI name.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection.

    Fails with:
        ClientError: If the cache does not exist or has expired (403 or 404).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> cache = run(create("gemini-2.5-flash", {"contents": "A long text. " * 9000})).unwrap()
    >>> run(delete(cache.name))
    <Success: DeleteCachedContentResponse()>
    >>> run(delete(cache.name)).failure().code
    403
    """
    return Request(DeleteCache(name=check_name_in(name, "cachedContents")))


class ListCaches(Operation[ListCachedContentsResponse]):
    """List cached contents."""

    op: ClassVar = "caches.list"
    is_list: ClassVar = True

    config: ListCachedContentsConfig = ListCachedContentsConfig()

    def gemini(self, at: Gemini) -> Call[ListCachedContentsResponse]:
        return GET("cachedContents", read_json(ListCachedContentsResponse), query=build_query(self.config))

    def vertex(self, at: Vertex) -> Call[ListCachedContentsResponse]:
        return GET("cachedContents", read_json(ListCachedContentsResponse), query=build_query(self.config))


def list(config: "ListCachedContentsConfigLike | None" = None) -> Request[ListCachedContentsResponse]:
    """
    List cached contents, one page at a time; ``| items`` and ``| pages`` read all pages.

    Args:
        config: ``page_size`` and ``page_token``.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type.

    Fails with:
        ClientError: If the server rejects the page token (400).

    >>> from genai_fn import Offline, collected, items
    >>> run = Offline()
    >>> cache = run(create("gemini-2.5-flash", {"contents": "A long text. " * 9000, "display_name": "A text"})).unwrap()
    >>> [each.display_name for each in run(list({"page_size": 10}) | items | collected).unwrap()]
    ['A text']
    >>> run(list({"page_token": "wrong"})).failure().code
    400
    """
    return Request(ListCaches(config=as_struct(ListCachedContentsConfig, config)))
