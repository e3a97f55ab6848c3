"""Strategies for replies: JSON that can be decoded into a type; and values of either library as plain data."""

from base64 import b64decode
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel

from genai_fn.testing.strategies.values.wire_json import wire_json
from tests.support.google_genai.versions import has_field


def draw_replies(wire: Any, without: frozenset[str] = frozenset()) -> SearchStrategy[Any]:
    """Draw JSON that can be decoded into a type, without the members named in ``without``."""
    return wire_json(wire).map(lambda reply: _remove_members(reply, without))


def _remove_members(reply: Any, without: frozenset[str]) -> Any:
    if isinstance(reply, dict):
        return {name: _remove_members(each, without) for name, each in reply.items() if name not in without}
    return [_remove_members(each, without) for each in reply] if isinstance(reply, list | tuple) else reply


def to_plain_data(value: Any, name: str = "") -> Any:
    """Convert a value of either library to plain data, without empty values and fields that 1.51.0 does not have."""
    if isinstance(value, msgspec.Struct):
        return to_plain_data({each: getattr(value, each) for each in value.__struct_fields__ if has_field(value, each)})
    if isinstance(value, BaseModel):
        return to_plain_data(
            {each: getattr(value, each) for each in type(value).model_fields if each != "sdk_http_response"}
        )
    if isinstance(value, Mapping):
        converted = {key: to_plain_data(each, key) for key, each in value.items()}
        return {key: each for key, each in converted.items() if each is not None and each not in ([], {})}
    if isinstance(value, list | tuple):
        return [to_plain_data(each) for each in value]
    if name == "thought_signature" and isinstance(value, str):
        return b64decode(value.translate(str.maketrans("-_", "+/")))
    return value.value if isinstance(value, Enum) else value
