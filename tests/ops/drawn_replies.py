"""Answers as Hypothesis draws them: JSON that is read as a type; and values of either library taken apart."""

import collections.abc
from base64 import b64decode
from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec.structs import fields
from pydantic import BaseModel

from genai_fn.testing.strategies import of, texts


def replies(wire: Any, without: frozenset[str] = frozenset()) -> SearchStrategy[Any]:
    """Draw JSON that is read as a type, but for the members that are called as those in ``without``."""
    return _written(wire, 4).map(lambda reply: _pruned(reply, without))


def _pruned(reply: Any, without: frozenset[str]) -> Any:
    if isinstance(reply, dict):
        return {name: _pruned(each, without) for name, each in reply.items() if name not in without}
    return [_pruned(each, without) for each in reply] if isinstance(reply, list) else reply


@cache
def _written(kind: Any, depth: int) -> SearchStrategy[Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _written(args[0], depth)
    if origin in (Union, UnionType):
        return st.one_of([_written(each, depth) for each in args if each is not type(None)])
    if origin is tuple:
        return st.lists(_written(args[0], depth), max_size=2)
    if origin in (dict, collections.abc.Mapping):
        return st.dictionaries(texts, _written(args[1], depth), max_size=2)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.deferred(lambda: _message(kind, depth))
    return of(kind).map(msgspec.to_builtins)


@st.composite
def _message(draw: st.DrawFn, kind: type[msgspec.Struct], depth: int) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = {each.name: each.encode_name for each in fields(kind)}
    chosen = draw(st.lists(st.sampled_from(list(names)), max_size=depth, unique=True)) if depth and names else []
    needed = [each.name for each in fields(kind) if each.required]
    return {names[name]: draw(_written(hints[name], depth - 1)) for name in dict.fromkeys([*needed, *chosen])}


def apart(value: Any, name: str = "") -> Any:
    """Take a value of either library apart; what is empty counts as not there."""
    if isinstance(value, msgspec.Struct):
        return apart({each: getattr(value, each) for each in value.__struct_fields__})
    if isinstance(value, BaseModel):
        return apart({each: getattr(value, each) for each in type(value).model_fields if each != "sdk_http_response"})
    if isinstance(value, Mapping):
        filled = {key: apart(each, key) for key, each in value.items()}
        return {key: each for key, each in filled.items() if each is not None and each not in ([], {})}
    if isinstance(value, list | tuple):
        return [apart(each) for each in value]
    if name == "thought_signature" and isinstance(value, str):
        return b64decode(value.translate(str.maketrans("-_", "+/")))
    return value.value if isinstance(value, Enum) else value
