"""Values built from a schema are valid according to msgspec."""

import enum
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta, Struct

from genai_fn.emulator.fake_model.schema_values import build_value
from genai_fn.schema.json_schema import build_json_schema


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Person(Struct):
    name: str
    born: date
    colours: list[Colour]
    nick: str | None = None


class Tree(Struct):
    label: str
    children: list["Tree"]


class Linked(Struct):
    value: int
    next: "Linked | None"


class OptionalTree(Struct):
    value: int
    left: "OptionalTree | None" = None
    right: "OptionalTree | None" = None


TYPES = [
    str,
    int,
    float,
    bool,
    None,
    list[int],
    dict[str, int],
    Mapping[str, Person],
    tuple[int, str],
    tuple[int, ...],
    Literal["a", "b"],
    Literal[3],
    Colour,
    Person,
    list[Person],
    int | None,
    int | str,
    date,
    Annotated[datetime, Meta(tz=True)],
    UUID,
    Tree,
    Linked,
    OptionalTree,
    Annotated[int, Meta(ge=3)],
    Annotated[int, Meta(gt=3, le=4)],
    Annotated[int, Meta(le=-3)],
    Annotated[int, Meta(lt=-3)],
    Annotated[int, Meta(multiple_of=5, gt=5)],
    Annotated[float, Meta(gt=0, lt=1)],
    Annotated[float, Meta(ge=2.5)],
    Annotated[float, Meta(lt=-2.5)],
    Annotated[str, Meta(min_length=9)],
    Annotated[str, Meta(max_length=2)],
    Annotated[list[str], Meta(min_length=3)],
    Annotated[list[str], Meta(max_length=0)],
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_fits(kind: Any) -> None:
    """A value built from a type's schema is a value of the type."""
    value = build_value(build_json_schema(kind), "some text")
    msgspec.convert(value, kind, strict=True)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "STRING"}, "t"),
        ({"type": "INTEGER", "minimum": 5.0}, 5),
        ({"type": "ARRAY", "items": {"type": "BOOLEAN"}, "minItems": 2}, [True, True]),
        ({"type": "OBJECT", "properties": {"b": {}, "a": {}}, "propertyOrdering": ["a", "b"]}, {"a": "t", "b": "t"}),
        ({"ref": "#/defs/A", "defs": {"A": {"type": "NUMBER"}}}, 0.0),
        ({"anyOf": [{"type": "INTEGER"}, {"type": "NULL"}]}, 0),
        ({"oneOf": [{"const": 7}]}, 7),
        ({"type": ["null", "integer"]}, 0),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, {"a": "t", "b": "t"}),
        (
            {
                "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
                "$defs": {"A": {"properties": {"a": {}}}, "B": {"properties": {"b": {}}}},
            },
            {"a": "t", "b": "t"},
        ),
        ({"type": "object", "required": ["a"]}, {"a": "t"}),
        ({"type": "array", "prefixItems": [{"type": "null"}], "items": False}, [None]),
        (True, "t"),
        ({}, "t"),
    ],
)
def test_value(schema: Any, value: Any) -> None:
    """Keywords of JSON Schema and of the API's dialect are respected."""
    assert build_value(schema, "t") == value


def test_order() -> None:
    """Properties have the order of ``propertyOrdering``."""
    schema = {"properties": {"b": {}, "a": {}, "c": {}}, "propertyOrdering": ["c", "a"]}
    assert list(build_value(schema, "t")) == ["c", "a", "b"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "array", "minItems": 10**12},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 9},
        {"type": "string", "minLength": 10**12},
        {"allOf": [{"$ref": "#"}]},
    ],
)
def test_bounded(schema: Any) -> None:
    """The value of an unbounded schema is bounded."""
    assert len(msgspec.json.encode(build_value(schema, "t"))) < 100_000
