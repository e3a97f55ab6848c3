"""JSON as the wire has it: `said` draws what is read as a type."""

import collections.abc
import functools
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import fields

from genai_fn import codec
from genai_fn.testing.strategies.values.types import from_type, texts

__all__ = ["wire_json"]


def wire_json(kind: Any) -> SearchStrategy[Any]:
    """Draw JSON that is read as a type, be it public or an operation's own."""
    return _wire_values(kind, _MAX_DEPTH)


_MAX_DEPTH = 4


@functools.cache
def _wire_values(kind: Any, depth: int) -> SearchStrategy[Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _wire_values(args[0], depth)
    if origin in (Union, UnionType):
        return st.one_of([_wire_values(each, depth) for each in args if each is not type(None)])
    if origin is tuple:
        return st.lists(_wire_values(args[0], depth), max_size=2)
    if origin in (dict, collections.abc.Mapping):
        return st.dictionaries(texts, _wire_values(args[1], depth), max_size=2)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.deferred(lambda: _wire_messages(kind, depth))
    drawn: SearchStrategy[Any] = from_type(cast("Any", kind))
    return drawn.map(codec.to_builtins)


@st.composite
def _wire_messages(draw: DrawFn, kind: type[msgspec.Struct], depth: int) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = {each.name: each.encode_name for each in fields(kind)}
    chosen = draw(st.lists(st.sampled_from(list(names)), max_size=depth, unique=True)) if depth and names else []
    needed = [each.name for each in fields(kind) if each.required]
    return {names[name]: draw(_wire_values(hints[name], depth - 1)) for name in dict.fromkeys([*needed, *chosen])}
