"""Shapes of JSON: what an answer or a function's arguments must look like."""

from collections.abc import Mapping  # noqa: TC003  # msgspec resolves the quoted annotations with it
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from msgspec import field

from genai_fn.schema.base import Coerce, Detour, Message, OpenEnum
from genai_fn.schema.convert import as_struct, as_value

__all__ = ["JSONSchema", "JSONSchemaType", "Schema", "Type"]


class Type(OpenEnum):
    """The kind of a value in a `Schema`."""

    TYPE_UNSPECIFIED = "TYPE_UNSPECIFIED"
    STRING = "STRING"
    NUMBER = "NUMBER"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    ARRAY = "ARRAY"
    OBJECT = "OBJECT"
    NULL = "NULL"


class JSONSchemaType(OpenEnum):
    """The kind of a value in plain JSON Schema."""

    NULL = "null"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"
    NUMBER = "number"
    INTEGER = "integer"
    STRING = "string"


class Schema(Message):
    """A shape of JSON in the API's own dialect, a subset of OpenAPI 3.0."""

    additional_properties: Any = None
    defs: "Mapping[str, Schema] | None" = None
    """Shapes by name, for ``ref`` to point at."""
    ref: str | None = None
    """Where the shape is to be found, such as ``#/defs/Person``."""
    any_of: "tuple[Schema, ...] | None" = None
    default: Any = None
    description: str | None = None
    enum: tuple[str, ...] | None = None
    """The only texts allowed; with it go ``type="STRING"`` and ``format="enum"``."""
    example: Any = None
    """A sample value; it shows, it does not constrain."""
    format: str | None = None
    """A closer word on the type: ``int32``, ``int64``, ``float``, ``double``, ``date-time``, ``enum``."""
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
    """Whether null will do, too."""
    pattern: str | None = None
    """A regular expression that a text must match."""
    properties: "Mapping[str, Schema] | None" = None
    property_ordering: tuple[str, ...] | None = None
    """The order in which the model writes the properties."""
    required: tuple[str, ...] | None = None
    title: str | None = None
    type: Type | None = None

    @classmethod
    def from_json_schema(cls, *, json_schema: "JSONSchema | Mapping[str, Any]") -> Self:
        """
        Read plain JSON Schema: ``$ref`` is written out, null among the types becomes ``nullable``.

        Raises:
            InvalidRequest: with the path to what the API's dialect cannot say.

        >>> Schema.from_json_schema(json_schema={"type": ["string", "null"]}).nullable
        True
        """
        return as_struct(cls, as_value(Annotated[cls | None, Coerce(_to_api_schema)], json_schema, "json_schema"))

    @property
    def json_schema(self) -> "JSONSchema":
        """The same in plain JSON Schema; only ``example`` has no place there."""
        from genai_fn.schema.plain_schema import to_json_schema  # noqa: PLC0415  # which is made of Schema

        return to_json_schema(self)


class JSONSchema(Message):
    """A shape in plain JSON Schema (draft 2020-12), as far as the API reads it."""

    type: JSONSchemaType | tuple[JSONSchemaType, ...] | None = None
    """One kind, or several that will all do."""
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
    unique_items: bool | None = None
    ref: str | None = field(default=None, name="$ref")
    defs: "Mapping[str, JSONSchema] | None" = field(default=None, name="$defs")


def _to_api_schema(value: Any) -> Any:
    from genai_fn.schema.api_schema import to_api_schema  # noqa: PLC0415  # which is made of Schema

    return to_api_schema(value)


def _of_type(value: Any) -> Any:
    from genai_fn.schema.api_schema import translate_type  # noqa: PLC0415  # which is made of Schema

    return translate_type(value, "response_json_schema")


if TYPE_CHECKING:
    from types import GenericAlias, UnionType

    SchemaLike: TypeAlias = Schema | Mapping[str, Any] | type[Any] | UnionType | GenericAlias
    """A `Schema`, a mapping of the same fields, or a type to take the shape of."""
else:
    SchemaLike = Annotated[Schema | None, Detour(_of_type)]
