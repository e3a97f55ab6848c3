"""`wire_json`: JSON that decodes to a type."""

import functools
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn import codec
from genai_fn.schema.annotations import EnumOf, ScalarOf, StructOf, classify_annotation, get_defined_fields
from genai_fn.testing.strategies.values.types import from_type, generic_values, named_values


def wire_json(kind: Any) -> SearchStrategy[Any]:
    """Draw JSON that decodes to a type: one of the API, or a private wire type of an operation."""
    return _wire_values(kind, _MAX_DEPTH)


_MAX_DEPTH = 4


@functools.cache
def _wire_values(kind: Any, depth: int) -> SearchStrategy[Any]:
    match classify_annotation(kind):
        case StructOf(struct_type):
            return st.deferred(lambda: _wire_messages(struct_type, depth))
        case EnumOf(leaf) | ScalarOf(leaf):
            return from_type(leaf).map(codec.to_builtins)
        case generic:
            return generic_values(generic, lambda member: _wire_values(member, depth))


def _wire_messages(kind: type[msgspec.Struct], depth: int) -> SearchStrategy[dict[str, Any]]:
    fields = {each.encode_name: each for each in get_defined_fields(kind)}
    names = st.lists(st.sampled_from(list(fields)), max_size=depth, unique=True) if depth and fields else _no_names
    needed = [name for name, each in fields.items() if each.required]
    all_names = names.map(lambda drawn: dict.fromkeys([*needed, *drawn]))
    return named_values(all_names, lambda name: _wire_values(fields[name].type, depth - 1))


_no_names: SearchStrategy[list[str]] = st.builds(list[str])
