"""JSON Schema as a tree: subschemas, references, ``allOf`` and types."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from genai_fn.schema.schema_tree import (
    find_references,
    iter_subschemas,
    list_types,
    map_subschemas,
    merge_all_of,
    resolve_pointer,
)
from genai_fn.testing.strategies.values.types import json, texts

PLACES: list[tuple[dict[str, Any], list[Any]]] = [
    ({"items": 1, "not": 2, "additionalProperties": 3, "propertyNames": 4}, [1, 2, 3, 4]),
    ({"anyOf": [1, 2], "oneOf": (3,), "prefixItems": [4], "allOf": []}, [1, 2, 3, 4]),
    ({"items": [1, 2]}, [1, 2]),
    ({"properties": {"default": 1, "$ref": 2}, "$defs": {"A": 3}, "defs": {"B": 4}}, [1, 2, 3, 4]),
    ({"default": {"items": 1}, "enum": [{"items": 1}], "const": {"not": 1}, "examples": [{}]}, []),
    ({"properties": ["no mapping"], "anyOf": {"no": "list"}}, []),
]


@pytest.mark.parametrize(("schema", "inner"), PLACES)
def test_subschemas(schema: dict[str, Any], inner: list[Any]) -> None:
    """Subschemas are found by the keyword that holds them, and values that only look like schemas are not."""
    assert list(iter_subschemas(schema)) == inner
    doubled = map_subschemas(schema, lambda each: each * 2)
    assert list(iter_subschemas(doubled)) == [each * 2 for each in inner]
    assert doubled.keys() == schema.keys()


KEYWORDS = ("$defs", "additionalProperties", "anyOf", "default", "items", "prefixItems", "properties")


@given(st.dictionaries(st.sampled_from(KEYWORDS) | texts, json))
def test_unchanged(schema: dict[str, Any]) -> None:
    """A conversion that changes nothing returns an equal schema, whatever it contains."""
    assert map_subschemas(schema, lambda each: each) == schema


ROOT = {
    "$defs": {"a/b": 1, "c~d": 2, "e%f": 3, "": 4, "list": [{"x": 5}, 6]},
    "properties": {"own": {"$ref": "#"}},
}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("#", ROOT),
        ("#/$defs/a~1b", 1),
        ("#/$defs/c~0d", 2),
        ("#/$defs/e%25f", 3),
        ("#/$defs/", 4),
        ("#/$defs/list/0/x", 5),
        ("#/$defs/list/1", 6),
    ],
)
def test_pointer(reference: str, expected: Any) -> None:
    """A reference is resolved as a JSON Pointer in a URI fragment."""
    assert resolve_pointer(ROOT, reference) == expected


@pytest.mark.parametrize(
    "reference",
    ["", "x", "https://example.com/a", "#/$defs/no", "#/$defs/list/9", "#/$defs/list/x", "#/$defs/a~1b/c", 3],
)
def test_pointer_to_nothing(reference: Any) -> None:
    """A reference to nothing, or to another document, is a LookupError."""
    with pytest.raises(LookupError):
        resolve_pointer(ROOT, reference)


def test_references() -> None:
    """References are found through definitions that refer to each other."""
    defs = {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"items": {"$ref": "#/$defs/A"}}, "C": {}}
    assert find_references({"properties": {"x": {"$ref": "#/$defs/A"}}}, defs) == {"A", "B"}
    assert find_references({"default": {"$ref": "#/$defs/C"}}, defs) == set()


def test_all_of() -> None:
    """Members of ``allOf`` are merged with what they refer to, also where they refer to themselves."""
    root = {
        "$defs": {
            "Named": {"properties": {"name": {"type": "string"}}, "required": ["name"], "type": "object"},
            "Aged": {"allOf": [{"$ref": "#/$defs/Named"}], "properties": {"age": {}}, "required": ["age", "name"]},
            "Endless": {"allOf": [{"$ref": "#/$defs/Endless"}], "title": "t"},
        }
    }
    merged = merge_all_of(root, {"description": "d", "allOf": [{"$ref": "#/$defs/Aged"}, True]})
    assert merged == {
        "description": "d",
        "type": "object",
        "properties": {"age": {}, "name": {"type": "string"}},
        "required": ["age", "name"],
    }
    assert merge_all_of(root, {"title": "u", "allOf": [{"$ref": "#/$defs/Endless"}]}) == {"title": "t"}


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "INTEGER"}, ["integer"]),
        ({"type": ["string", "null"]}, ["string", "null"]),
        ({"required": ["a"]}, ["object"]),
        ({"prefixItems": []}, ["array"]),
        ({"type": None, "items": {}}, ["array"]),
        ({}, ["string"]),
        (True, ["string"]),
    ],
)
def test_types(schema: Any, types: list[str]) -> None:
    """Types are listed in lower case; without ``type``, another keyword implies one."""
    assert list_types(schema) == types
