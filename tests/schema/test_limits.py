"""Limits and descriptions of any library: read by name, added to JSON Schema, checked by msgspec."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

import annotated_types
import msgspec
import pydantic
import pytest
from typing_extensions import Doc

from genai_fn.schema.limits import apply_limits, bind_limits, read_limits

READ_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "pydantic": (
        pydantic.Field(ge=1, lt=5, multiple_of=2, description="d", title="t", examples=[2]),
        {"ge": 1, "lt": 5, "multiple_of": 2, "description": "d", "title": "t", "examples": [2]},
    ),
    "pydantic's pattern": (pydantic.Field(pattern="a", min_length=1), {"pattern": "a", "min_length": 1}),
    "pydantic's extra": (pydantic.Field(json_schema_extra={"x": 1}), {"extra": {"x": 1}}),
    "StringConstraints": (
        pydantic.StringConstraints(max_length=3, pattern=re.compile("b")),
        {"max_length": 3, "pattern": "b"},
    ),
    "annotated_types": (annotated_types.Interval(gt=0, le=9), {"gt": 0, "le": 9}),
    "Len": (annotated_types.Len(0, 4), {"min_length": 0, "max_length": 4}),
    "Doc": (Doc("d"), {"description": "d"}),
    "msgspec": (msgspec.Meta(tz=True, extra_json_schema={"x": 1}), {"tz": True, "extra": {"x": 1}}),
    "a Decimal": (annotated_types.Ge(Decimal("1.5")), {"ge": 1.5}),
    "no number": (annotated_types.Ge("a"), {}),
    "a class": (annotated_types.Ge, {}),
    "a text": ("ge", {}),
    "infinity": (annotated_types.Lt(float("inf")), {}),
    "infinite Decimal": (annotated_types.Lt(Decimal("Infinity")), {}),
    "Decimal that is no number": (annotated_types.Lt(Decimal("NaN")), {}),
}


@pytest.mark.parametrize(("note", "expected"), READ_CASES.values(), ids=READ_CASES)
def test_read(note: Any, expected: dict[str, Any]) -> None:
    """Metadata of any library is read by its attributes; other metadata is ignored."""
    assert read_limits([note]) == expected


APPLY_CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"type": "integer"}, {"gt": 0, "lt": 10}, {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}),
    ({"type": "integer"}, {"deprecated": True}, {"type": "integer", "deprecated": True}),
    ({"type": "number"}, {"gt": 0, "lt": 1}, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    ({"type": "string"}, {"ge": 0, "max_length": 3}, {"type": "string", "maxLength": 3}),
    ({"type": "string", "format": "date"}, {"max_length": 3}, {"type": "string", "format": "date"}),
    (
        {"type": "string", "contentEncoding": "base64"},
        {"max_length": 4, "pattern": "a"},
        {"type": "string", "contentEncoding": "base64", "maxLength": 8},
    ),
    ({"type": "object"}, {"min_length": 1}, {"type": "object", "minProperties": 1}),
    ({"type": "array"}, {"max_length": 1, "title": "t"}, {"type": "array", "maxItems": 1, "title": "t"}),
    ({"$ref": "#"}, {"ge": 1, "description": "d"}, {"$ref": "#", "description": "d"}),
    (
        {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        {"ge": 1},
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}, {"type": "null"}]},
    ),
]


@pytest.mark.parametrize(("shape", "limits", "expected"), APPLY_CASES)
def test_applied(shape: dict[str, Any], limits: dict[str, Any], expected: dict[str, Any]) -> None:
    """A limit becomes the keyword of its type, and is omitted for other types."""
    assert apply_limits(shape, limits) == expected


def test_checked() -> None:
    """Limits of any library are checked by msgspec, in containers and unions; inapplicable ones are ignored."""
    days = Annotated[int, pydantic.Field(ge=1, le=14)]
    for kind, good, bad in (
        (days, 14, 15),
        (list[days], [1], [0]),
        (days | None, None, 0),
        (Annotated[int | None, annotated_types.Ge(1)], 1, 0),
        (dict[str, days], {"a": 1}, {"a": 0}),
        (Annotated[str, pydantic.Field(pattern="^a", max_length=2)], "ab", "b"),
    ):
        assert msgspec.convert(good, bind_limits(kind)) == good
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(bad, bind_limits(kind))


@pytest.mark.parametrize(
    "kind",
    [int, list[int], int | str, Literal["a"], Annotated[int, "a comment"], Annotated[bool, annotated_types.Ge(1)]],
)
def test_without_limits(kind: Any) -> None:
    """A type without limits that msgspec can check is unchanged, except for its metadata."""
    assert bind_limits(kind) in (kind, int, bool)
