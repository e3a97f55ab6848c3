"""
Reads limits and descriptions from the metadata in ``Annotated[…]``.

The metadata may be `msgspec.Meta`, pydantic's ``Field``, ``Ge``, ``Len`` or ``doc`` of annotated_types, or any object
with attributes of the same names. They are read by name; none of these libraries is imported.
"""

import math
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, cast, get_args, get_origin

import msgspec
from typing_extensions import TypeAliasType

from genai_fn import codec

_Keywords: TypeAlias = dict[str, Any]


def read_limits(metadata: Iterable[Any]) -> _Keywords:
    """
    Read limits and descriptions from metadata, under the names of `msgspec.Meta`. Later ones win.

    >>> read_limits([msgspec.Meta(ge=1), "a comment", msgspec.Meta(le=14, description="How long.")])
    {'ge': 1, 'le': 14, 'description': 'How long.'}
    """
    found: _Keywords = {}
    for each in metadata:
        if isinstance(each, type):
            continue
        inner = getattr(each, "metadata", None)  # of pydantic's Field
        if isinstance(inner, list | tuple):
            found |= read_limits(cast("list[Any]", inner))
        for attribute, (name, accept) in _ATTRIBUTES.items():
            value = accept(getattr(each, attribute, None))
            if value is not None:
                found[name] = value
    return found


def _read_number(value: Any) -> float | None:
    if isinstance(value, int | float):
        return None if isinstance(value, bool) or not math.isfinite(value) else value
    if hasattr(value, "as_integer_ratio"):  # a Decimal or another number
        number = float(value)
        return int(value) if math.isfinite(number) and value == int(value) else _read_number(number)
    return None


def _read_size(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _read_pattern(value: Any) -> str | None:
    return _read_text(cast("Any", value).pattern if isinstance(value, re.Pattern) else value)


def _read_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _read_list(value: Any) -> list[Any] | None:
    return cast("Any", value) if isinstance(value, list) and value else None


def _read_mapping(value: Any) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) and value else None


def _read_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
"""The limits of numbers, and their keywords in JSON Schema."""
_SIZES = ("min_length", "max_length")
_ATTRIBUTES: dict[str, tuple[str, Any]] = {
    **{name: (name, _read_number) for name in _BOUNDS},
    **{name: (name, _read_size) for name in _SIZES},
    "pattern": ("pattern", _read_pattern),
    "tz": ("tz", _read_bool),
    "title": ("title", _read_text),
    "documentation": ("description", _read_text),  # of annotated_types.doc, typing_extensions.Doc
    "description": ("description", _read_text),
    "examples": ("examples", _read_list),
    "deprecated": ("deprecated", _read_bool),
    "discriminator": ("discriminator", _read_text),  # of pydantic's Field, on a union
    "json_schema_extra": ("extra", _read_mapping),  # pydantic's name
    "extra_json_schema": ("extra", _read_mapping),
}


_ANNOTATIONS = ("title", "description", "examples", "deprecated")


def apply_limits(schema: Mapping[str, Any], limits: Mapping[str, Any]) -> _Keywords:
    """
    Add limits and descriptions to a JSON Schema. In a union, a limit applies to the members of a matching type.

    >>> apply_limits({"type": "integer"}, {"gt": 0, "le": 14, "description": "How long."})
    {'type': 'integer', 'exclusiveMinimum': 0, 'maximum': 14, 'description': 'How long.'}
    """
    annotations = {name: limits[name] for name in _ANNOTATIONS if name in limits}
    return {**_add_limits(schema, limits), **annotations, **limits.get("extra", {})}


def _add_limits(schema: Mapping[str, Any], limits: Mapping[str, Any]) -> _Keywords:
    if "anyOf" in schema:
        return {**schema, "anyOf": [_add_limits(each, limits) for each in schema["anyOf"]]}
    match schema.get("type"):
        case "integer" | "number":
            return {**schema, **{keyword: limits[name] for name, keyword in _BOUNDS.items() if name in limits}}
        case "string" if "format" not in schema and "enum" not in schema:
            scale = _to_base64_length if "contentEncoding" in schema else _read_size
            keywords = {"pattern": limits["pattern"]} if "pattern" in limits and scale is _read_size else {}
            return {**schema, **_build_sizes(limits, "Length", scale), **keywords}
        case "array":
            return {**schema, **_build_sizes(limits, "Items", _read_size)}
        case "object":
            return {**schema, **_build_sizes(limits, "Properties", _read_size)}
        case _:
            return dict(schema)


def _build_sizes(limits: Mapping[str, Any], of: str, scale: Any) -> _Keywords:
    return {f"{name[:3]}{of}": scale(limits[name]) for name in _SIZES if name in limits}


def _to_base64_length(size: int) -> int:
    return 4 * ((size + 2) // 3)


def bind_limits(kind: Any) -> Any:
    """
    Convert the limits in a type to `msgspec.Meta`, so that msgspec checks them.

    An ``Iterable`` becomes a list. Limits in the fields of a class are not converted.

    >>> bind_limits(Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], "a comment"])
    list[typing.Annotated[int, msgspec.Meta(ge=1)]]
    """
    if isinstance(kind, TypeAliasType):
        inner = bind_limits(kind.__value__)
        return kind if inner is kind.__value__ else inner
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        own = [each for each in args[1:] if isinstance(each, msgspec.Meta)]
        return _bind(bind_limits(args[0]), own, read_limits(each for each in args[1:] if each not in own))
    if origin in (Union, UnionType):
        return _rebuild(kind, Union, args)
    if Iterable in (kind, origin):  # msgspec supports no iterators
        return _rebuild(kind, list, args) if args else list
    return _rebuild(kind, origin, args) if isinstance(origin, type) else kind


def _rebuild(kind: Any, generic: Any, args: tuple[Any, ...]) -> Any:
    """Rebuild a generic type with converted arguments; the same object if nothing has changed."""
    bound = tuple(map(bind_limits, args))
    is_same = generic in (Union, get_origin(kind)) and all(new is old for new, old in zip(bound, args, strict=True))
    return kind if is_same else generic[bound]


def _bind(kind: Any, own: list[msgspec.Meta], limits: Mapping[str, Any]) -> Any:
    if get_origin(kind) in (Union, UnionType):  # msgspec accepts limits only on the members
        return Union[tuple(_bind(each, own, limits) for each in get_args(kind))]  # noqa: UP007  # built from a tuple
    for meta in (*own, *_build_metas(limits)):
        narrower = Annotated[kind, meta]
        try:
            codec.inspect_type(narrower)
        except (TypeError, ValueError):  # the limit does not apply to this type; JSON Schema omits it as well
            continue
        kind = narrower
    return kind


def _build_metas(limits: Mapping[str, Any]) -> list[msgspec.Meta]:
    """Build a `Meta` for each limit: msgspec merges them, and refuses each that does not apply to a type."""
    return [msgspec.Meta(**{name: limits[name]}) for name in (*_BOUNDS, *_SIZES, "pattern") if name in limits]
