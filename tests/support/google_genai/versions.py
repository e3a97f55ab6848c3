"""What google-genai 1.51.0 does not have: the fields of newer versions."""

from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args, get_origin

import msgspec
from google.genai import types
from pydantic import BaseModel

__all__ = ["has_field", "has_newer_fields"]


def has_field(value: msgspec.Struct, name: str) -> bool:
    """
    Check whether 1.51.0 has a field of one of our values; it has all fields of types that it does not have.

    It has no `extra`.
    """
    known: Any = getattr(types, type(value).__name__, None)
    return name != "extra" and (known is None or name in known.model_fields)


def has_newer_fields(annotation: Any, value: Any) -> bool:
    """
    Check whether plain data contains a field that 1.51.0 does not have, at any depth.

    Args:
        annotation: The type of the value in 1.51.0, or several in a union.

        value: Plain data: dicts of fields, and lists of them.
    """
    if isinstance(value, list):
        return any(has_newer_fields(annotation, each) for each in cast("list[Any]", value))
    if not isinstance(value, Mapping):
        return False
    fields = cast("Mapping[str, Any]", value)
    models, others = list(_iter_models(annotation)), list(_iter_mapping_values(annotation))
    return bool(models) and not others and all(_has_newer(each, fields) for each in models)


def _has_newer(model: type[BaseModel], fields: Mapping[str, Any]) -> bool:
    model.model_rebuild()  # some wait for types that come later in their file
    known = {spelling: each for name, each in model.model_fields.items() for spelling in (name, each.alias or name)}
    return any(name not in known or has_newer_fields(known[name].annotation, each) for name, each in fields.items())


def _iter_models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in () if get_origin(annotation) is dict else get_args(annotation):
        yield from _iter_models(each)


def _iter_mapping_values(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is dict:
        yield get_args(annotation)[1]
    for each in get_args(annotation):
        yield from _iter_mapping_values(each)
