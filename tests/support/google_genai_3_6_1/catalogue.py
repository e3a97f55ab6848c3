"""The types of google-genai 3.6.1: fields with their JSON names and kinds, enums with their values."""

import enum
import types as python_types
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pydantic
from google.genai import types

__all__ = ["build_catalogue"]


def build_catalogue() -> dict[str, Any]:
    """List all public types and enums."""
    models, enums = _list_types(pydantic.BaseModel), _list_types(enum.Enum)
    for each in models.values():
        each.model_rebuild(_types_namespace=vars(types))
    sent = _list_sent(models)
    return {
        "types": {name: dict(_list_fields(kind)) for name, kind in sorted(models.items()) if name[0] != "_"},
        "sent": dict.fromkeys(sorted(sent), 1),
        "enums": {
            name: {member: each.value for member, each in kind.__members__.items()}
            for name, kind in sorted(enums.items())
        },
    }


def _list_types(base: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(types).items()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == types.__name__
    }


def _list_fields(kind: Any) -> Iterator[tuple[str, list[str]]]:
    for name, field in kind.model_fields.items():
        yield name, [field.alias or name, describe_kind(field.annotation)]


def describe_kind(annotation: Any) -> str:
    """Describe an annotation: ``str``, ``many Part``, ``mapping int``, ``any``; alternatives are separated by ``|``."""
    if get_origin(annotation) in (typing.Union, python_types.UnionType):
        return "|".join(describe_kind(each) for each in get_args(annotation) if each is not type(None))
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return describe_kind(get_args(annotation)[0])
    if origin is list:
        return f"many {describe_kind(get_args(annotation)[0])}"
    if origin is dict:
        return f"mapping {describe_kind(get_args(annotation)[1])}"
    if origin is typing.Literal:
        return "Literal"
    return "any" if annotation is Any else getattr(annotation, "__name__", str(annotation))


def _list_sent(models: dict[str, Any]) -> set[str]:
    """List the types that requests contain: those below the parameters of its methods and its live messages."""
    roots = {name for name in models if name.endswith(("Parameters", "ReferenceImage", "ClientMessage"))}
    left, found = [models[name] for name in roots], set[str]()
    while left:
        kind = left.pop()
        if kind.__name__ not in found:
            found.add(kind.__name__)
            left += [each for field in kind.model_fields.values() for each in _list_models(field.annotation)]
    return {name for name in found if name[0] != "_"}


def _list_models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _list_models(each)
