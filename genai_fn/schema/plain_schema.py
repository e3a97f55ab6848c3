"""`plain`: from the API's own dialect back to plain JSON Schema."""

from typing import Any

from genai_fn.schema.schemas import JSONSchema, JSONSchemaType, Schema, Type

__all__ = ["to_json_schema"]


def to_json_schema(schema: Schema) -> JSONSchema:
    """
    Say the same in JSON Schema: ``nullable`` is a type there, and ``property_ordering`` the order of the properties.

    ``example`` has no place there, and shows only.
    """
    shape = {name: getattr(schema, name) for name in _SHARED_FIELDS}
    return JSONSchema(
        **shape,
        **_convert_types(schema),
        items=None if schema.items is None else to_json_schema(schema.items),
        properties=_convert_mapping(_order_properties(schema)),
        additional_properties=_convert_additional_properties(schema.additional_properties),
        ref=None if schema.ref is None else schema.ref.replace("#/defs/", "#/$defs/", 1),
        defs=_convert_mapping(schema.defs),
    )


_SHARED_FIELDS = (
    *("title", "description", "default", "format", "pattern", "required", "min_length", "max_length"),
    *("minimum", "maximum", "min_items", "max_items", "min_properties", "max_properties"),
)
_NULL_SCHEMA = JSONSchema(type=JSONSchemaType.NULL)


def _convert_types(schema: Schema) -> dict[str, Any]:
    kind = None if schema.type in (None, Type.TYPE_UNSPECIFIED) else JSONSchemaType(schema.type.lower())
    choices = None if schema.any_of is None else tuple(to_json_schema(each) for each in schema.any_of)
    if not schema.nullable:
        return {"type": kind, "any_of": choices, "enum": schema.enum}
    return {
        "type": kind if kind in (None, JSONSchemaType.NULL) else (JSONSchemaType.NULL, kind),
        "any_of": choices if choices is None or _NULL_SCHEMA in choices else (*choices, _NULL_SCHEMA),
        "enum": None if schema.enum is None else (*schema.enum, None),
    }


def _order_properties(schema: Schema) -> dict[str, Schema] | None:
    if schema.properties is None:
        return None
    first = {name: schema.properties[name] for name in schema.property_ordering or () if name in schema.properties}
    return {**first, **{name: each for name, each in schema.properties.items() if name not in first}}


def _convert_mapping(schemas: Any) -> dict[str, JSONSchema] | None:
    return None if schemas is None else {name: to_json_schema(each) for name, each in schemas.items()}


def _convert_additional_properties(value: Any) -> Any:
    return to_json_schema(value) if isinstance(value, Schema) else value
