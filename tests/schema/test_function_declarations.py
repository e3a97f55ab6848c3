"""Function declarations: as google-genai 1.51.0 builds them, except for listed differences."""

import enum
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypeAlias
from uuid import UUID

import msgspec
import pydantic
import pytest
from annotated_types import MaxLen, doc
from google.genai import types

from genai_fn import Gemini, Vertex, encode, generate
from genai_fn.errors import InvalidRequest
from genai_fn.schema import Behavior, FunctionDeclaration, GenerateContentConfig, Schema, Tool
from genai_fn.schema.convert import as_struct
from genai_fn.schema.docstrings import parse_parameter_descriptions
from tests.support import postponed_annotations
from tests.support.google_genai.oracle import GEMINI, VERTEX, SentRequest, capture_request, normalize


class Color(enum.Enum):
    BLUE = "blue"
    RED = "red"


class Size(enum.StrEnum):
    S = "s"
    L = "l"


class Count(enum.IntEnum):
    TWO = 2
    ONE = 1


class Pair(NamedTuple):
    number: int
    name: str


class Tree(pydantic.BaseModel):
    name: str
    trees: "list[Tree]" = []


class Place(pydantic.BaseModel):
    name: str
    zip_code: str = "0"


@dataclass
class Point:
    x: float
    y: float = 0.0


class Spot(msgspec.Struct):
    """A place."""

    x: int


def nothing() -> None: ...


def scalars(a: str, b: int, c: float, d: bool, e: str = "x", f: int = 0, g: float = 0.5, h: bool = False) -> str:
    """Take a text, and more.

    In two paragraphs.
    """
    return f"{a}{b}{c}{d}{e}{f}{g}{h}"


def optional(a: Optional[int] = None, b: int | None = None, c: str | None = "x") -> None: ...  # noqa: UP045  # older code has it


def lists(a: list[str], b: list[int] | None = None, c: list[list[float]] = []) -> None: ...  # noqa: B006  # never called


def bare(a: list, b: dict) -> None: ...  # type: ignore[type-arg]  # people write so


def words(a: Literal["x", "y"], b: Literal["x", "y"] = "x") -> None: ...


def colors(a: Color, b: Size, c: Color = Color.RED) -> None: ...


def palette(a: list[Color]) -> None: ...


def either(a: int | str) -> None: ...


def annotated(a: Annotated[int, "how many"]) -> None: ...


def variadic(a: int, *args: int, **kwargs: int) -> None: ...


async def wait(a: int) -> None: ...


class Lamp:
    def turn(self, *, on: bool) -> None:
        """Turn it."""


def docs(city: str) -> str:
    """Tell the weather.

    Args:
        city: Where.
    """
    return city


def backwards(a: Literal["y", "x"]) -> None: ...


Days: TypeAlias = Annotated[int, pydantic.Field(ge=1, le=14, description="How many days.")]


def limits(
    days: Days, when: datetime, name: Annotated[str, pydantic.StringConstraints(pattern="^[a-z]+$")]
) -> None: ...


def place(where: Place) -> None: ...


def counts(of: dict[str, int]) -> None: ...


def anything(a: Any = None) -> None: ...


def unset(a: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013  # people write so


def nullable(a: int | None) -> None: ...


SAME_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    *(nothing, scalars, optional, lists, bare, words, colors, annotated, variadic, wait, backwards, limits),
    Lamp().turn,
)


def declare_theirs(function: Callable[..., Any]) -> Any:
    declaration = types.FunctionDeclaration.from_callable_with_api_option(callable=function, api_option="GEMINI_API")
    return declaration.model_dump(mode="json", exclude_none=True, by_alias=True)


def declare_ours(function: Callable[..., Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(FunctionDeclaration.from_callable(callable=function)))


@pytest.mark.parametrize("function", SAME_FUNCTIONS, ids=lambda function: function.__name__)
def test_same(function: Callable[..., Any]) -> None:
    """A function is declared as in google-genai."""
    assert declare_ours(function) == declare_theirs(function)


DIFFERENT_FUNCTIONS: dict[Callable[..., Any], tuple[str, Any]] = {
    docs: (
        "the description of a parameter in the docstring is included",
        {"city": {"type": "STRING", "description": "Where."}},
    ),
    either: (
        "a union has no type of its own; 1.51.0 adds OBJECT, which is not one of its members",
        {"a": {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]}},
    ),
    place: (
        "as in response_schema, titles and defaults are kept, and a field with a default is not required",
        {
            "where": {
                "type": "OBJECT",
                "title": "Place",
                "properties": {
                    "name": {"type": "STRING", "title": "Name"},
                    "zip_code": {"type": "STRING", "title": "Zip Code", "default": "0"},
                },
                "propertyOrdering": ["name", "zip_code"],
                "required": ["name"],
            }
        },
    ),
    anything: ("a default of None makes a parameter optional", {"a": {"nullable": True}}),
    unset: ("a default of None makes a parameter optional", {"a": {"type": "INTEGER", "nullable": True}}),
    nullable: ("a parameter without a default is required", {"a": {"type": "INTEGER", "nullable": True}}),
    palette: (
        "as in response_schema, titles are kept",
        {"a": {"type": "ARRAY", "items": {"type": "STRING", "title": "Color", "enum": ["blue", "red"]}}},
    ),
}


@pytest.mark.parametrize("function", DIFFERENT_FUNCTIONS, ids=lambda function: function.__name__)
def test_different(function: Callable[..., Any]) -> None:
    """Every difference from google-genai is listed."""
    reason, properties = DIFFERENT_FUNCTIONS[function]
    assert reason
    assert declare_ours(function)["parameters"]["properties"] == properties
    assert declare_ours(function) != declare_theirs(function)


class Scale(enum.Enum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass
class Order:
    size: Scale
    count: Annotated[int, pydantic.Field(gt=0, le=9, description="How many.")]
    note: Annotated[str, doc("For the cook."), MaxLen(80)] = ""
    kind: Literal["hot", "cold"] = "hot"


def ordering(order: Order, sizes: list[Scale]) -> None: ...


def test_order_and_limits_inside() -> None:
    """Classes keep the order of their members, and limits and descriptions of any library are included."""
    sizes = {"type": "STRING", "title": "Scale", "enum": ["small", "medium", "large"]}
    properties = declare_ours(ordering)["parameters"]["properties"]
    assert properties["sizes"] == {"type": "ARRAY", "items": sizes}
    assert properties["order"]["properties"] == {
        "size": sizes,
        "count": {"type": "INTEGER", "minimum": 1.0, "maximum": 9.0, "description": "How many."},
        "note": {"type": "STRING", "maxLength": 80, "description": "For the cook.", "default": ""},
        "kind": {"type": "STRING", "enum": ["hot", "cold"], "default": "hot"},
    }


def texts(a: set[str]) -> None: ...


def data(a: bytes) -> None: ...


def numbers(a: Literal[2, 1]) -> None: ...


def number(a: Count) -> None: ...


def both(a: tuple[int, str]) -> None: ...


def pair(a: Pair) -> None: ...


def nested(a: Tree) -> None: ...


def above(a: Annotated[float, pydantic.Field(gt=0)]) -> None: ...


def times(a: date, b: UUID, c: Decimal, d: timedelta) -> None: ...


COUNT = {"type": "integer", "title": "Count", "enum": [2, 1]}
TREE = {
    "type": "object",
    "title": "Tree",
    "properties": {
        "name": {"type": "string", "title": "Name"},
        "trees": {"type": "array", "title": "Trees", "items": {"$ref": "#/$defs/Tree"}, "default": []},
    },
    "required": ["name"],
}
PREFIX = [{"type": "integer"}, {"type": "string"}]
JSON_SCHEMA_FUNCTIONS: dict[Callable[..., Any], tuple[str, dict[str, Any], dict[str, Any]]] = {
    counts: (
        "1.51.0 drops the type of a mapping's values",
        {"of": {"type": "object", "additionalProperties": {"type": "integer"}}},
        {},
    ),
    texts: (
        "1.51.0 drops uniqueItems",
        {"a": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}},
        {},
    ),
    data: (
        "1.51.0 sends a format that the service refuses",
        {"a": {"type": "string", "contentEncoding": "base64"}},
        {},
    ),
    numbers: (
        "1.51.0 sends numbers in an enum, which must contain strings",
        {"a": {"type": "integer", "enum": [2, 1]}},
        {},
    ),
    number: (
        "1.51.0 sends numbers in an enum, which must contain strings",
        {"a": {"$ref": "#/$defs/Count"}},
        {"Count": COUNT},
    ),
    both: (
        "1.51.0 sends the properties without the object around them",
        {"a": {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": PREFIX, "items": False}},
        {},
    ),
    pair: (
        "1.51.0 sends the properties without the object around them",
        {"a": {"$ref": "#/$defs/Pair"}},
        {"Pair": {"type": "array", "title": "Pair", "minItems": 2, "maxItems": 2, "prefixItems": PREFIX}},
    ),
    nested: ("1.51.0 fails in its own code", {"a": {"$ref": "#/$defs/Tree"}}, {"Tree": TREE}),
    above: ("1.51.0 refuses it", {"a": {"type": "number", "exclusiveMinimum": 0}}, {}),
    times: (
        "1.51.0 sends formats that the service refuses",
        {
            "a": {"type": "string", "format": "date"},
            "b": {"type": "string", "format": "uuid"},
            "c": {"type": "string", "format": "decimal"},
            "d": {"type": "string", "format": "duration"},
        },
        {},
    ),
}


@pytest.mark.filterwarnings(
    "ignore:Pydantic serializer warnings"
)  # caused by google-genai's numbers in an enum of strings
@pytest.mark.parametrize("function", JSON_SCHEMA_FUNCTIONS, ids=lambda function: function.__name__)
def test_plain(function: Callable[..., Any]) -> None:
    """If a Schema cannot express one parameter, all are described in JSON Schema."""
    reason, properties, defs = JSON_SCHEMA_FUNCTIONS[function]
    expected = {"type": "object", "properties": properties, "required": list(properties)}
    expected |= {"$defs": defs} if defs else {}
    assert declare_ours(function) == {"name": function.__name__, "parametersJsonSchema": expected}
    try:
        theirs = declare_theirs(function)
    except (ValueError, RecursionError):
        theirs = None
    assert theirs != declare_ours(function), reason


def test_plain_beside() -> None:
    """JSON Schema includes defaults, None and descriptions; a ``$ref`` has no siblings."""

    def rate(
        scores: dict[str, int] | None = None, size: Scale = Scale.SMALL, other: Scale = None, any: Any = None
    ) -> None:  # type: ignore[assignment]  # people write so
        """Rate.

        Args:
            scores: By name.
            size: Of the plate.
        """

    assert declare_ours(rate)["parametersJsonSchema"] == {
        "type": "object",
        "properties": {
            "scores": {
                "anyOf": [{"type": "object", "additionalProperties": {"type": "integer"}}, {"type": "null"}],
                "description": "By name.",
            },
            "size": {"anyOf": [{"$ref": "#/$defs/Scale"}], "description": "Of the plate.", "default": "small"},
            "other": {"anyOf": [{"$ref": "#/$defs/Scale"}, {"type": "null"}]},
            "any": {},
        },
        "required": [],
        "$defs": {"Scale": {"type": "string", "title": "Scale", "enum": ["small", "medium", "large"]}},
    }


def test_one_name_for_two() -> None:
    """Two different definitions with one name are refused."""

    def feed(of: dict[str, Tree], other: list[msgspec.defstruct("Tree", ["name"])]) -> None: ...  # type: ignore[misc]  # made on the spot

    with pytest.raises(InvalidRequest, match="two named Tree"):
        FunctionDeclaration.from_callable(callable=feed)


def test_required() -> None:
    """Parameters without a default are required."""
    assert declare_ours(nullable)["parameters"]["required"] == ["a"]
    assert declare_ours(unset)["parameters"]["required"] == declare_ours(anything)["parameters"]["required"] == []


def own_types(point: Point, spots: list[Spot], near: Point = Point(1.0)) -> None: ...  # noqa: B008  # never called


def test_own_types() -> None:
    """Dataclasses and Structs are described, also as defaults; 1.51.0 refuses them."""
    point = {"type": "OBJECT", "title": "Point", "propertyOrdering": ["x", "y"], "required": ["x"]}
    point |= {"properties": {"x": {"type": "NUMBER"}, "y": {"type": "NUMBER", "default": 0.0}}}
    spot = {"type": "OBJECT", "title": "Spot", "description": "A place.", "required": ["x"]}
    spot |= {"properties": {"x": {"type": "INTEGER"}}}
    assert declare_ours(own_types)["parameters"] == {
        "type": "OBJECT",
        "properties": {
            "point": point,
            "spots": {"type": "ARRAY", "items": spot},
            "near": {**point, "default": {"x": 1.0, "y": 0.0}},
        },
        "required": ["point", "spots"],
    }


class Caller:
    """Calls."""

    def __call__(self, a: int) -> None: ...


def test_objects() -> None:
    """A callable object has the name of its class; 1.51.0 refuses it."""
    assert declare_ours(Caller()) == {
        "name": "Caller",
        "description": "Calls.",
        "parameters": {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}, "required": ["a"]},
    }


def test_partial() -> None:
    """Parameters bound by a partial are omitted; 1.51.0 refuses partials."""
    partial = functools.partial(functools.partial(scalars, "a"), b=1, c=0.5, e="y", f=1, g=0.5, h=True)
    assert declare_ours(partial) == {
        "name": "scalars",
        "description": "Take a text, and more.\n\nIn two paragraphs.",
        "parameters": {"type": "OBJECT", "properties": {"d": {"type": "BOOLEAN"}}, "required": ["d"]},
    }


@functools.wraps(scalars)
def wrap_scalars(*args: Any, **kwargs: Any) -> Any: ...


def test_wrapped() -> None:
    """A decorated function is declared as the one it wraps."""
    assert declare_ours(wrap_scalars) == declare_ours(scalars)


def test_postponed() -> None:
    """Annotations may be texts, and the return type is not needed; 1.51.0 needs it on both backends."""
    parameters = declare_ours(postponed_annotations.later)["parameters"]
    assert parameters["properties"] == {
        "a": {"type": "INTEGER"},
        "b": {"type": "ARRAY", "items": {"type": "STRING"}},
        "c": {"type": "STRING", "enum": ["x"], "nullable": True},
    }


def test_default_without_json() -> None:
    """A default that is not JSON makes a parameter optional, and is omitted."""

    def sentinel(a: int = object()) -> None: ...  # type: ignore[assignment]  # people write so

    assert declare_ours(sentinel)["parameters"] == {
        "type": "OBJECT",
        "properties": {"a": {"type": "INTEGER"}},
        "required": [],
    }


def _unannotated(a) -> None: ...  # type: ignore[no-untyped-def]  # the mistake is the test


def _positional(a: int, /) -> None: ...


def _unknown_type(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821  # the mistake is the test


def _complex_number(a: complex) -> None: ...


@pytest.mark.parametrize(
    ("function", "path"),
    [
        (_unannotated, "callable._unannotated.a"),
        (_positional, "callable._positional.a"),
        (_unknown_type, "callable._unknown_type.a"),
        (_complex_number, "callable._complex_number.a"),
        (lambda a: a, "callable"),
        (max, "callable.max"),
        (5, "callable"),
        (Place, "callable"),
    ],
)
def test_refused(function: Any, path: str) -> None:
    """A type without a JSON equivalent is refused, with the path of the parameter."""
    with pytest.raises(InvalidRequest) as raised:
        FunctionDeclaration.from_callable(callable=function)
    assert raised.value.path == path


def test_behavior() -> None:
    """`behavior` is set in the declaration."""
    declaration = FunctionDeclaration.from_callable(callable=nothing, behavior=Behavior.NON_BLOCKING)
    assert declaration == FunctionDeclaration(name="nothing", behavior=Behavior.NON_BLOCKING)


def test_in_tools() -> None:
    """A function is accepted as a tool and as a declaration."""
    declaration = FunctionDeclaration.from_callable(callable=scalars)
    tool = Tool(function_declarations=(declaration,))
    config = as_struct(GenerateContentConfig, {"tools": [scalars, {"functionDeclarations": [scalars]}]})
    assert config.tools == (tool, tool)


@pytest.mark.parametrize("backend", [GEMINI, VERTEX], ids=["gemini", "vertex"])
def test_sent(backend: Any) -> None:
    """Functions are sent in one tool, as in google-genai, but without the response schemas of 1.51.0 on Vertex AI."""
    tools: list[Any] = [variadic, scalars, {"google_search": {}}, lists]
    theirs = capture_request(
        backend, lambda client: client.models.generate_content(model="m", contents="a", config={"tools": tools})
    )
    assert isinstance(theirs, SentRequest)
    backend_value = Vertex(project="p", location="us-central1") if "vertexai" in backend else Gemini("test-key")
    body = encode(generate("m", "a", {"tools": tools}), backend_value).unwrap().body
    expected = normalize(theirs.body)["tools"]
    response_schemas = [each.pop("response") for each in expected[-1]["functionDeclarations"] if "response" in each]
    assert json.loads(body)["tools"] == expected
    assert response_schemas == (
        [{"type": "NULL"}, {"type": "STRING"}, {"type": "NULL"}] if "vertexai" in backend else []
    )


def test_refused_in_tools() -> None:
    """A function that cannot be declared is refused, with its path."""
    with pytest.raises(InvalidRequest) as raised:
        as_struct(GenerateContentConfig, {"tools": [nothing, _complex_number]})
    assert raised.value.path == "config.tools[1]._complex_number.a"


def test_type_for_tool() -> None:
    """A class in place of a tool is refused: it was probably not instantiated."""
    with pytest.raises(InvalidRequest):
        as_struct(GenerateContentConfig, {"tools": [types.GoogleSearch]})


GOOGLE = """Look up.

Args:
    city: Where,
        in English: a name.

        Of a town.
    days (int, optional): How long.
    *rest: All else.
    silent:

Returns:
    other: nothing.
"""
NUMPY = """Look up.

Parameters
----------
city : str
    Where,
    in English.
days, hours : int, optional
    How long.
silent

Returns
-------
other
    Nothing.
"""
SPHINX = """Look up.

:param city: Where,
    in English.
:param int days: How long.
:type days: int
:returns: nothing
"""


@pytest.mark.parametrize(
    ("doc", "descriptions"),
    [
        (GOOGLE, {"city": "Where, in English: a name. Of a town.", "days": "How long.", "rest": "All else."}),
        (NUMPY, {"city": "Where, in English.", "days": "How long.", "hours": "How long."}),
        (SPHINX, {"city": "Where, in English.", "days": "How long."}),
        ("Look up.", {}),
        ("", {}),
        ("Args:", {}),
        ("Parameters\n----------\n", {}),
    ],
)
def test_docstrings(doc: str, descriptions: dict[str, str]) -> None:
    """Descriptions of parameters are read from docstrings of all three styles."""
    assert parse_parameter_descriptions(doc) == descriptions


def test_plain_round_trip() -> None:
    """The parameters of a declaration convert to plain JSON Schema and back."""
    parameters = FunctionDeclaration.from_callable(callable=scalars).parameters
    assert isinstance(parameters, Schema)
    assert Schema.from_json_schema(json_schema=parameters.json_schema).properties == parameters.properties
