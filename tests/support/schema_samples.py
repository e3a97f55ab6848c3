"""Builds a value of any type of the API, with every field set, a few levels deep."""

import collections.abc
import types
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from genai_fn import schema
from genai_fn.schema import Message, OpenEnum, OpenMessage, Page
from genai_fn.schema.annotations import takes_function

__all__ = ["ENUMS", "MESSAGES", "build_sample", "get_field_annotations", "strip_annotation"]

PUBLIC = tuple(getattr(schema, name) for name in schema.__all__)
MESSAGES: tuple[type[Message], ...] = tuple(
    each
    for each in PUBLIC
    if isinstance(each, type) and issubclass(each, Message) and each not in (Message, OpenMessage, Page)
)
ENUMS: tuple[type[OpenEnum], ...] = tuple(
    each for each in PUBLIC if isinstance(each, type) and issubclass(each, OpenEnum) and each is not OpenEnum
)

_LEAVES: dict[Any, Any] = {
    Any: {"any": [1, "thing", None]},
    bool: False,
    bytes: bytes(range(256)),
    datetime: datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    float: 0.5,
    int: 0,
    str: "ä/+",
}

_SHAPE = schema.Schema(type=schema.Type.STRING)
"""A schema that the encoding leaves unchanged: not all keywords of a schema may be combined."""


def build_sample(kind: Any, depth: int = 4) -> Any:
    """Build a value of a type with every field set."""
    kind = strip_annotation(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin is tuple:
        return (build_sample(args[0], depth),)
    if origin is collections.abc.Mapping:
        return {"key": build_sample(args[1], depth)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    if isinstance(kind, type) and issubclass(kind, Message):
        if not depth and kind is schema.Content:
            return schema.Content(role="user")  # a turn without role and parts is invalid
        fields = get_field_annotations(kind) if depth else {}
        values = {name: build_sample(annotation, depth - 1) for name, annotation in fields.items()}
        return kind(**values | ({"response_schema": _SHAPE} if depth and kind is schema.GenerateContentConfig else {}))
    return _LEAVES[kind]


def strip_annotation(kind: Any) -> Any:
    """Strip metadata and None from an annotation, and take the first type of a union."""
    if get_origin(kind) is Annotated:
        return strip_annotation(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return strip_annotation(next(each for each in get_args(kind) if each is not type(None)))
    return kind


def get_field_annotations(kind: type[Message]) -> dict[str, Any]:
    """Return the annotation of each field of the API that has JSON, with metadata."""
    found = get_type_hints(kind, include_extras=True)
    names = [each for each in kind.__struct_fields__ if each not in OpenMessage.__struct_fields__]
    return {name: found[name] for name in names if not takes_function(found[name])}
