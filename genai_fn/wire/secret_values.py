"""Finds and hides the secrets in the fields of a request: API keys of tools, headers for MCP servers, tokens."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.http import Body, FileSlice, HttpRequest, mask_headers, mask_url
from genai_fn.schema.annotations import get_fields, iter_reachable_structs
from genai_fn.schema.secret_fields import SecretMessage

__all__ = ["find_secrets", "hide_credentials", "list_secret_carriers"]


def find_secrets(value: Any) -> frozenset[str]:
    """
    Return the texts of all secret fields in a value, at any depth, except for empty ones.

    >>> from genai_fn.schema import Tool, ToolExaAiSearch
    >>> sorted(find_secrets((Tool(exa_ai_search=ToolExaAiSearch(api_key="test-key")),)))
    ['test-key']
    """
    return frozenset(filter(None, _iter_secrets(value)))


def _iter_secrets(value: Any) -> Iterator[str]:
    if isinstance(value, msgspec.Struct):
        if isinstance(value, SecretMessage):
            for name in value.secret_fields:
                yield from _iter_texts(getattr(value, name))
        for name in list_secret_carriers(type(value)):
            yield from _iter_secrets(getattr(value, name))
    elif isinstance(value, tuple | list):
        for each in cast("tuple[Any, ...]", value):
            yield from _iter_secrets(each)
    elif isinstance(value, Mapping):
        for each in cast("Mapping[str, Any]", value).values():
            yield from _iter_secrets(each)


def _iter_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (each for each in cast("Mapping[str, Any]", value).values() if isinstance(each, str))


@functools.cache
def list_secret_carriers(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """List the fields in whose values secrets may be, so that contents of any size are not searched."""
    return tuple(each.name for each in get_fields(kind) if _may_have_secrets(each.type))


def _may_have_secrets(annotation: Any) -> bool:
    return any(issubclass(each, SecretMessage) for each in iter_reachable_structs(annotation))


def hide_credentials(http: HttpRequest, operation: Any) -> HttpRequest:
    """Return a request as events contain it: credentials in its URL and headers and secret fields are masked."""
    body = _hide_secrets(http.body, find_secrets(operation))
    return replace(http, url=mask_url(http.url), headers=mask_headers(http.headers), body=body)


def _hide_secrets(body: Body, secrets: frozenset[str]) -> Body:
    if isinstance(body, FileSlice) or not secrets:
        return body
    if isinstance(body, tuple):
        return tuple(_hide_in_bytes(each, secrets) for each in body)
    return _hide_in_bytes(body, secrets)


def _hide_in_bytes(text: bytes, secrets: frozenset[str]) -> bytes:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(codec.encode(secret), b'"***"')
    return text
