"""Function declarations: as google-genai 3.6.1 builds them, except for listed differences."""

import enum
import functools
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest
from annotated_types import MaxLen, doc
from google.genai import types

from genai_fn import Gemini, Vertex, chats, encode, generate, with_config, with_tools
from genai_fn.errors import InvalidRequest
from genai_fn.schema import Behavior, FunctionDeclaration, FunctionResponse, GenerateContentConfig, GoogleSearch, Tool
from genai_fn.schema.convert import as_struct
from tests.support import postponed_annotations

T = TypeVar("T")


class Color(enum.Enum):
    BLUE = "blue"
    RED = "red"


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


def variadic(a: int, *args: int, **kwargs: int) -> None: ...


# As google-genai 3.6.1 declares them


CAPTURED: Any = json.loads(
    (Path(__file__).parents[1] / "cases" / "google_genai_3_6_1" / "declarations.json").read_text(encoding="utf-8")
)
DIFFERENCES = {
    "bytes": "the argument is decoded from base64, so the model has to know that; format binary does not tell it",
    "type[int]": "JSON has no such type; 3.6.1 allows any JSON, and cannot convert it when the function is called",
}
"""Why a function with this annotation is declared differently."""


def define_function(source: str) -> Callable[..., Any]:
    """Define the function of a source text, beside the types that all of them use."""
    module = sys.modules.get("types_of_declarations")
    if module is None:
        module = sys.modules["types_of_declarations"] = ModuleType("types_of_declarations")
        exec(compile(CAPTURED["preamble"]["source"], "types", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # a committed text
    namespace = dict(module.__dict__)
    exec(compile(source, "function", "exec", dont_inherit=True), namespace)  # noqa: S102  # a committed text
    function: Callable[..., Any] = namespace["f"]
    return function


def normalize(declaration: dict[str, Any]) -> dict[str, Any]:
    """Convert the names of fields to camelCase, and drop an empty description, which is none in protobuf."""
    spelled = {
        "parameters_json_schema": "parametersJsonSchema",
        "response_json_schema": "responseJsonSchema",
    }
    return {spelled.get(name, name): each for name, each in declaration.items() if (name, each) != ("description", "")}


def find_differences() -> Iterator[str]:
    """Yield the functions that both libraries declare, and that ours declares differently."""
    for source, declaration in CAPTURED["functions"].items():
        if "error" in declaration:
            continue
        try:
            ours = declare_ours(define_function(source))
        except InvalidRequest:
            yield source
        else:
            if ours != normalize(declaration):
                yield source


def test_same_as_google_genai() -> None:
    """At least 98 % of the functions that 3.6.1 declares are declared equally, and each other one has a reason."""
    declared = [source for source, each in CAPTURED["functions"].items() if "error" not in each]
    different = list(find_differences())
    assert [each for each in different if not any(name in each for name in DIFFERENCES)] == []
    assert len(different) <= 0.02 * len(declared)
    assert all(any(name in each for each in different) for name in DIFFERENCES)


@pytest.mark.parametrize("source", [source for source, each in CAPTURED["functions"].items() if "error" in each])
def test_more_than_google_genai(source: str) -> None:
    """A function that 3.6.1 refuses is declared as an object, or refused with the path."""
    try:
        declaration = declare_ours(define_function(source))
    except InvalidRequest as refused:
        assert refused.path.startswith("callable")
    else:
        assert declaration["parametersJsonSchema"]["type"] == "object"


def declare_ours(function: Callable[..., Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(FunctionDeclaration.from_callable(callable=function)))


def _declare_type(kind: Any) -> Any:
    """Return the schema of a parameter, and the definitions."""

    def function(a: Any) -> None: ...

    function.__annotations__["a"] = kind
    declared = declare_ours(function)["parametersJsonSchema"]
    return declared["properties"]["a"], declared.get("$defs", {})


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
    parameters = declare_ours(ordering)["parametersJsonSchema"]
    assert parameters["$defs"] == {
        "Scale": {"type": "string", "title": "Scale", "enum": ["small", "medium", "large"]},
    }
    assert parameters["properties"]["sizes"] == {"type": "array", "items": {"$ref": "#/$defs/Scale"}}
    fields = parameters["properties"]["order"]["properties"]
    assert list(fields) == ["size", "count", "note", "kind"]
    assert fields == {
        "size": {"$ref": "#/$defs/Scale"},
        "count": {"type": "integer", "title": "Count", "exclusiveMinimum": 0, "maximum": 9, "description": "How many."},
        "note": {"type": "string", "title": "Note", "maxLength": 80, "description": "For the cook.", "default": ""},
        "kind": {"type": "string", "title": "Kind", "enum": ["hot", "cold"], "default": "hot"},
    }


@attrs.define
class Parcel:
    weight: float
    tags: list[str] = attrs.field(factory=list)


class Options(TypedDict):
    name: str
    many: NotRequired[int]


class Pair(NamedTuple):
    number: int
    name: str = "x"


@dataclass
class Box(Generic[T]):
    content: T


class Odd(enum.Enum):
    A = "a"
    ONE = 1


FIELD_OF_POINT = {"type": "number", "title": "X"}
DESCRIBED: list[tuple[Any, Any]] = [
    (Parcel, {"type": "object", "title": "Parcel", "required": ["weight"]}),
    (Options, {"type": "object", "title": "Options", "required": ["name"]}),
    (Box[int], {"type": "object", "title": "Box", "properties": {"content": {"type": "integer", "title": "Content"}}}),
    (Pair, {"type": "array", "minItems": 1, "maxItems": 2, "unevaluatedItems": False}),
    (Spot, {"type": "object", "title": "Spot", "description": "A place.", "properties": {"x": {"type": "integer"}}}),
    (Odd, {"title": "Odd", "enum": ["a", 1]}),
    (Literal[Color.RED], {"const": "red", "type": "string"}),
    (list, {"type": "array", "items": {}}),
    (Iterable, {"type": "array", "items": {}}),
    (list[Sequence[int] | list[int]], {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
    (dict, {"type": "object", "additionalProperties": True}),
    (Path, {"type": "string", "format": "path"}),
    (pydantic.HttpUrl, {"type": "string", "format": "uri"}),
    (pydantic.AwareDatetime, {"type": "string", "format": "date-time"}),
    (datetime, {"type": "string", "format": "date-time"}),
    (Decimal, {"anyOf": [{"type": "number"}, {"type": "string"}]}),
    (bytes, {"type": "string", "contentEncoding": "base64"}),
    (Annotated[Point | None, pydantic.Field(description="d")], {"description": "d"}),
]


@pytest.mark.parametrize(("kind", "expected"), DESCRIBED, ids=[str(each[0]) for each in DESCRIBED])
def test_described(kind: Any, expected: dict[str, Any]) -> None:
    """Each type has a schema with these keywords."""
    schema, _ = _declare_type(kind)
    assert {keyword: schema.get(keyword) for keyword in expected} == expected


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog", "wolf"]


def test_discriminated() -> None:
    """A union with a discriminator says which class belongs to which value; None stands beside it."""
    union = {
        "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog", "wolf": "#/$defs/Dog"},
        },
    }
    assert _declare_type(Annotated[Cat | Dog, pydantic.Field(discriminator="kind")])[0] == union
    described, _ = _declare_type(Annotated[Cat | Dog | None, pydantic.Field(discriminator="kind")])
    assert described == {"anyOf": [union, {"type": "null"}]}


UNDESCRIBED: list[tuple[Any, str]] = [
    (Annotated[int, pydantic.Field(discriminator="kind")], "a union of classes"),
    (Annotated[Cat | Place, pydantic.Field(discriminator="kind")], "a union of classes"),
    (Literal[()], "with members"),
    (enum.Enum("Nothing", {}), "with members"),
    (enum.Enum("Opaque", {"A": object()}), "a text, a number"),
    (dict[tuple[int, int], int], "key of a mapping"),
    (Callable[[int], int], "Callable has no JSON equivalent"),
    (5, "not supported"),
]


@pytest.mark.parametrize(("kind", "why"), UNDESCRIBED, ids=[str(each[0]) for each in UNDESCRIBED])
def test_undescribed(kind: Any, why: str) -> None:
    """A type that no JSON of a model can become is refused, with the reason."""
    with pytest.raises(InvalidRequest, match=why) as refused:
        _declare_type(kind)
    assert refused.value.path == "callable.function.a"


def test_two_classes_of_one_name() -> None:
    """Two classes with one name have two definitions."""
    other = msgspec.defstruct("Spot", [("y", str)], module="elsewhere")

    def feed(of: list[Spot], others: list[other]) -> None: ...  # type: ignore[valid-type]  # made on the spot

    defs = declare_ours(feed)["parametersJsonSchema"]["$defs"]
    assert {name: list(each["properties"]) for name, each in defs.items()} == {"Spot": ["x"], "elsewhere.Spot": ["y"]}


def test_result() -> None:
    """The result is described if JSON has its type, and if it is not a `FunctionResponse`, which is sent as it is."""

    def tuples(a: int) -> tuple[int, str]: ...

    def own_types(a: int) -> FunctionResponse: ...

    def strange(a: int) -> Iterator[int]: ...

    def unknown(a: int) -> "Nowhere": ...  # type: ignore[name-defined]  # noqa: F821  # the mistake is the test

    prefix = [{"type": "integer"}, {"type": "string"}]
    assert declare_ours(tuples)["responseJsonSchema"] == {
        "type": "array",
        "prefixItems": prefix,
        "minItems": 2,
        "maxItems": 2,
        "unevaluatedItems": False,
    }
    assert not any("responseJsonSchema" in declare_ours(each) for each in (own_types, strange, unknown, nothing))


def test_one_name_for_two() -> None:
    """Two different definitions with one name are refused."""

    def feed(of: dict[str, Tree], other: list[msgspec.defstruct("Tree", ["name"])]) -> None: ...  # type: ignore[misc]  # made on the spot

    with pytest.raises(InvalidRequest, match="two named Tree"):
        FunctionDeclaration.from_callable(callable=feed)


class Caller:
    """Calls."""

    def __call__(self, a: int) -> None: ...


def test_objects() -> None:
    """A callable object has the name of its class."""
    assert declare_ours(Caller()) == {
        "name": "Caller",
        "description": "Calls.",
        "parametersJsonSchema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        "responseJsonSchema": {"type": "null"},
    }


def test_partial() -> None:
    """Parameters bound by a partial are omitted."""
    partial = functools.partial(functools.partial(scalars, "a"), b=1, c=0.5, e="y", f=1, g=0.5, h=True)
    assert declare_ours(partial) == {
        "name": "scalars",
        "description": "Take a text, and more.\n\nIn two paragraphs.",
        "parametersJsonSchema": {"type": "object", "properties": {"d": {"type": "boolean"}}, "required": ["d"]},
        "responseJsonSchema": {"type": "string"},
    }


@functools.wraps(scalars)
def wrap_scalars(*args: Any, **kwargs: Any) -> Any: ...


def test_wrapped() -> None:
    """A decorated function is declared as the one it wraps."""
    assert declare_ours(wrap_scalars) == declare_ours(scalars)


def test_postponed() -> None:
    """Annotations may be texts, and the return type does not need to resolve; 3.6.1 needs it."""
    assert declare_ours(postponed_annotations.later)["parametersJsonSchema"]["properties"] == {
        "a": {"type": "integer"},
        "b": {"type": "array", "items": {"type": "string"}},
        "c": {"anyOf": [{"const": "x", "type": "string"}, {"type": "null"}], "default": None},
    }


@dataclass
class Broken:
    """Its annotation names something that the module does not have."""

    moment: "datetime.Missing"  # type: ignore[name-defined]  # the mistake under test


@pytest.mark.parametrize("annotation", ["datetime.Missing", "1 / 0", "1 +", "", Broken])
def test_broken_annotation(annotation: Any) -> None:
    """An annotation that raises anything when it is resolved is refused, or omitted for the result."""

    def guess(a: int, b: Any) -> None: ...

    guess.__annotations__["return"] = annotation
    assert "responseJsonSchema" not in declare_ours(guess)
    guess.__annotations__["b"] = annotation
    with pytest.raises(InvalidRequest, match=r"guess\.b"):
        declare_ours(guess)


@pytest.mark.parametrize(
    "default", [object(), float("nan"), print, {1: object()}], ids=["object", "nan", "function", "mapping"]
)
def test_default_without_json(default: Any) -> None:
    """A default that is not JSON makes a parameter optional, and is omitted."""

    def sentinel(a: int = default) -> None: ...

    parameters = declare_ours(sentinel)["parametersJsonSchema"]
    assert parameters == {"type": "object", "properties": {"a": {"type": "integer"}}, "required": []}


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (Color.RED, "red"),
        (Place(name="a"), {"name": "a", "zip_code": "0"}),
        (Point(1.0), {"x": 1.0, "y": 0.0}),
        (date(2030, 1, 2), "2030-01-02"),
        ({1}, [1]),
        (Path("a"), "a"),
        (None, None),
    ],
    ids=repr,
)
def test_default(default: Any, expected: Any) -> None:
    """A default is included as JSON, where 3.6.1 fails for most of these."""

    def function(a: Any = default) -> None: ...

    assert declare_ours(function)["parametersJsonSchema"]["properties"]["a"] == {"default": expected}


def _unannotated(a) -> None: ...  # type: ignore[no-untyped-def]  # the mistake is the test


def _unknown_type(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821  # the mistake is the test


def _empty_annotation(a: "") -> None: ...  # type: ignore[valid-type]  # noqa: F722  # the mistake is the test


def _complex_number(a: type[int]) -> None: ...


@pytest.mark.parametrize(
    ("function", "path"),
    [
        (_unannotated, "callable._unannotated.a"),
        (_unknown_type, "callable._unknown_type.a"),
        (_empty_annotation, "callable._empty_annotation.a"),
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


@pytest.mark.parametrize("backend_value", [Gemini("test-key"), Vertex("p", "us-central1")], ids=["gemini", "vertex"])
def test_sent(backend_value: Any) -> None:
    """Functions are sent in one tool, with the same declarations on both backends."""
    body = (
        encode(generate("m", "a") | with_tools(variadic, scalars, GoogleSearch(), nothing), backend_value).unwrap().body
    )
    assert json.loads(body)["tools"] == [
        {"googleSearch": {}},
        {"functionDeclarations": [declare_ours(variadic), declare_ours(scalars), declare_ours(nothing)]},
    ]


def test_refused_unless_called() -> None:
    """A function in the config of a ``generate`` request is refused, as google-genai would call it, unless disabled."""
    only = {"automatic_function_calling": {"disable": True}}
    for build in (
        lambda config: generate("m", "a", config),
        lambda config: generate("m", "a") | with_config(config),
        lambda config: generate("m", "a") | with_config(**config),
        lambda config: chats.start("m", config),
    ):
        with pytest.raises(InvalidRequest, match=r"calling\(…\).* or with_tools") as refused:
            build({"tools": [GoogleSearch(), scalars]})
        assert refused.value.path == "config.tools[1]"
        assert build({"tools": [scalars], **only})
    assert generate("m", "a", {"tools": [FunctionDeclaration.from_callable(callable=scalars)]})


@pytest.mark.parametrize("make", (tuple, deque, iter, set), ids=lambda make: make.__name__)
def test_refused_in_any_iterable(make: Callable[[Any], Any]) -> None:
    """A function is refused in every kind of iterable that is accepted for the tools."""
    for build in (
        lambda tools: generate("m", "a", {"tools": tools}),
        lambda tools: generate("m", "a") | with_config({"tools": tools}),
        lambda tools: generate("m", "a") | with_config(tools=tools),
    ):
        with pytest.raises(InvalidRequest) as refused:
            build(make([scalars]))
        assert refused.value.path == "config.tools[0]"


def test_refused_in_tools() -> None:
    """A function that cannot be declared is refused, with its path."""
    with pytest.raises(InvalidRequest) as raised:
        as_struct(GenerateContentConfig, {"tools": [nothing, _complex_number]})
    assert raised.value.path == "config.tools[1]._complex_number.a"


def test_type_for_tool() -> None:
    """A class in place of a tool is refused: it was probably not instantiated."""
    with pytest.raises(InvalidRequest):
        as_struct(GenerateContentConfig, {"tools": [types.GoogleSearch]})
