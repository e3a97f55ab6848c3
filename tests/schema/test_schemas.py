"""Conversion to plain JSON Schema and back: as in google-genai 1.51.0, except for listed differences."""

from typing import Any

import msgspec
import pytest
from google.genai import types

from genai_fn.errors import InvalidRequest
from genai_fn.schema import JSONSchema, Schema
from genai_fn.schema.convert import as_struct

A, B = {"type": "STRING"}, {"type": "INTEGER", "minimum": 1.0, "maximum": 9.0, "default": 3}


def to_json(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def dump_theirs(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_none=True, by_alias=True, warnings=False)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        A,
        B,
        {"type": "TYPE_UNSPECIFIED", "title": "T", "description": "D"},
        {"type": "NULL"},
        {**A, "nullable": True},
        {**A, "enum": ["a", "b"], "format": "enum"},
        {**A, "pattern": "a+", "minLength": 1, "maxLength": 2},
        {"type": "ARRAY", "items": B, "minItems": 1, "maxItems": 2},
        {"type": "OBJECT", "properties": {"b": A, "a": B}, "required": ["b"], "minProperties": 1, "maxProperties": 2},
        {"anyOf": [A, B]},
        {"anyOf": [A, {"type": "NULL"}]},
        {"type": "OBJECT", "additionalProperties": False},
    ],
)
def test_plain(schema: Any) -> None:
    """The dialect is converted to JSON Schema as in google-genai."""
    assert to_json(as_struct(Schema, schema).json_schema) == dump_theirs(
        types.Schema.model_validate(schema).json_schema
    )


PLAIN_DIFFERENCES: list[tuple[str, Any, Any]] = [
    ("nullable without a type constrains nothing; 1.51.0 converts it to null", {"nullable": True}, {}),
    (
        "null is one more member of the union; in 1.51.0 no value is valid",
        {"anyOf": [A, {"type": "INTEGER"}], "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
    ),
    (
        "null is added to the enum, too; in 1.51.0 it is valid for the type but not for the enum",
        {**A, "enum": ["a"], "nullable": True},
        {"type": ["null", "string"], "enum": ["a", None]},
    ),
    (
        "$ref refers to $defs, whose types are converted; 1.51.0 does neither",
        {"ref": "#/defs/A", "defs": {"A": A}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
    ),
    (
        "properties are ordered by propertyOrdering; 1.51.0 ignores it",
        {"type": "OBJECT", "properties": {"a": A, "b": A, "c": A}, "propertyOrdering": ["c", "a", "x"]},
        {"type": "object", "properties": {name: {"type": "string"} for name in "cab"}},
    ),
]


@pytest.mark.parametrize(("reason", "schema", "expected"), PLAIN_DIFFERENCES)
def test_plain_differences(reason: str, schema: Any, expected: Any) -> None:
    """Every difference in the conversion to JSON Schema is listed with its reason."""
    converted = to_json(as_struct(Schema, schema).json_schema)
    assert converted == expected
    assert list(converted.get("properties", ())) == list(expected.get("properties", ()))
    theirs = dump_theirs(types.Schema.model_validate(schema).json_schema)
    assert (converted, list(converted.get("properties", ()))) != (theirs, list(theirs.get("properties", ()))), reason


def test_additional_properties() -> None:
    """`additional_properties` is converted if it is a Schema."""
    schema = Schema(additional_properties=Schema(properties={"a": as_struct(Schema, A)}))
    assert to_json(schema.json_schema) == {"additionalProperties": {"properties": {"a": {"type": "string"}}}}


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"type": "string"},
        {"type": ["string", "null"]},
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        {"type": "array", "items": {"type": "number"}, "minItems": 1},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "string", "enum": ["a"], "default": "a", "title": "T", "description": "D"},
    ],
)
def test_from_plain(shape: Any) -> None:
    """JSON Schema is translated as in google-genai, from a mapping and from a JSONSchema."""
    theirs = dump_theirs(types.Schema.from_json_schema(json_schema=types.JSONSchema.model_validate(shape)))
    assert to_json(Schema.from_json_schema(json_schema=shape)) == theirs
    assert to_json(Schema.from_json_schema(json_schema=as_struct(JSONSchema, shape))) == theirs


FROM_PLAIN_DIFFERENCES: list[tuple[str, Any, Any]] = [
    ("an enum without a type is an enum of strings", {"enum": ["a"]}, {"type": "STRING", "enum": ["a"]}),
    (
        "the order of the properties is added",
        {"type": "object", "properties": {"b": {}, "a": {}}},
        {"type": "OBJECT", "properties": {"b": {}, "a": {}}, "propertyOrdering": ["b", "a"]},
    ),
    (
        "additionalProperties is kept; 1.51.0 drops it",
        {"type": "object", "additionalProperties": False},
        {"type": "OBJECT", "additionalProperties": False},
    ),
]


@pytest.mark.parametrize(("reason", "shape", "expected"), FROM_PLAIN_DIFFERENCES)
def test_from_plain_differences(reason: str, shape: Any, expected: Any) -> None:
    """Every difference in the translation of JSON Schema is listed with its reason."""
    assert to_json(Schema.from_json_schema(json_schema=shape)) == expected
    theirs = dump_theirs(types.Schema.from_json_schema(json_schema=types.JSONSchema.model_validate(shape)))
    assert theirs != expected, reason


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ({"type": ["string", "integer"]}, "json_schema.type"),
        ({"properties": {"a": {"uniqueItems": True}}}, "json_schema.properties.a.uniqueItems"),
        ({"items": {"enum": [1]}}, "json_schema.items.enum[0]"),
        ({"$ref": "#"}, "json_schema.$ref"),
        (5, "json_schema"),
    ],
)
def test_refused_keywords(shape: Any, path: str) -> None:
    """Keywords that the dialect does not have are refused with their path; 1.51.0 drops or changes them."""
    with pytest.raises(InvalidRequest) as raised:
        Schema.from_json_schema(json_schema=shape)
    assert raised.value.path == path
