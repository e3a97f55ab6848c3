"""Schemas of JSON: the API's own dialect, and plain JSON Schema."""

from collections.abc import Mapping  # noqa: TC003  # msgspec resolves the quoted annotations with it
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from msgspec import field
from msgspec.structs import astuple, force_setattr

from genai_fn.schema.base import Coerce, Message, OpenEnum, OpenMessage, RedirectingCoerce
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.schema_tree import map_subschemas
from genai_fn.values import FrozenDict


class Type(OpenEnum):
    """Type of a value in a `Schema`."""

    TYPE_UNSPECIFIED = "TYPE_UNSPECIFIED"
    STRING = "STRING"
    NUMBER = "NUMBER"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    ARRAY = "ARRAY"
    OBJECT = "OBJECT"
    NULL = "NULL"


class JSONSchemaType(OpenEnum):
    """Type of a value in plain JSON Schema."""

    NULL = "null"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"
    NUMBER = "number"
    INTEGER = "integer"
    STRING = "string"


class Schema(OpenMessage):
    """A schema of JSON in the API's own dialect, a subset of OpenAPI 3.0."""

    additional_properties: Any = None
    defs: "Mapping[str, Schema] | None" = None
    """Schemas by name, which ``ref`` refers to."""
    ref: str | None = None
    """Reference to a schema in ``defs``, such as ``#/defs/Person``."""
    any_of: "tuple[Schema, ...] | None" = None
    default: Any = None
    description: str | None = None
    enum: tuple[str, ...] | None = None
    """The allowed texts. Needs ``type="STRING"``; ``format="enum"`` is optional."""
    example: Any = None
    """A sample value. It does not constrain."""
    format: str | None = None
    """Refines the type: ``int32``, ``int64``, ``float``, ``double``, ``date-time`` or ``enum``."""
    items: "Schema | None" = None
    max_items: int | None = None
    max_length: int | None = None
    max_properties: int | None = None
    maximum: float | None = None
    min_items: int | None = None
    min_length: int | None = None
    min_properties: int | None = None
    minimum: float | None = None
    nullable: bool | None = None
    """Whether null is allowed."""
    pattern: str | None = None
    """A regular expression that a text must match."""
    properties: "Mapping[str, Schema] | None" = None
    property_ordering: tuple[str, ...] | None = None
    """The order in which the model writes the properties."""
    required: tuple[str, ...] | None = None
    title: str | None = None
    type: Type | None = None

    def __post_init__(self) -> None:
        """Freeze the mappings, so that a config with this schema cannot change and is converted only once."""
        properties, defs = self.properties, self.defs
        if properties is not None and issubclass(type(properties), dict):
            force_setattr(self, "properties", FrozenDict(properties))
        if defs is not None and issubclass(type(defs), dict):
            force_setattr(self, "defs", FrozenDict(defs))

    @classmethod
    def from_json_schema(cls, *, json_schema: "JSONSchema | Mapping[str, Any]") -> Self:
        """
        Translate plain JSON Schema: ``$ref`` is expanded, null among the types becomes ``nullable``.

        Raises:
            InvalidRequest: If the API's dialect cannot express the schema, with the path of the keyword.

        >>> Schema.from_json_schema(json_schema={"type": ["string", "null"]}).nullable
        True
        """
        return as_struct(cls, as_value(Annotated[cls | None, Coerce(_to_api_schema)], json_schema, "json_schema"))

    @property
    def json_schema(self) -> "JSONSchema":
        """The same schema in plain JSON Schema, without ``example``."""
        return _to_json_schema(self)


class JSONSchema(Message):
    """A schema in plain JSON Schema (draft 2020-12), with the keywords that the API reads."""

    type: JSONSchemaType | tuple[JSONSchemaType, ...] | None = None
    """One type, or several of which any is allowed."""
    format: str | None = None
    title: str | None = None
    description: str | None = None
    default: Any = None
    items: "JSONSchema | None" = None
    min_items: int | None = None
    max_items: int | None = None
    enum: tuple[Any, ...] | None = None
    properties: "Mapping[str, JSONSchema] | None" = None
    required: tuple[str, ...] | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    additional_properties: Any = None
    any_of: "tuple[JSONSchema, ...] | None" = None
    one_of: "tuple[JSONSchema, ...] | None" = None
    unique_items: bool | None = None
    ref: str | None = field(default=None, name="$ref")
    defs: "Mapping[str, JSONSchema] | None" = field(default=None, name="$defs")


def _to_json_schema(schema: Schema) -> JSONSchema:
    """Translate to JSON Schema: ``nullable`` becomes a type, ``property_ordering`` the order of the properties."""
    pairs = zip(schema.__struct_encode_fields__, astuple(schema), strict=True)
    keywords = {keyword: value for keyword, value in pairs if keyword in _SHARED_KEYWORDS} | _order_properties(schema)
    fields: dict[str, Any] = {
        _SHARED_KEYWORDS[keyword]: value for keyword, value in map_subschemas(keywords, _convert_inner).items()
    }
    reference = None if schema.ref is None else schema.ref.replace("#/defs/", "#/$defs/", 1)
    fields |= {"ref": reference, **_convert_types(schema, fields["any_of"])}
    return JSONSchema(**fields)


_SHARED_KEYWORDS = {
    keyword: name
    for keyword, name in zip(Schema.__struct_encode_fields__, Schema.__struct_fields__, strict=True)
    if name in JSONSchema.__struct_fields__
}
_NULL_SCHEMA = JSONSchema(type=JSONSchemaType.NULL)


def _convert_inner(value: Any) -> Any:
    return _to_json_schema(value) if isinstance(value, Schema) else value


def _convert_types(schema: Schema, choices: tuple[JSONSchema, ...] | None) -> dict[str, Any]:
    kind = None if schema.type in (None, Type.TYPE_UNSPECIFIED) else JSONSchemaType(schema.type.lower())
    if not schema.nullable:
        return {"type": kind}
    return {
        "type": kind if kind in (None, JSONSchemaType.NULL) else (JSONSchemaType.NULL, kind),
        "any_of": choices if choices is None or _NULL_SCHEMA in choices else (*choices, _NULL_SCHEMA),
        "enum": None if schema.enum is None else (*schema.enum, None),
    }


def _order_properties(schema: Schema) -> dict[str, Any]:
    if schema.properties is None:
        return {}
    first = {name: schema.properties[name] for name in schema.property_ordering or () if name in schema.properties}
    rest = {name: each for name, each in schema.properties.items() if name not in first}
    return {"properties": {**first, **rest}}


def _to_api_schema(value: Any) -> Any:
    from genai_fn.schema.api_schema import to_api_schema  # noqa: PLC0415  # takes 5 ms, and few requests have a schema

    return to_api_schema(value, Schema)


def _translate_type(value: Any) -> Any:
    from genai_fn.schema.api_schema import translate_type  # noqa: PLC0415  # takes 5 ms, and few requests have a schema

    return translate_type(value, Schema)


if TYPE_CHECKING:
    from types import GenericAlias, UnionType

    from genai_fn.schema.foreign_values import GoogleGenaiValue

    SchemaLike: TypeAlias = Schema | Mapping[str, Any] | type[Any] | UnionType | GenericAlias | GoogleGenaiValue
    """A `Schema`, a mapping of its fields, or a type whose schema is built."""
else:
    SchemaLike = Annotated[Schema | None, RedirectingCoerce(_translate_type, "response_json_schema")]
