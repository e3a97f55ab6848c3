"""
Limits and descriptions in ``Annotated[…]``, whichever library's metadata states them.

`msgspec.Meta`, pydantic's ``Field``, annotated_types' ``Ge``, ``Len`` and ``doc``, and whatever else has attributes of
the same names are read by these names; none of these libraries is imported.
"""

import math
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, cast, get_args, get_origin

import msgspec
from typing_extensions import TypeAliasType

from genai_fn import codec

__all__ = ["apply_limits", "bind_limits", "read_limits"]

_Words: TypeAlias = dict[str, Any]


def read_limits(metadata: Iterable[Any]) -> _Words:
    """
    Read metadata by the names that `msgspec.Meta` gives to limits and descriptions; a later one wins.

    >>> read_limits([msgspec.Meta(ge=1), "a comment", msgspec.Meta(le=14, description="How long.")])
    {'ge': 1, 'le': 14, 'description': 'How long.'}
    """
    found: _Words = {}
    for each in metadata:
        if isinstance(each, type):
            continue
        inner = getattr(each, "metadata", None)  # what pydantic's Field was given
        if isinstance(inner, list | tuple):
            found |= read_limits(cast("list[Any]", inner))
        for attribute, (name, accept) in _ATTRIBUTES.items():
            value = accept(getattr(each, attribute, None))
            if value is not None:
                found[name] = value
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, int | float):
        return None if isinstance(value, bool) or not math.isfinite(value) else value
    if hasattr(value, "as_integer_ratio"):  # a Decimal, or another number
        return _number(int(value) if value == int(value) else float(value))
    return None


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _pattern(value: Any) -> str | None:
    return _text(cast("Any", value).pattern if isinstance(value, re.Pattern) else value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: Any) -> list[Any] | None:
    return cast("Any", value) if isinstance(value, list) and value else None


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) and value else None


def _zone(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_NUMBERS = ("ge", "gt", "le", "lt", "multiple_of")
_SIZES = ("min_length", "max_length")
_ATTRIBUTES: dict[str, tuple[str, Any]] = {
    **{name: (name, _number) for name in _NUMBERS},
    **{name: (name, _size) for name in _SIZES},
    "pattern": ("pattern", _pattern),
    "tz": ("tz", _zone),
    "title": ("title", _text),
    "documentation": ("description", _text),  # of annotated_types.doc, typing_extensions.Doc
    "description": ("description", _text),
    "examples": ("examples", _list),
    "json_schema_extra": ("extra", _mapping),  # pydantic's name
    "extra_json_schema": ("extra", _mapping),
}


# In JSON Schema


def apply_limits(shape: Mapping[str, Any], limits: Mapping[str, Any]) -> _Words:
    """
    Add limits and descriptions to a shape in JSON Schema; in a union a limit goes to the members of its kind.

    >>> apply_limits({"type": "integer"}, {"gt": 0, "le": 14, "description": "How long."})
    {'type': 'integer', 'minimum': 1, 'maximum': 14, 'description': 'How long.'}
    """
    about = {name: limits[name] for name in ("title", "description", "examples") if name in limits}
    return {**_limited(shape, limits), **about, **limits.get("extra", {})}


def _limited(shape: Mapping[str, Any], limits: Mapping[str, Any]) -> _Words:
    if "anyOf" in shape:
        return {**shape, "anyOf": [_limited(each, limits) for each in shape["anyOf"]]}
    match shape.get("type"):
        case "integer" | "number" as kind:
            return {**shape, **_bounds(limits, is_whole=kind == "integer")}
        case "string" if "format" not in shape and "enum" not in shape:
            scale = _base64_length if "contentEncoding" in shape else _size
            words = {"pattern": limits["pattern"]} if "pattern" in limits and scale is _size else {}
            return {**shape, **_sizes(limits, "Length", scale), **words}
        case "array":
            return {**shape, **_sizes(limits, "Items", _size)}
        case "object":
            return {**shape, **_sizes(limits, "Properties", _size)}
        case _:
            return dict(shape)


def _bounds(limits: Mapping[str, Any], *, is_whole: bool) -> _Words:
    words = {word: limits[name] for name, word in _BOUNDS.items() if name in limits}
    if is_whole:  # so that the API's own dialect can say it, too
        if "exclusiveMinimum" in words:
            above = math.floor(words.pop("exclusiveMinimum")) + 1
            words["minimum"] = max(above, words.get("minimum", above))
        if "exclusiveMaximum" in words:
            below = math.ceil(words.pop("exclusiveMaximum")) - 1
            words["maximum"] = min(below, words.get("maximum", below))
    return {word: words[word] for word in sorted(words, key=_ORDER.index)}


_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_ORDER = list(_BOUNDS.values())


def _sizes(limits: Mapping[str, Any], of: str, scale: Any) -> _Words:
    return {f"{name[:3]}{of}": scale(limits[name]) for name in _SIZES if name in limits}


def _base64_length(size: int) -> int:
    return 4 * ((size + 2) // 3)


# In msgspec's types


def bind_limits(kind: Any) -> Any:
    """
    Give a type whose limits msgspec checks, whichever library's metadata states them.

    Limits inside the fields of a class stay that class's own affair.

    >>> bind_limits(Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], "a comment"])
    list[typing.Annotated[int, msgspec.Meta(ge=1)]]
    """
    if isinstance(kind, TypeAliasType):
        inner = bind_limits(kind.__value__)
        return kind if inner is kind.__value__ else inner
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        own = [each for each in args[1:] if isinstance(each, msgspec.Meta)]
        return _bound(bind_limits(args[0]), own, read_limits(each for each in args[1:] if each not in own))
    if origin in (Union, UnionType):
        return _rebuilt(kind, Union, args)
    return _rebuilt(kind, origin, args) if isinstance(origin, type) else kind


def _rebuilt(kind: Any, generic: Any, args: tuple[Any, ...]) -> Any:
    """Give the same generic of bound arguments; as it is where there is nothing to bind."""
    bound = tuple(map(bind_limits, args))
    return kind if all(new is old for new, old in zip(bound, args, strict=True)) else generic[bound]


def _bound(kind: Any, own: list[msgspec.Meta], limits: Mapping[str, Any]) -> Any:
    if get_origin(kind) in (Union, UnionType):  # msgspec takes limits on the members alone
        return Union[tuple(_bound(each, own, limits) for each in get_args(kind))]  # noqa: UP007  # made of values
    for meta in (*own, *_metas(limits)):
        narrower = Annotated[kind, meta]
        try:
            codec.inspect_type(narrower)
        except (TypeError, ValueError):  # no limit of this kind of type: JSON Schema leaves it out as well
            continue
        kind = narrower
    return kind


def _metas(limits: Mapping[str, Any]) -> list[msgspec.Meta]:
    """Make one of each limit: msgspec merges them, and refuses what does not go with a type one by one."""
    return [msgspec.Meta(**{name: limits[name]}) for name in (*_NUMBERS, *_SIZES, "pattern") if name in limits]
