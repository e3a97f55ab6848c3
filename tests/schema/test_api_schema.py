"""Schemas in the API's own dialect: as google-genai 1.51.0 sends them, except for listed differences."""

import enum
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict, Union

import msgspec
import pydantic
import pytest
from google.genai import types
from hypothesis import given, settings

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.schema import GenerateContentConfig, JSONSchema, Schema, Type
from genai_fn.schema.api_schema import to_api_schema
from genai_fn.schema.base import ConversionError
from genai_fn.schema.convert import as_struct
from genai_fn.schema.json_schema import build_json_schema
from genai_fn.testing.strategies import from_type
from tests.support.google_genai.oracle import VERTEX, RefusedCall, capture_request, normalize

XY: Mapping[str, Any] = {"y": {"type": "string"}, "x": {"type": "integer"}}
OBJECT: Mapping[str, Any] = {"type": "object", "properties": XY}
NULL = {"type": "null"}


def encode_ours(given: Any) -> Any:
    """Encode the response_schema of a config."""
    config = as_struct(GenerateContentConfig, {"response_schema": given})
    return msgspec.json.decode(msgspec.json.encode(config)).get("responseSchema")


def capture_theirs(given: Any) -> Any:
    """Return what 1.51.0 sends to Vertex AI, which supports all of it, or its error."""
    config: Any = {"response_schema": deepcopy(given)}
    request = capture_request(
        VERTEX, lambda client: client.models.generate_content(model="m", contents="hi", config=config)
    )
    if isinstance(request, RefusedCall):
        return request
    return normalize(request.body).get("generationConfig", {}).get("responseSchema")


SAME_SCHEMAS: dict[str, Any] = {
    "nothing": {},
    "title": {"title": "T"},
    "a type": {"type": "string"},
    "a type in upper case": {"type": "STRING"},
    "a type of next year": {"type": "wibble"},
    "a type from their enum": {"type": types.Type.STRING},
    "texts": {"type": "string", "enum": ["a", "b"], "format": "enum", "description": "d", "max_length": 2},
    "numbers": {"type": "number", "minimum": 0, "maximum": 0.5, "default": 0},
    "nullable": {"type": "boolean", "nullable": False},
    "an array": {"type": "array", "items": {"type": "integer"}, "minItems": 0, "max_items": 2},
    "an order is added": OBJECT,
    "at every level": {"type": "object", "properties": {"z": OBJECT, "a": {"type": "array", "items": OBJECT}}},
    "within a union": {"anyOf": [OBJECT, {"type": "array", "items": OBJECT}]},
    "not for one": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    "not where given": {**OBJECT, "property_ordering": ["x", "y"]},
    "not where given empty": {**OBJECT, "propertyOrdering": []},
    "not without a type": {"properties": XY},
    "not beside a union": {**OBJECT, "anyOf": [{"type": "string"}, {"type": "integer"}]},
    "names that are words": {"type": "object", "properties": {"any_of": {"type": "string"}, "$ref": {}, "const": {}}},
    "a default that is null": {"type": "object", "properties": {"a": {"type": "string", "default": None}}},
    "values of the user's": {"type": "object", "example": {"a_b": 1}, "default": {"x": None}},
    "null": NULL,
    "null in upper case": {"anyOf": [{"type": "STRING"}, {"type": "NULL"}]},
    "a type or null": {"anyOf": [{"type": "string", "enum": ["a"]}, NULL], "description": "d"},
    "null or a type": {"any_of": [NULL, {"type": "string"}]},
    "two or null": {"anyOf": [{"type": "string"}, {"type": "integer"}, NULL]},
    "one, not null": {"anyOf": [{"type": "string"}]},
    "null alone in a union": {"anyOf": [NULL]},
    "an object or null": {"type": "object", "properties": {"a": {"anyOf": [OBJECT, NULL]}, "b": NULL}},
    "const": {"type": "string", "const": "a"},
    "const or null": {"anyOf": [{"type": "string", "const": "a"}, NULL]},
    "const beside an enum": {"type": "string", "const": "a", "enum": ["a", "b"]},
    "$defs": {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/A"},
            "b": {"type": "array", "items": {"$ref": "#/$defs/A"}},
            "c": {"anyOf": [{"$ref": "#/$defs/A"}, NULL]},
            "d": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]},
        },
        "$defs": {
            "A": {"type": "object", "properties": {**XY, "inner": {"$ref": "#/$defs/B"}}},
            "B": {"type": "string", "const": "b"},
        },
    },
    "$ref at the top": {"$ref": "#/$defs/A", "$defs": {"A": OBJECT}},
    "$defs unused": {"type": "string", "$defs": {"A": {"type": "string"}}},
    "defs of the dialect's own": {"type": "array", "items": {"ref": "#/defs/A"}, "defs": {"A": {"type": "string"}}},
    "closed": {**OBJECT, "additionalProperties": False},
    "open": {"type": "object", "additional_properties": True},
    "a map": {"type": "object", "additional_properties": {"type": "string"}},
    "a map of $ref": {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/A"},
        "$defs": {"A": {"type": "array", "items": {"anyOf": [{"type": "integer"}, NULL]}}},
    },
}


SCHEMA_BUILDERS: dict[str, Callable[[Any], Any]] = {
    "an order is added": lambda lib: lib.Schema(
        type="OBJECT",
        properties={"b": lib.Schema(type="STRING"), "a": lib.Schema(any_of=[lib.Schema(type="NULL")])},
    ),
    "not where given": lambda lib: lib.Schema(type="OBJECT", property_ordering=[]),
    "inside": lambda lib: lib.Schema(
        type="ARRAY", items=lib.Schema(type="OBJECT", properties={"b": lib.Schema(), "a": lib.Schema()})
    ),
    "a map": lambda lib: lib.Schema(type="OBJECT", additional_properties=lib.Schema(type="STRING")),
    "defs": lambda lib: lib.Schema(ref="#/defs/A", defs={"A": lib.Schema(type="STRING", enum=["a"])}),
}


class Colour(enum.Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Dish(pydantic.BaseModel):
    """Something to eat."""

    name: str = pydantic.Field(min_length=1, description="its name")
    price: float | None = None
    colour: Colour


class Menu(pydantic.BaseModel):
    dishes: list[Dish]
    best: Dish | None = None
    main: Dish
    kind: Literal["lunch"] = "lunch"
    other: Dish | str


class Point(msgspec.Struct):
    """A place on a map."""

    x: int
    y: Annotated[float, msgspec.Meta(ge=0, description="upwards")] = 0


class Cat(msgspec.Struct, tag=True):
    name: str


class Dog(msgspec.Struct, tag=True):
    name: str


class Node(msgspec.Struct):
    next: "Node | None" = None


@dataclass
class Trip:
    destination: Point
    colour: Colour
    departure: Annotated[datetime, msgspec.Meta(tz=True)]
    stops: list[Point] = field(default_factory=list[Point])
    note: str | None = None


class Options(TypedDict, total=False):
    a: int


@dataclass
class Circle:
    centre: str


@dataclass
class Square:
    side: int


class Shape(msgspec.Struct):
    shape: Circle | Square


class Unresolvable(msgspec.Struct):
    to: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # on purpose


POINT = {
    "type": "OBJECT",
    "title": "Point",
    "description": "A place on a map.",
    "properties": {
        "x": {"type": "INTEGER"},
        "y": {"type": "NUMBER", "minimum": 0.0, "description": "upwards", "default": 0},
    },
    "propertyOrdering": ["x", "y"],
    "required": ["x"],
}
COLOUR = {"type": "STRING", "enum": ["red", "blue"], "title": "Colour", "description": "A colour."}


def build_tagged_schema(name: str) -> dict[str, Any]:
    return {
        "type": "OBJECT",
        "title": name,
        "properties": {"type": {"type": "STRING", "enum": [name]}, "name": {"type": "STRING"}},
        "propertyOrdering": ["type", "name"],
        "required": ["type", "name"],
    }


PYTHON_TYPES: dict[str, tuple[Any, Any]] = {
    "int": (int, {"type": "INTEGER"}),
    "Struct": (Point, POINT),
    "Optional": (Point | None, {**POINT, "nullable": True}),
    "list": (list[Point], {"type": "ARRAY", "items": POINT}),
    "tuple": (tuple[int, ...], {"type": "ARRAY", "items": {"type": "INTEGER"}}),
    "list of anything": (list, {"type": "ARRAY", "items": {}}),
    "open bounds": (
        Annotated[int, pydantic.Field(gt=0, lt=10)],
        {"type": "INTEGER", "minimum": 1, "maximum": 9},
    ),
    "two lower bounds": (Annotated[int, pydantic.Field(gt=0, ge=5)], {"type": "INTEGER", "minimum": 5}),
    "datetime": (datetime, {"type": "STRING", "format": "date-time"}),
    "datetime without a zone": (Annotated[datetime, msgspec.Meta(tz=False)], {"type": "STRING"}),
    "TypedDict": (
        Options,
        {"type": "OBJECT", "title": "Options", "properties": {"a": {"type": "INTEGER", "title": "A"}}},
    ),
    "enum": (Colour, COLOUR),
    "Literal": (Literal["b", "a"], {"type": "STRING", "enum": ["b", "a"]}),
    "Literal or None": (Literal["a"] | None, {"type": "STRING", "enum": ["a"], "nullable": True}),
    "union": (int | str, {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]}),
    "Union": (Union[int, str, None], {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}], "nullable": True}),  # noqa: UP007  # the old spelling, too
    "tagged union": (Cat | Dog, {"anyOf": [build_tagged_schema("Cat"), build_tagged_schema("Dog")]}),
    "Annotated": (
        Annotated[list[int], msgspec.Meta(max_length=3)],
        {"type": "ARRAY", "items": {"type": "INTEGER"}, "maxItems": 3},
    ),
    "pydantic's Field": (
        list[Annotated[int, pydantic.Field(ge=1, lt=15, description="days")]],
        {"type": "ARRAY", "items": {"type": "INTEGER", "minimum": 1.0, "maximum": 14.0, "description": "days"}},
    ),
    "dataclass": (
        Trip,
        {
            "type": "OBJECT",
            "title": "Trip",
            "properties": {
                "destination": POINT,
                "colour": COLOUR,
                "departure": {"type": "STRING", "format": "date-time", "title": "Departure"},
                "stops": {"type": "ARRAY", "items": POINT, "title": "Stops"},
                "note": {"type": "STRING", "nullable": True, "title": "Note"},
            },
            "propertyOrdering": ["destination", "colour", "departure", "stops", "note"],
            "required": ["destination", "colour", "departure"],
        },
    ),
}


DIFFERENT_SCHEMAS: dict[str, tuple[Any, Any, str]] = {
    "an enum without a type": (
        {"enum": ["a"]},
        {"type": "STRING", "enum": ["a"]},
        "1.51.0 sends no type, and the API refuses an enum that has none",
    ),
    "a const without a type": ({"const": "a"}, {"type": "STRING", "enum": ["a"]}, "1.51.0 refuses it"),
    "null in an enum": (
        {"type": "string", "enum": ["a", None]},
        {"type": "STRING", "enum": ["a"], "nullable": True},
        "1.51.0 refuses it",
    ),
    "only null in an enum": ({"enum": [None]}, {"nullable": True}, "1.51.0 refuses it"),
    "null among the types": (
        {"type": ["string", "null"]},
        {"type": "STRING", "nullable": True},
        "1.51.0 refuses a list of types",
    ),
    "one type in a list": ({"type": ["string"]}, {"type": "STRING"}, "1.51.0 refuses a list of types"),
    "description beside $ref": (
        {
            "type": "array",
            "items": {"$ref": "#/$defs/A", "description": "mine"},
            "$defs": {"A": {"description": "its"}},
        },
        {"type": "ARRAY", "items": {"description": "mine"}},
        "1.51.0 drops the description beside a $ref",
    ),
    "description beside a type or null": (
        {"anyOf": [{"type": "string", "description": "its"}, NULL], "description": "mine"},
        {"type": "STRING", "nullable": True, "description": "mine"},
        "1.51.0 drops the outer description",
    ),
    "unions in a union": (
        {"anyOf": [{"anyOf": [{"type": "string"}, NULL]}, NULL]},
        {"type": "STRING", "nullable": True},
        "1.51.0 stops halfway, at a type that it refuses",
    ),
    "definitions": (
        {"$ref": "#/definitions/A", "definitions": {"A": {"type": "string"}}},
        {"type": "STRING"},
        "1.51.0 refuses the older keyword",
    ),
    "$ref to any place": (
        {"type": "object", "properties": {"a/b": {"type": "string"}, "c": {"$ref": "#/properties/a~1b"}}},
        {
            "type": "OBJECT",
            "properties": {"a/b": {"type": "STRING"}, "c": {"type": "STRING"}},
            "propertyOrdering": ["a/b", "c"],
        },
        "1.51.0 resolves references to $defs only",
    ),
    "$ref in a schema without a type": (
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
        {"properties": {"a": {"type": "STRING"}}},
        "1.51.0 resolves references within objects and arrays only",
    ),
    "keywords without constraints": (
        {"$schema": "s", "$id": "i", "type": "array", "items": {"$comment": "c", "type": "string"}},
        {"type": "ARRAY", "items": {"type": "STRING"}},
        "1.51.0 refuses them",
    ),
    "all null": ({"type": None}, None, "1.51.0 sends an empty schema"),
    "an order within a map": (
        {"type": "object", "additionalProperties": OBJECT},
        {"type": "OBJECT", "additionalProperties": {**OBJECT, "propertyOrdering": ["y", "x"]}},
        "1.51.0 writes property_ordering there, which the API does not read in a value of the caller's own",
    ),
    "Schema inside a mapping": (
        {"type": "array", "items": Schema(type="STRING")},
        {"type": "ARRAY", "items": {"type": "STRING"}},
        "1.51.0 fails",
    ),
    "a type": (list[int], {"type": "ARRAY", "items": {"type": "INTEGER"}}, "1.51.0 adds the title Placeholder"),
}

REFUSED_SCHEMAS: dict[str, tuple[Any, str, Any]] = {
    "allOf": ({"allOf": [{"type": "string"}]}, ".allOf", [{"type": "string"}]),
    "inside": ({"type": "array", "items": {"oneOf": []}}, ".items.oneOf", []),
    "in a property": ({"properties": {"a": {"uniqueItems": True}}}, ".properties.a.uniqueItems", True),
    "in a union": ({"any_of": [{}, {"patternProperties": {}}]}, ".anyOf[1].patternProperties", {}),
    "beside null": ({"anyOf": [NULL, {"items": {"not": {}}}]}, ".anyOf[1].items.not", {}),
    "in a map": ({"additionalProperties": {"minContains": 1}}, ".additionalProperties.minContains", 1),
    "behind $ref": ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"prefixItems": []}}}, ".items.prefixItems", []),
    "$id inside": ({"items": {"$id": "i"}}, ".items.$id", "i"),
    "two spellings": ({"min_items": 1, "minItems": 2}, ".minItems", 2),
    "several types": ({"type": ["string", "integer"]}, ".type", ["string", "integer"]),
    "enum of numbers": ({"type": "integer", "enum": [1, 2]}, ".enum[0]", 1),
    "enum of truths": ({"enum": ["a", True]}, ".enum[1]", True),
    "enum that is a text": ({"enum": "ab"}, ".enum", "ab"),
    "const of a number": ({"type": "integer", "const": 1}, ".const", 1),
    "const of another type": ({"type": "integer", "const": "a"}, ".const", "a"),
    "const null": ({"const": None}, ".const", None),
    "$ref to nothing": ({"items": {"$ref": "#/$defs/A"}}, ".items.$ref", "#/$defs/A"),
    "$ref to elsewhere": ({"$ref": "https://a.test/b"}, ".$ref", "https://a.test/b"),
    "$ref of a number": ({"$ref": 1}, ".$ref", 1),
    "$ref to itself": ({"$ref": "#"}, ".$ref", "#"),
    "recursion": (
        {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"next": {"anyOf": [{"$ref": "#/$defs/A"}, NULL]}}}}},
        ".properties.next.anyOf[0].$ref",
        "#/$defs/A",
    ),
    "two limits": (
        {"items": {"$ref": "#/$defs/A", "maximum": 5}, "$defs": {"A": {"maximum": 9}}},
        ".items.maximum",
        5,
    ),
    "no mapping": ({"items": True}, ".items", True),
    "no schema": ({"properties": {"a": None}}, ".properties.a", None),
    "no properties": ({"properties": ["a"]}, ".properties", ["a"]),
    "no union": ({"anyOf": {}}, ".anyOf", {}),
    "a text": ("string", "", "string"),
    "a list": ([int], "", [int]),
    "a type without JSON": (list[type[int]], "", list[type[int]]),
    "a union that msgspec cannot tell apart": (Shape, "", Shape),
    "a type that does not resolve": (Unresolvable, "", Unresolvable),
}
ALL_SCHEMAS = {name: SAME_SCHEMAS[name] for name in SAME_SCHEMAS} | {
    name: given for name, (given, _, _) in DIFFERENT_SCHEMAS.items()
}


class TestAgreement:
    @pytest.mark.parametrize("given", SAME_SCHEMAS.values(), ids=SAME_SCHEMAS)
    def test_mappings(self, given: Any) -> None:
        """A mapping in any spelling is sent as in google-genai."""
        assert capture_theirs(given) == encode_ours(given)

    @pytest.mark.parametrize("build", SCHEMA_BUILDERS.values(), ids=SCHEMA_BUILDERS)
    def test_typed(self, build: Callable[[Any], Any]) -> None:
        """A Schema is sent as in google-genai, with the property ordering added."""
        assert capture_theirs(build(types)) == encode_ours(build(schema))

    @pytest.mark.parametrize("kind", [Menu, Circle])
    def test_models(self, kind: Any) -> None:
        """A pydantic model and a dataclass are sent as in google-genai."""
        assert capture_theirs(kind) == encode_ours(kind)

    @pytest.mark.parametrize(("given", "expected", "reason"), DIFFERENT_SCHEMAS.values(), ids=DIFFERENT_SCHEMAS)
    def test_differences(self, given: Any, expected: Any, reason: str) -> None:
        """Every difference from google-genai is listed with its reason."""
        assert expected == encode_ours(given)
        assert capture_theirs(given) != encode_ours(given), reason

    @pytest.mark.parametrize("given", ALL_SCHEMAS.values(), ids=ALL_SCHEMAS)
    def test_idempotent(self, given: Any) -> None:
        """Translation is idempotent."""
        translated = to_api_schema(given, Schema)
        assert translated == to_api_schema(translated, Schema)

    @pytest.mark.parametrize("given", ALL_SCHEMAS.values(), ids=ALL_SCHEMAS)
    def test_arguments_are_unchanged(self, given: Any) -> None:
        """Arguments are not changed."""
        original = deepcopy(given)
        encode_ours(given)
        assert original == given


class TestTypes:
    @pytest.mark.parametrize(("kind", "expected"), PYTHON_TYPES.values(), ids=PYTHON_TYPES)
    def test_python_types(self, kind: Any, expected: Any) -> None:
        """A Python type is sent as its schema."""
        assert expected == encode_ours(kind)

    def test_unions_without_tags(self) -> None:
        """Unions that msgspec cannot decode can still be described, at the root and in a list."""
        titles = [each["title"] for each in encode_ours(Circle | Dish)["anyOf"]]
        assert ["Circle", "Dish"] == titles
        assert {"type": "ARRAY", "items": encode_ours(Circle | Square)} == encode_ours(list[Circle | Square])

    def test_models_in_structs(self) -> None:
        """A pydantic model in a field of a Struct is described, with its definitions."""
        json_schema = build_json_schema(msgspec.defstruct("Feast", [("menu", Menu), ("best", Dish | None, None)]))
        assert json_schema["title"] == "Feast"
        assert set(json_schema["$defs"]) == {"Menu", "Dish", "Colour"}
        assert (
            "Dish"
            == encode_ours(msgspec.defstruct("Feast", [("menu", Menu)]))["properties"]["menu"]["properties"]["main"][
                "title"
            ]
        )

    def test_one_name_for_two(self) -> None:
        """Two different definitions with one name are refused."""
        dish = msgspec.defstruct("Dish", [("menu", Menu)])
        with pytest.raises(ConversionError, match="two named Dish"):
            build_json_schema(dish)

    def test_json_schema_is_whole(self) -> None:
        """Plain JSON Schema keeps what the dialect cannot express."""
        expected = {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "title": "Node",
                    "type": "object",
                    "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None}},
                }
            },
        }
        assert expected == build_json_schema(Node)


class TestRefused:
    @pytest.mark.parametrize(("given", "path", "value"), REFUSED_SCHEMAS.values(), ids=REFUSED_SCHEMAS)
    def test_by_path(self, given: Any, path: str, value: Any) -> None:
        """Keywords that the dialect does not have are refused, with path and value."""
        with pytest.raises(InvalidRequest) as raised:
            encode_ours(given)
        assert ("config.response_schema" + path, value) == (raised.value.path, raised.value.value)

    def test_typing_mistakes(self) -> None:
        """For a misspelled keyword, the right one is suggested."""
        with pytest.raises(InvalidRequest, match="such as description"):
            encode_ours({"descripton": "d"})

    def test_exponential_definitions(self) -> None:
        """Definitions that grow exponentially are refused."""
        defs = {f"D{n}": {"anyOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 2} for n in range(40)} | {
            "D40": {"type": "string"}
        }
        with pytest.raises(InvalidRequest, match="a smaller schema"):
            encode_ours({"$ref": "#/$defs/D0", "$defs": defs})

    def test_recursive_mapping(self) -> None:
        """A mapping that contains itself is refused."""
        recursive: dict[str, Any] = {"type": "array"}
        recursive["items"] = recursive
        with pytest.raises(InvalidRequest, match="contain itself"):
            encode_ours(recursive)


class TestValues:
    def test_canonical(self) -> None:
        """A Schema that needs no translation is returned as the same object."""
        canonical = Schema(type=Type.OBJECT, properties={"a": Schema(type=Type.STRING)}, any_of=(Schema(title="t"),))
        assert canonical is to_api_schema(canonical, Schema)

    @pytest.mark.parametrize("given", [None, {}, Schema(), {"$schema": "s"}])
    def test_no_constraints(self, given: Any) -> None:
        """A schema without constraints is None."""
        assert to_api_schema(given, Schema) is None

    def test_json_schema_values(self) -> None:
        """A JSONSchema value is translated like the equal mapping."""
        given = JSONSchema(type=("string", "null"), max_length=2)  # type: ignore[arg-type]  # as msgspec would read it
        assert {"type": "STRING", "nullable": True, "maxLength": 2} == encode_ours(given)


@settings(max_examples=200, deadline=None)
@given(from_type(Schema))
def test_translates_once(given_schema: Schema) -> None:
    """A Schema that was translated needs no translation: another one changes nothing."""
    try:
        translated = to_api_schema(given_schema, Schema)
    except ConversionError:  # the dialect cannot express it
        return
    again = to_api_schema(translated, Schema)
    assert again is translated or again == translated
