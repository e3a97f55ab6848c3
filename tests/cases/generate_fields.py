"""Arguments of ``generate`` in each of which one field is set, by the path of the field."""

import collections.abc
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from genai_fn.schema import Content, GenerateContentConfig
from genai_fn.schema.annotations import takes_function

__all__ = ["GENERATE_FIELDS", "iter_field_paths"]

_SAMPLES: Mapping[Any, Any] = {
    str: "AQID",
    bool: False,
    int: 1,
    float: 0.5,
    bytes: b"\xfb\xff",
    datetime: "2025-01-02T03:04:05Z",
    Any: {"a_b": 1},
}
"""A value for each kind of field: empty ones count as set."""


_NAMED_SAMPLES: Mapping[str, Any] = {
    "additional_properties": {"type": "STRING"},
    "model_routing_preference": "BALANCED",
    "null_value": "NULL_VALUE",
}


def iter_field_paths(kind: type[msgspec.Struct], parents: tuple[type, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield each field of a type, and of the types in it, as a path and a dict that sets only this field."""
    hints = get_type_hints(kind, include_extras=True)
    for name in (name for name in kind.__struct_fields__ if name != "extra" and not takes_function(hints[name])):
        samples = (
            [("", _NAMED_SAMPLES[name])] if name in _NAMED_SAMPLES else _iter_values(hints[name], (*parents, kind))
        )
        for path, value in samples:
            yield f".{name}{path}", {name: value}


def _iter_values(annotation: Any, parents: tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in _SAMPLES:
        yield "", _SAMPLES[annotation]
    elif origin in (Annotated, Union, UnionType):
        yield from _iter_values(args[0], parents)
    elif origin is tuple:
        yield "", []
        yield from ((f"[0]{path}", [value]) for path, value in _iter_values(args[0], parents))
    elif origin is collections.abc.Mapping:
        yield "", {}
        yield from ((f".a_b{path}", {"a_b": value}) for path, value in _iter_values(args[1], parents))
    elif issubclass(annotation, Enum):
        yield "", list(annotation)[-1].value
    elif annotation not in parents:
        yield "", {}
        yield from iter_field_paths(annotation, parents)


GENERATE_FIELDS = {
    **{f"config{path}": {"contents": "hi", "config": value} for path, value in iter_field_paths(GenerateContentConfig)},
    **{
        f"contents{path}": {"contents": value}
        for path, value in iter_field_paths(Content)
        if path != ".parts[0]"  # a part without content is refused
    },
}
