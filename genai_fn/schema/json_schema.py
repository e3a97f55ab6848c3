"""
`json_schema`: plain JSON Schema of Python types.

msgspec tells the name, the docstring, the required fields and the defaults of a class, and describes the types that
hold no others. The rest is described here, as msgspec sorts what people list in an order of their own (the members of
an enum, a ``Literal``, the fields of a TypedDict), and drops the metadata of other libraries.
"""

from collections.abc import Mapping
from datetime import datetime, time
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
from msgspec import inspect
from typing_extensions import ReadOnly, TypeAliasType

from genai_fn import codec
from genai_fn.schema.base import ConversionError
from genai_fn.schema.limits import apply_limits, read_limits

__all__ = ["build_json_schema", "without_siblings"]

_JsonSchema: TypeAlias = dict[str, Any]


def build_json_schema(kind: Any) -> dict[str, Any]:
    """
    Describe a type in JSON Schema (draft 2020-12), as ``response_json_schema`` and ``parameters_json_schema`` take it.

    Structs, dataclasses, TypedDicts, NamedTuples, enums, ``Literal``, unions and containers are read as msgspec reads
    them. Limits and descriptions in ``Annotated[…]`` are those of `msgspec.Meta`, of pydantic's ``Field``, or of
    annotated_types. A ``datetime`` has the format ``date-time``, and a ``time`` the format ``time``, unless
    ``Meta(tz=False)`` forbids a time zone. A class
    with a ``model_json_schema()``, as pydantic's have, is asked for it. Types with a name stand under ``$defs``.

    Raises:
        Misfit: with the type that JSON does not have.

    >>> build_json_schema(list[Literal["small", "large"]])
    {'type': 'array', 'items': {'enum': ['small', 'large'], 'type': 'string'}}
    """
    describing = _Describing()
    try:
        described = describing.shape(kind)
    except (TypeError, ValueError, NameError, RuntimeError) as error:  # RuntimeError: pydantic's errors of use
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConversionError(kind, f"a type that can be described in JSON Schema ({why})") from None
    return {**described, "$defs": describing.defs} if describing.defs else described


def without_siblings(schema: Any) -> Any:
    """
    Put every ``$ref`` that has other words beside it into an ``anyOf`` of its own, as the API allows none beside it.

    >>> without_siblings({"items": {"$ref": "#/$defs/A", "description": "One."}})
    {'items': {'anyOf': [{'$ref': '#/$defs/A'}], 'description': 'One.'}}
    """
    if not isinstance(schema, Mapping):
        return schema
    words = {word: _inside(word, each) for word, each in cast("Mapping[str, Any]", schema).items()}
    if not isinstance(words.get("$ref"), str) or all(word.startswith("$") for word in words):
        return words
    return {"anyOf": [{"$ref": words.pop("$ref")}], **words}


def _inside(word: str, value: Any) -> Any:
    if word in {"const", "default", "enum", "example", "examples"}:  # values, and no schemas
        return value
    if isinstance(value, list):
        return [without_siblings(each) for each in cast("Any", value)]
    if word in {"$defs", "definitions", "patternProperties", "properties"} and isinstance(value, Mapping):
        return {name: without_siblings(each) for name, each in cast("Mapping[str, Any]", value).items()}
    return without_siblings(value)


class _Describing:
    """The description of one type, with the definitions that it refers to."""

    def __init__(self) -> None:
        self.defs: dict[str, _JsonSchema] = {}
        self._names: dict[Any, str] = {}

    def shape(self, kind: Any) -> _JsonSchema:
        kind, metadata = _without_wrappers(kind)
        limits = read_limits(metadata)
        if kind in (datetime, time) and "tz" not in limits:
            return apply_limits({"type": "string", "format": "date-time" if kind is datetime else "time"}, limits)
        if "tz" in limits:
            return apply_limits(self._leaf(Annotated[kind, msgspec.Meta(tz=limits["tz"])]), limits)
        return apply_limits(self._shape(kind), limits)

    def _shape(self, kind: Any) -> _JsonSchema:
        origin, args = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return self._union(args)
        if origin is Literal:
            return _choice(kind, args)
        if isinstance(kind, TypeVar):
            return {} if kind.__bound__ is None else self.shape(kind.__bound__)
        if isinstance(origin, type) and args and not _is_class_with_fields(origin):
            return self._container(origin, args)
        found = codec.inspect_type(kind)
        if isinstance(found, _NAMED):
            return self._reference(kind, found)
        return self._leaf(kind)

    def _union(self, args: tuple[Any, ...]) -> _JsonSchema:
        members = [self.shape(each) for each in args if each not in (type(None), msgspec.UnsetType)]
        flat = [inner for each in members for inner in (each["anyOf"] if each.keys() == {"anyOf"} else [each])]
        if type(None) in args and {"type": "null"} not in flat:
            flat.append({"type": "null"})
        return {"anyOf": flat} if len(flat) != 1 else flat[0]

    def _container(self, origin: type, args: tuple[Any, ...]) -> _JsonSchema:
        found = codec.inspect_type(origin)
        if isinstance(found, inspect.DictType):
            return self._mapping(*args)
        if isinstance(found, inspect.VarTupleType) and args[-1] is not Ellipsis:
            size = len(args)
            first = [self.shape(each) for each in args]
            return {"type": "array", "minItems": size, "maxItems": size, "prefixItems": first, "items": False}
        if not isinstance(found, inspect.CollectionType):
            raise TypeError(f"{origin.__name__} has no form in JSON")
        items = self.shape(args[0])
        unique = {"uniqueItems": True} if isinstance(found, inspect.SetType | inspect.FrozenSetType) else {}
        return {"type": "array", **({"items": items} if items else {}), **unique}

    def _mapping(self, key: Any, value: Any) -> _JsonSchema:
        codec.inspect_type(dict[key, int])  # which raises where JSON cannot have such names
        is_text = _without_wrappers(key)[0] is str
        names = {word: each for word, each in self.shape(key).items() if word != "type"} if is_text else {}
        items = self.shape(value)
        return {
            "type": "object",
            **({"propertyNames": names} if names else {}),
            **({"additionalProperties": items} if items else {}),
        }

    def _leaf(self, kind: Any) -> _JsonSchema:
        (found,), defs = codec.describe_types((kind,), schema_hook=self._asked)
        self._add(defs)
        return found

    def _asked(self, kind: Any) -> _JsonSchema:
        tell = getattr(kind, "model_json_schema", None)
        if tell is None:
            raise ConversionError(kind, "a type that has a form in JSON")
        shape: _JsonSchema = dict(tell())
        self._add(shape.pop("$defs", {}))
        return shape

    def _add(self, defs: dict[str, _JsonSchema]) -> None:
        for name, shape in defs.items():
            if self.defs.setdefault(name, shape) != shape:
                raise ConversionError(shape, f"types of different names, not two that are called {name}")

    # Classes

    def _reference(self, kind: Any, found: Any) -> _JsonSchema:
        name = self._names.get(kind)
        if name is None:
            (reference,), defs = codec.describe_types((kind,), schema_hook=self._asked)
            bare = name = reference["$ref"].rpartition("/")[2]
            if name in self._names.values():
                name = f"{found.cls.__module__}.{name}"
            self._names[kind] = name
            definition = defs[bare]
            self._add({name: definition})
            if isinstance(found, inspect.EnumType):
                definition |= _choice(kind, [each.value for each in found.cls])
            else:
                self._describe_fields(definition, kind, found)
        return {"$ref": f"#/$defs/{name}"}

    def _describe_fields(self, definition: _JsonSchema, kind: Any, found: Any) -> None:
        """Describe the fields of a class in what msgspec says of it; where a field has a default, msgspec says it."""
        hints = _hints(kind)
        fields = {each.encode_name: self.shape(hints.get(each.name, Any)) for each in found.fields}
        if "prefixItems" in definition:
            described = definition["prefixItems"]
            first = len(described) - len(fields)  # the tag, if there is one
            described[first:] = map(_with_default, fields.values(), described[first:])
            return
        described = definition["properties"]
        described |= {name: _with_default(shape, described[name]) for name, shape in fields.items()}
        if isinstance(found, inspect.TypedDictType):
            definition["properties"] = {name: described[name] for name in hints if name in described}
            definition["required"] = [name for name in hints if name in definition["required"]]


_NAMED = (
    inspect.StructType,
    inspect.DataclassType,
    inspect.TypedDictType,
    inspect.NamedTupleType,
    inspect.EnumType,
)


def _is_class_with_fields(origin: type) -> bool:
    """Tell a generic class of the user's from a container."""
    return isinstance(codec.inspect_type(origin), _NAMED)


def _without_wrappers(kind: Any) -> tuple[Any, list[Any]]:
    """Take off what only names or annotates a type; the metadata comes innermost first."""
    metadata: list[Any] = []
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind, *outer = get_args(kind)
            metadata += outer
        elif isinstance(kind, NewType):
            kind = kind.__supertype__
        elif isinstance(kind, TypeAliasType):
            kind = kind.__value__
        elif isinstance(origin, TypeAliasType):
            kind = origin.__value__[get_args(kind)]
        elif origin in (Final, Required, NotRequired, ReadOnly):
            (kind,) = get_args(kind)
        else:
            return kind, metadata


def _choice(kind: Any, values: Any) -> _JsonSchema:
    """Describe a choice in the order that it was defined in."""
    codec.inspect_type(kind)  # which raises for what JSON does not have
    told = [each for each in values if each is not None]
    named = _KINDS.get(told[0].__class__) if len(set(map(type, told))) == 1 else None
    shape = {"enum": told, **({"type": named} if named else {})} if told else {"type": "null"}
    return shape if len(told) in (0, len(values)) else {"anyOf": [shape, {"type": "null"}]}


_KINDS: dict[Any, str] = {str: "string", int: "integer"}


def _with_default(shape: _JsonSchema, said: _JsonSchema) -> _JsonSchema:
    return {**shape, "default": said["default"]} if "default" in said else shape


def _hints(kind: Any) -> dict[str, Any]:
    """Read the annotations of a class, with the arguments of a generic one in their places."""
    origin = get_origin(kind) or kind
    given = _arguments(kind)
    return {name: _filled(hint, given) for name, hint in get_type_hints(origin, include_extras=True).items()}


def _arguments(kind: Any) -> dict[Any, Any]:
    """Find what every type variable of a class and its bases stands for."""
    origin = get_origin(kind) or kind
    given = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    for base in getattr(origin, "__orig_bases__", ()):
        if get_origin(base) not in (None, Generic):
            given = {**_arguments(_filled(base, given)), **given}
    return given


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    open_ones = getattr(hint, "__parameters__", ()) if get_origin(hint) is not None else ()
    return hint[tuple(given.get(each, each) for each in open_ones)] if open_ones and given else hint
