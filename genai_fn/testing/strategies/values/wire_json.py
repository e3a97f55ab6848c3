"""`wire_json`: JSON that decodes to a type."""

import functools
from typing import Any, cast, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import fields

from genai_fn import codec
from genai_fn.schema.base import OpenMessage
from genai_fn.testing.strategies.values.types import from_type, generic_values

__all__ = ["wire_json"]


def wire_json(kind: Any) -> SearchStrategy[Any]:
    """Draw JSON that decodes to a type: one of the API, or a private wire type of an operation."""
    return _wire_values(kind, _MAX_DEPTH)


_MAX_DEPTH = 4


@functools.cache
def _wire_values(kind: Any, depth: int) -> SearchStrategy[Any]:
    if get_origin(kind) is not None:
        return generic_values(kind, lambda member: _wire_values(member, depth))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.deferred(lambda: _wire_messages(kind, depth))
    drawn: SearchStrategy[Any] = from_type(cast("Any", kind))
    return drawn.map(codec.to_builtins)


@st.composite
def _wire_messages(draw: DrawFn, kind: type[msgspec.Struct], depth: int) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = {each.name: each.encode_name for each in fields(kind) if each.name not in OpenMessage.__struct_fields__}
    chosen = draw(st.lists(st.sampled_from(list(names)), max_size=depth, unique=True)) if depth and names else []
    needed = [each.name for each in fields(kind) if each.required]
    return {names[name]: draw(_wire_values(hints[name], depth - 1)) for name in dict.fromkeys([*needed, *chosen])}
