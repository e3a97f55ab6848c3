"""`plain`: from the API's own dialect back to plain JSON Schema."""

from typing import Any

from genai_fn.schema.schemas import JSONSchema, JSONSchemaType, Schema, Type

__all__ = ["plain"]


def plain(schema: Schema) -> JSONSchema:
    """
    Say the same in JSON Schema: ``nullable`` is a type there, and ``property_ordering`` the order of the properties.

    ``example`` has no place there, and shows only.
    """
    shape = {name: getattr(schema, name) for name in _SAME}
    return JSONSchema(
        **shape,
        **_kinds(schema),
        items=None if schema.items is None else plain(schema.items),
        properties=_mapped(_ordered(schema)),
        additional_properties=_additional(schema.additional_properties),
        ref=None if schema.ref is None else schema.ref.replace("#/defs/", "#/$defs/", 1),
        defs=_mapped(schema.defs),
    )


_SAME = (
    *("title", "description", "default", "format", "pattern", "required", "min_length", "max_length"),
    *("minimum", "maximum", "min_items", "max_items", "min_properties", "max_properties"),
)
_NULL = JSONSchema(type=JSONSchemaType.NULL)


def _kinds(schema: Schema) -> dict[str, Any]:
    kind = None if schema.type in (None, Type.TYPE_UNSPECIFIED) else JSONSchemaType(schema.type.lower())
    choices = None if schema.any_of is None else tuple(plain(each) for each in schema.any_of)
    if not schema.nullable:
        return {"type": kind, "any_of": choices, "enum": schema.enum}
    return {
        "type": kind if kind in (None, JSONSchemaType.NULL) else (JSONSchemaType.NULL, kind),
        "any_of": choices if choices is None or _NULL in choices else (*choices, _NULL),
        "enum": None if schema.enum is None else (*schema.enum, None),
    }


def _ordered(schema: Schema) -> dict[str, Schema] | None:
    if schema.properties is None:
        return None
    first = {name: schema.properties[name] for name in schema.property_ordering or () if name in schema.properties}
    return {**first, **{name: each for name, each in schema.properties.items() if name not in first}}


def _mapped(schemas: Any) -> dict[str, JSONSchema] | None:
    return None if schemas is None else {name: plain(each) for name, each in schemas.items()}


def _additional(value: Any) -> Any:
    return plain(value) if isinstance(value, Schema) else value
