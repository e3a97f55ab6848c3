"""Caches: contents that are kept ready for a model, until they expire."""

import re
from datetime import datetime, timedelta

from msgspec.structs import replace

from genai_fn.emulator.answers import NOTHING, told
from genai_fn.emulator.faults import Fault, denied, invalid, unreadable
from genai_fn.emulator.files import read_by
from genai_fn.emulator.listing import listed
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.stand_in.pieces import prompted
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    CachedContent,
    CachedContentUsageMetadata,
    Content,
    Tool,
    ToolConfig,
)
from genai_fn.schema._base import Message, Value

__all__ = ["ROUTES", "Cache", "cache_for"]


class Cache(Value):
    """A cache and what is in it."""

    shown: CachedContent
    tokens: int
    contents: tuple[Content, ...]
    system_instruction: Content | None
    tools: tuple[Tool, ...] | None
    tool_config: ToolConfig | None


def cache_for(state: State, asked: Asked, name: str, model: str) -> Cache:
    """
    Find the cache that a request for a model names.

    Raises:
        Fault: where there is none, none any more, or one of another model.
    """
    found = _found(state, asked, name)
    made_for = found.shown.model or ""
    if made_for.rpartition("/")[2] != model:
        raise invalid(
            f"Model used by GenerateContent request (models/{model}) and CachedContent ({made_for}) has to be the same."
        )
    return found


def _found(state: State, asked: Asked, name: str) -> Cache:
    found = state.kept.get(name)
    if isinstance(found, Cache) and _is_alive(found, asked):
        return found
    if asked.vertex:
        raise Fault(404, "NOT_FOUND", f"Not found: cached content metadata for {name.rpartition('/')[2]}.")
    raise denied("CachedContent not found (or permission denied)")


def _is_alive(cache: Cache, asked: Asked) -> bool:
    return cache.shown.expire_time is None or cache.shown.expire_time > asked.now


# Methods


class _EncryptionSpec(Message):
    kms_key_name: str | None = None


class _Expiry(Message):
    ttl: str | None = None
    expire_time: datetime | None = None


class _Create(_Expiry):
    model: str | None = None
    display_name: str | None = None
    contents: tuple[Content, ...] | None = None
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    encryption_spec: _EncryptionSpec | None = None


def _created(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    said = body_of(asked, _Create, "cached_content")
    if not said.model:
        raise invalid("* CreateCachedContentRequest.model: model is required.")
    contents = said.contents or ()
    if not contents and said.system_instruction is None and not said.tools:
        raise invalid("CachedContent has to hold contents, a system instruction or tools.")
    read_by(state, asked, contents)
    tokens = prompted(said.system_instruction, contents, said.tools)
    state, name = state.named(asked.names["collection"])
    shown = CachedContent(
        name=name,
        display_name=said.display_name,
        model=said.model,
        create_time=asked.now,
        update_time=asked.now,
        expire_time=_expiry(said, asked) or asked.now + timedelta(hours=1),
        usage_metadata=CachedContentUsageMetadata(total_token_count=tokens),
    )
    cache = Cache(shown, tokens, contents, said.system_instruction, said.tools, said.tool_config)
    return state.putting(name, cache), told(shown)


def _expiry(said: _Expiry, asked: Asked) -> datetime | None:
    if said.ttl is not None and said.expire_time is not None:
        why = "Invalid value at 'cached_content' (oneof), oneof field 'expiration' is already set."
        raise unreadable(("cached_content", why))
    expires = said.expire_time if said.ttl is None else asked.now + _duration(said.ttl)
    if expires is not None and expires.tzinfo is None:
        path = "cached_content.expire_time"
        raise unreadable((path, f"Invalid value at '{path}' (type.googleapis.com/google.protobuf.Timestamp)"))
    if expires is not None and expires <= asked.now:
        raise invalid("CachedContent.expire_time has to be in the future.")
    return expires


def _duration(ttl: str) -> timedelta:
    if not _DURATION.fullmatch(ttl):
        path = "cached_content.ttl"
        why = "Field 'ttl', Illegal duration format; duration must end with 's'"
        raise unreadable((path, f"Invalid value at '{path}' (type.googleapis.com/google.protobuf.Duration), {why}"))
    return timedelta(seconds=float(ttl[:-1]))


_DURATION = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,9})?s")


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, told(_found(state, asked, asked.names["name"]).shown)


def _updated(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    name = asked.names["name"]
    cache, expires = _found(state, asked, name), _expiry(body_of(asked, _Expiry, "cached_content"), asked)
    if expires is not None:
        cache = replace(cache, shown=replace(cache.shown, expire_time=expires, update_time=asked.now))
    return state.putting(name, cache), told(cache.shown)


def _deleted(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    _found(state, asked, asked.names["name"])
    return state.dropping(asked.names["name"]), NOTHING


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    caches = [each.shown for each in state.under(asked.names["collection"]) if _is_alive(each, asked)]
    return state, listed("cachedContents", caches, asked)


ROUTES = (
    ("POST", "{collection=cachedContents}", _created),
    ("POST", "{collection=projects/*/locations/*/cachedContents}", _created),
    ("GET", "{collection=cachedContents}", _listed),
    ("GET", "{collection=projects/*/locations/*/cachedContents}", _listed),
    ("GET", "{name=cachedContents/*}", _got),
    ("GET", "{name=projects/*/locations/*/cachedContents/*}", _got),
    ("PATCH", "{name=cachedContents/*}", _updated),
    ("PATCH", "{name=projects/*/locations/*/cachedContents/*}", _updated),
    ("DELETE", "{name=cachedContents/*}", _deleted),
    ("DELETE", "{name=projects/*/locations/*/cachedContents/*}", _deleted),
)
