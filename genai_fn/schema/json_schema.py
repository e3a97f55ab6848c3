"""
Builds plain JSON Schema for Python types.

The schemas equal pydantic's where pydantic supports the type, as google-genai declares functions with it. msgspec
provides the name, docstring, required fields and defaults of a class, and the schemas of scalar types. Everything else
is built here, because msgspec sorts members of enums and ``Literal`` and fields of TypedDicts, whose order matters, and
ignores the metadata of other libraries.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from inspect import cleandoc
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from genai_fn import codec
from genai_fn.schema.base import ConversionError
from genai_fn.schema.class_hints import get_field_hints, unwrap_type
from genai_fn.schema.limits import apply_limits, read_limits
from genai_fn.schema.other_types import describe_other_type, is_model
from genai_fn.schema.schema_tree import find_references, is_mapping, map_subschemas

_JsonSchema: TypeAlias = dict[str, Any]


def build_json_schema(kind: Any) -> dict[str, Any]:
    """
    Build the JSON Schema (draft 2020-12) of a type, as pydantic builds it for the types that it supports.

    Limits and descriptions in ``Annotated[…]`` may be a `msgspec.Meta`, pydantic's ``Field``, or those of
    annotated_types. A ``datetime`` has the format ``date-time``, and a ``time`` the format ``time``, unless
    ``Meta(tz=False)`` forbids a time zone. For a class with a ``model_json_schema()`` method, such as a pydantic model,
    the method is called. Named types inside others are defined under ``$defs``.

    Raises:
        ConversionError: If JSON has no such type.

    >>> build_json_schema(list[Literal["small", "large"]])
    {'type': 'array', 'items': {'enum': ['small', 'large'], 'type': 'string'}}
    """
    schemas, defs = build_json_schemas({"": kind})
    return {**schemas[""], "$defs": defs} if defs else schemas[""]


def build_json_schemas(kinds: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """
    Build the JSON Schemas of several types, by name, and the definitions that they share.

    Raises:
        ConversionError: If JSON has no such type, with the name as the path to it.
    """
    builder = _SchemaBuilder()
    schemas: dict[str, _JsonSchema] = {}
    for name, kind in kinds.items():
        try:
            schemas[name] = _inline_root(_build(builder, kind), builder.defs)
        except ConversionError as error:
            error.steps += [f".{name}"] if name else []
            raise
    used = find_references({"anyOf": list(schemas.values())}, builder.defs)
    return schemas, {name: definition for name, definition in builder.defs.items() if name in used}


def _build(builder: "_SchemaBuilder", kind: Any) -> _JsonSchema:
    try:
        return builder.build(kind)
    except (
        TypeError,
        ValueError,
        NameError,
        LookupError,
        AttributeError,
        SyntaxError,
        ArithmeticError,
        RuntimeError,
    ) as error:  # of annotations and limits; RuntimeError: pydantic's errors of use
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConversionError(kind, f"a type that can be described in JSON Schema ({why})") from None


def _inline_root(schema: _JsonSchema, defs: Mapping[str, _JsonSchema]) -> _JsonSchema:
    """Replace a reference by its target, unless the target refers to itself."""
    name = _get_name(schema) if schema.keys() == {"$ref"} else None
    if name is None or name in find_references(defs[name], defs):
        return schema
    return dict(defs[name])


def _get_name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def without_siblings(schema: Any) -> Any:
    """
    Move each ``$ref`` that has other keywords beside it into an ``anyOf``, as a response schema allows none beside it.

    >>> without_siblings({"items": {"$ref": "#/$defs/A", "description": "One."}})
    {'items': {'anyOf': [{'$ref': '#/$defs/A'}], 'description': 'One.'}}
    """
    if not is_mapping(schema):
        return schema
    keywords = map_subschemas(schema, without_siblings)
    if not isinstance(keywords.get("$ref"), str) or all(keyword.startswith("$") for keyword in keywords):
        return keywords
    return {"anyOf": [{"$ref": keywords.pop("$ref")}], **keywords}


class _SchemaBuilder:
    """Builds the schemas of types, and the definitions that they refer to."""

    def __init__(self) -> None:
        self.defs: dict[str, _JsonSchema] = {}
        self._names: dict[Any, str] = {}

    def build(self, kind: Any) -> _JsonSchema:
        kind, metadata = unwrap_type(kind)
        limits = read_limits(metadata)
        if kind in (datetime, time) and "tz" not in limits:
            return apply_limits({"type": "string", "format": "date-time" if kind is datetime else "time"}, limits)
        if "tz" in limits:
            return apply_limits(self._build_leaf(Annotated[kind, msgspec.Meta(tz=limits["tz"])]), limits)
        schema = self._build_without_limits(kind)
        if "discriminator" in limits:
            schema = self._build_discriminated_union(schema, limits["discriminator"])
        return apply_limits(schema, limits)

    def _build_without_limits(self, kind: Any) -> _JsonSchema:
        origin, args = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return self._build_union(args)
        if origin is Literal:
            return _build_literal(args)
        if isinstance(kind, TypeVar):
            return self._build_type_variable(kind)
        if isinstance(origin, type) and args and not _is_class_with_fields(origin):
            return self._build_container(list if origin is Iterable else origin, args)
        if Iterable in (kind, origin):
            return self._build_without_limits(list)
        if kind in _BARE_TYPES:
            return dict(_BARE_TYPES[kind])
        if is_model(kind):
            return self._build_model_reference(kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._build_enum_reference(kind)
        found = codec.inspect_type(kind)
        if isinstance(found, _NAMED):
            return self._build_reference(kind, found)
        return self._build_bare_container(found) or self._build_leaf(kind)

    def _build_union(self, args: tuple[Any, ...]) -> _JsonSchema:
        members = [self.build(each) for each in args if each not in (type(None), msgspec.UnsetType)]
        flat = [inner for each in members for inner in (each["anyOf"] if each.keys() == {"anyOf"} else [each])]
        flat += [_NULL] if type(None) in args else []
        distinct = [each for index, each in enumerate(flat) if each not in flat[:index]]
        return {"anyOf": distinct} if len(distinct) != 1 else distinct[0]

    def _build_discriminated_union(self, schema: _JsonSchema, field: str) -> _JsonSchema:
        """Build the schema of a union whose members differ by the value of one field."""
        members: list[_JsonSchema] = [each for each in schema.get("anyOf", ()) if each != _NULL]
        mapping: dict[str, str] = {}
        for member in members:
            reference: str = member.get("$ref", "")
            definition = self.defs[_get_name(member)] if reference else {}
            described: _JsonSchema = definition.get("properties", {}).get(field, {})
            tags: list[str] = [described["const"]] if "const" in described else described.get("enum", [])
            mapping |= dict.fromkeys(tags, reference)
        if len(set(mapping.values())) < max(len(members), 1):
            raise ConversionError(schema, f"a union of classes, each with values of its own for {field}")
        union: _JsonSchema = {"oneOf": members, "discriminator": {"propertyName": field, "mapping": mapping}}
        return union if len(members) == len(schema["anyOf"]) else {"anyOf": [union, _NULL]}

    def _build_type_variable(self, kind: TypeVar) -> _JsonSchema:
        if kind.__constraints__:
            return self._build_union(kind.__constraints__)
        return {} if kind.__bound__ is None else self.build(kind.__bound__)

    def _build_bare_container(self, found: Any) -> _JsonSchema | None:
        """Build the schema of a container whose type has no arguments, such as ``list``."""
        if isinstance(found, inspect.DictType):
            return self._build_mapping(Any, Any)
        if isinstance(found, inspect.CollectionType):
            return _build_array({}, found)
        return None

    def _build_container(self, origin: type, args: tuple[Any, ...]) -> _JsonSchema:
        found = codec.inspect_type(origin)
        if isinstance(found, inspect.DictType):
            return self._build_mapping(*args)
        if isinstance(found, inspect.VarTupleType) and args[-1] is not Ellipsis:
            first = [self.build(each) for each in args]
            return {"type": "array", "minItems": len(args), "maxItems": len(args), "prefixItems": first}
        if not isinstance(found, inspect.CollectionType):
            raise TypeError(f"{origin.__name__} has no JSON equivalent")
        return _build_array(self.build(args[0]), found)

    def _build_mapping(self, key: Any, value: Any) -> _JsonSchema:
        codec.inspect_type(dict[key, int])  # raises TypeError for keys that JSON does not have
        names = self.build(key)
        if names.get("type") in {"array", "object"}:
            raise ConversionError(key, "a text, a number or an enum as the key of a mapping")
        is_text = "$ref" in names or names.get("type") == "string"
        names = {keyword: each for keyword, each in names.items() if keyword != "type"} if is_text else {}
        return {
            "type": "object",
            **({"propertyNames": names} if names else {}),
            "additionalProperties": self.build(value) or True,
        }

    def _build_leaf(self, kind: Any) -> _JsonSchema:
        (found,), _ = codec.describe_types((kind,), schema_hook=describe_other_type)
        return found

    def _build_model_reference(self, kind: Any) -> _JsonSchema:
        schema = describe_other_type(kind)
        self._add_definitions(schema.pop("$defs", {}))
        if "$ref" in schema:
            return schema
        name = _to_definition_name(kind.__name__)
        self._add_definitions({name: schema})
        return {"$ref": f"#/$defs/{name}"}

    def _add_definitions(self, defs: dict[str, _JsonSchema]) -> None:
        for name, schema in defs.items():
            if self.defs.setdefault(name, schema) != schema:
                raise ConversionError(schema, f"types with different names, not two named {name}")

    def _build_enum_reference(self, kind: type[Enum]) -> _JsonSchema:
        if kind not in self._names:
            description = {} if kind.__doc__ in _INHERITED_DOCS else {"description": cleandoc(kind.__doc__ or "")}
            values = _build_enum([each.value for each in kind])
            self._add_named(kind, kind.__name__, {"title": kind.__name__, **description, **values})
        return {"$ref": f"#/$defs/{self._names[kind]}"}

    def _build_reference(self, kind: Any, found: Any) -> _JsonSchema:
        if kind not in self._names:
            (reference,), defs = codec.describe_types((kind,), schema_hook=_describe_later)
            described = defs[_get_name(reference)]
            definition = described | {"title": found.cls.__name__}
            self._add_named(kind, re.sub(r"\w+\.", "", described["title"]), definition)
            self._describe_fields(definition, kind, found)
        return {"$ref": f"#/$defs/{self._names[kind]}"}

    def _add_named(self, kind: Any, name: str, definition: _JsonSchema) -> None:
        """Add the definition of a class. If another class has its name, it is defined by its full name."""
        owner, name = get_origin(kind) or kind, _to_definition_name(name)
        self._names[kind] = f"{owner.__module__}.{name}" if name in self._names.values() else name
        self._add_definitions({self._names[kind]: definition})

    def _describe_fields(self, definition: _JsonSchema, kind: Any, found: Any) -> None:
        """Replace the schemas of the fields in the definition that msgspec has built; the defaults in it are kept."""
        hints = get_field_hints(kind)
        defined = [each for each in found.fields if each.encode_name != codec.EXTRA_JSON_NAME]
        if len(defined) < len(found.fields):
            del definition["properties"][codec.EXTRA_JSON_NAME], definition["additionalProperties"]
        fields = {each.encode_name: self.build(hints.get(each.name, Any)) for each in defined}
        if not isinstance(found, inspect.StructType):
            fields = {name: _add_title(name, schema) for name, schema in fields.items()}
        if "prefixItems" in definition:
            schemas = definition["prefixItems"]
            first = len(schemas) - len(fields)  # the tag, if there is one
            schemas[first:] = map(_add_default, fields.values(), schemas[first:])
        else:
            schemas = definition["properties"]
            schemas |= {name: _add_default(schema, schemas[name]) for name, schema in fields.items()}
        if isinstance(found, inspect.DataclassType):
            for each in found.fields:
                if each.default_factory is not msgspec.NODEFAULT:
                    schemas[each.encode_name].pop("default", None)
        if isinstance(found, inspect.TypedDictType):
            definition["properties"] = {name: schemas[name] for name in hints if name in schemas}
            definition["required"] = [name for name in hints if name in definition["required"]]
        if isinstance(found, inspect.NamedTupleType):
            del definition["title"]
            definition.pop("description", None)
        if not definition.get("required", True):
            del definition["required"]


def _to_definition_name(name: str) -> str:
    """Convert the name of a class, such as ``Box[int]``, as pydantic does."""
    return re.sub(r"[^\w.-]", "_", name)


def _describe_later(kind: Any) -> _JsonSchema:  # noqa: ARG001  # a hook takes it
    """Return a placeholder for a field whose type msgspec does not support: `_describe_fields` replaces it."""
    return {"type": "null"}


def _build_array(items: _JsonSchema, found: Any) -> _JsonSchema:
    unique = {"uniqueItems": True} if isinstance(found, inspect.SetType | inspect.FrozenSetType) else {}
    return {"type": "array", "items": items, **unique}


_NULL = {"type": "null"}
_BARE_TYPES: dict[Any, _JsonSchema] = {
    object: {},
    Decimal: {"anyOf": [{"type": "number"}, {"type": "string"}]},
}
_NAMED = (
    inspect.StructType,
    inspect.DataclassType,
    inspect.TypedDictType,
    inspect.NamedTupleType,
)


def _is_class_with_fields(origin: type) -> bool:
    """Whether a generic class has fields, and is not a container."""
    return isinstance(codec.inspect_type(origin), _NAMED)


def _build_literal(values: tuple[Any, ...]) -> _JsonSchema:
    schema = _build_enum([each.value if isinstance(each, Enum) else each for each in values])
    if len(values) == 1:
        schema["const"] = schema.pop("enum")[0]
    return schema


def _build_enum(values: list[Any]) -> _JsonSchema:
    """Build the schema of an enum or a ``Literal``, with the members in their order."""
    if not values:
        raise ConversionError(values, "an enum or Literal with members")
    for each in values:
        if each.__class__ not in _TYPE_NAMES:
            raise ConversionError(each, "a text, a number, True, False or None as a value of an enum or Literal")
    named = {_TYPE_NAMES[each.__class__] for each in values}
    return {"enum": values, **({"type": named.pop()} if len(named) == 1 else {})}


_TYPE_NAMES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
_INHERITED_DOCS = {None, Enum.__doc__, IntEnum.__doc__, StrEnum.__doc__}


def _add_title(name: str, schema: _JsonSchema) -> _JsonSchema:
    """Add the title that pydantic derives from the name of a field. A field of a named type has the title of that."""
    members = [each for each in schema.get("anyOf", ()) if each != _NULL]
    is_named = "$ref" in (members[0] if len(members) == 1 else schema)
    return schema if is_named else {"title": name.title().replace("_", " ").strip(), **schema}


def _add_default(schema: _JsonSchema, described: _JsonSchema) -> _JsonSchema:
    return {**schema, "default": described["default"]} if "default" in described else schema
