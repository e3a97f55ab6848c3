"""Cached contents: stored for one model until they expire."""

import re
from datetime import datetime, timedelta

from msgspec.structs import replace

from genai_fn.emulator.fake_model.tokenizer import count_prompt_modalities, sum_token_counts
from genai_fn.emulator.files import check_file_references
from genai_fn.emulator.server.faults import (
    make_invalid_argument,
    make_invalid_value,
    make_not_found,
    make_permission_denied,
)
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.caches import CachedContent, CachedContentUsageMetadata, UpdateCachedContentConfig
from genai_fn.schema.content import Content
from genai_fn.schema.tools import Tool, ToolConfig
from genai_fn.schema.tuning_specs import EncryptionSpec
from genai_fn.values import Value


class CacheBody(UpdateCachedContentConfig):
    """The request that creates a cache: what is cached, and its expiry, which can be updated later."""

    model: str | None = None
    display_name: str | None = None
    contents: tuple[Content, ...] = ()
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    encryption_spec: EncryptionSpec | None = None


class EmulatedCache(Value):
    """A cache as the API returns it, and the request with its contents."""

    resource: CachedContent
    body: CacheBody


def find_cache_for_model(state: EmulatorState, request: EmulatedRequest, name: str, model: str) -> EmulatedCache:
    """
    Return the cache that a request for a model refers to.

    Raises:
        EmulatedFault: If the cache does not exist, has expired, or belongs to another model.
    """
    found = _find_cache(state, request, name)
    cache_model = found.resource.model or ""
    if cache_model.rpartition("/")[2] != model:
        raise make_invalid_argument(
            f"Model used by GenerateContent request (models/{model})"
            f" and CachedContent ({cache_model}) must be the same."
        )
    return found


def _find_cache(state: EmulatorState, request: EmulatedRequest, name: str) -> EmulatedCache:
    found = state.resources.get(name)
    if isinstance(found, EmulatedCache) and _is_alive(found, request):
        return found
    if request.is_vertex:
        raise make_not_found(f"Not found: cached content metadata for {name.rpartition('/')[2]}.")
    raise make_permission_denied("CachedContent not found (or permission denied)")


def _is_alive(cache: EmulatedCache, request: EmulatedRequest) -> bool:
    return cache.resource.expire_time is None or cache.resource.expire_time > request.now


def _create_cache(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    body = parse_body(request, CacheBody, "cached_content")
    if not body.model:
        raise make_invalid_argument("* CreateCachedContentRequest.model: model is required.")
    if not body.contents and body.system_instruction is None and not body.tools:
        raise make_invalid_argument("CachedContent must contain contents, a system instruction or tools.")
    check_file_references(state, request, body.contents)
    tokens = sum_token_counts(count_prompt_modalities(body.system_instruction, body.contents, body.tools))
    state, name = state.assign_name(request.path_params["collection"])
    resource = CachedContent(
        name=name,
        display_name=body.display_name,
        model=body.model,
        create_time=request.now,
        update_time=request.now,
        expire_time=_parse_expiry(body, request) or request.now + timedelta(hours=1),
        usage_metadata=CachedContentUsageMetadata(total_token_count=tokens),
    )
    return state.with_resource(name, EmulatedCache(resource, body)), build_json_response(resource)


def _parse_expiry(body: UpdateCachedContentConfig, request: EmulatedRequest) -> datetime | None:
    if body.ttl is not None and body.expire_time is not None:
        raise make_invalid_value("cached_content", "oneof", "oneof field 'expiration' is already set.")
    expires = body.expire_time if body.ttl is None else request.now + _parse_duration(body.ttl)
    if expires is not None and expires.tzinfo is None:
        raise make_invalid_value("cached_content.expire_time", f"{_PROTOBUF_TYPE_PREFIX}.Timestamp")
    if expires is not None and expires <= request.now:
        raise make_invalid_argument("CachedContent.expire_time must be in the future.")
    return expires


def _parse_duration(ttl: str) -> timedelta:
    if not _DURATION_PATTERN.fullmatch(ttl):
        why = "Field 'ttl', Illegal duration format; duration must end with 's'"
        raise make_invalid_value("cached_content.ttl", f"{_PROTOBUF_TYPE_PREFIX}.Duration", why)
    return timedelta(seconds=float(ttl[:-1]))


_PROTOBUF_TYPE_PREFIX = "type.googleapis.com/google.protobuf"
_DURATION_PATTERN = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,9})?s")


def _get_cache(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state, build_json_response(_find_cache(state, request, request.resource_name).resource)


def _update_cache(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    name = request.resource_name
    cache = _find_cache(state, request, name)
    expires = _parse_expiry(parse_body(request, UpdateCachedContentConfig, "cached_content"), request)
    if expires is not None:
        cache = replace(cache, resource=replace(cache.resource, expire_time=expires, update_time=request.now))
    return state.with_resource(name, cache), build_json_response(cache.resource)


def _delete_cache(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    _find_cache(state, request, request.resource_name)
    return state.without_resource(request.resource_name), EMPTY_RESPONSE


def _list_caches(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    caches = state.list_resources(request.path_params["collection"])
    alive = [each.resource for each in caches if _is_alive(each, request)]
    return state, build_page_response("cachedContents", alive, request)


ROUTES = (
    ("POST", "{collection=cachedContents}", _create_cache),
    ("POST", "{collection=projects/*/locations/*/cachedContents}", _create_cache),
    ("GET", "{collection=cachedContents}", _list_caches),
    ("GET", "{collection=projects/*/locations/*/cachedContents}", _list_caches),
    ("GET", "{name=cachedContents/*}", _get_cache),
    ("GET", "{name=projects/*/locations/*/cachedContents/*}", _get_cache),
    ("PATCH", "{name=cachedContents/*}", _update_cache),
    ("PATCH", "{name=projects/*/locations/*/cachedContents/*}", _update_cache),
    ("DELETE", "{name=cachedContents/*}", _delete_cache),
    ("DELETE", "{name=projects/*/locations/*/cachedContents/*}", _delete_cache),
)
