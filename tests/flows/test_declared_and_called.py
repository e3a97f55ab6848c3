"""Functions accept every value that their declaration allows."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path, PurePath
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import Offline, generate
from genai_fn.flows.calling.invoke import convert_arguments
from genai_fn.modifiers import calling
from genai_fn.schema import FunctionCall, FunctionDeclaration
from genai_fn.schema.base import ConversionError
from genai_fn.testing.strategies.values.json_schema import schema_values

T = TypeVar("T")


class Scale(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Grade(enum.IntEnum):
    TWO = 2
    ONE = 1


class Odd(enum.Enum):
    A = "a"
    ONE = 1
    HALF = 0.5


@dataclass
class Box(Generic[T]):
    content: T


class Pair(NamedTuple):
    number: int
    name: str = ""


class Folder(msgspec.Struct):
    name: str
    folders: list["Folder"] = []


class Tree(pydantic.BaseModel):
    label: Annotated[str, pydantic.Field(min_length=1)]
    bounded: int = pydantic.Field(gt=0, lt=100)
    trees: "list[Tree]" = []


class Options(TypedDict):
    scale: Scale
    many: NotRequired[set[int]]


@dataclass
class Order:
    days: Annotated[int, pydantic.Field(ge=1, le=14)]
    prices: dict[str, float] = field(default_factory=dict[str, float])


KINDS: list[Any] = [
    *(int, float, str, bool, bytes, date, datetime, time, timedelta, UUID, Scale, Grade, Pair, Folder, Tree),
    *(Options, Order, dict[str, int], dict[str, list[Scale]], set[str], frozenset[int], tuple[int, str], list[Grade]),
    *(Literal["b", "a"], Literal[2, 1], Literal["a", 1] | None, Order | None, int | str, list[Folder] | None),
    *(Annotated[int, pydantic.Field(ge=1, le=14)], Annotated[float, pydantic.Field(gt=0, lt=1)]),
    *(Annotated[list[int], msgspec.Meta(max_length=2)], Annotated[str, pydantic.StringConstraints(max_length=3)]),
    *(Annotated[datetime, msgspec.Meta(tz=True)], dict[str, Any], list[Any], list, dict),
    *(
        Odd,
        list[Odd] | None,
        dict[str, Literal[Scale.LARGE] | None],
        tuple[Order | Options, Odd],
        Iterable[int],
        Iterable,
    ),
    *(Path, list[Path], PurePath, Box[int], list[Box[str]]),
]


def make_function(kind: Any, default: Any = ...) -> Callable[..., Any]:
    """Make a function with one parameter."""

    def function(a: Any = default) -> None:
        """Return the argument."""

    function.__annotations__["a"] = kind
    if default is ...:
        function.__defaults__ = None
    return function


def get_parameter_schema(function: Callable[..., Any]) -> Any:
    """Return the parameter schema of a declaration."""
    return FunctionDeclaration.from_callable(callable=function).parameters_json_schema


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(data=st.data())
@settings(max_examples=8)
def test_fits(kind: Any, data: st.DataObject) -> None:
    """A value that matches the declaration converts to the annotation, and None if it is the default."""
    for function in (make_function(kind), make_function(kind, None)):
        args = data.draw(schema_values(get_parameter_schema(function)))
        found = convert_arguments(function, FunctionCall(name="function", args=args))
        assert found.keys() == args.keys()


VALUES: list[tuple[Any, Any, Any]] = [
    (dict[str, int], {"a": 1.0}, {"a": 1}),
    (set[str], ["a", "b"], {"a", "b"}),
    (bytes, "AAEC", b"\x00\x01\x02"),
    (Grade, 2.0, Grade.TWO),
    (Scale, "large", Scale.LARGE),
    (Literal[2, 1], 1.0, 1),
    (tuple[int, str], [1.0, "a"], (1, "a")),
    (Pair, [1, "a"], Pair(1, "a")),
    (Folder, {"name": "a", "folders": [{"name": "b"}]}, Folder("a", [Folder("b")])),
    (Tree, {"label": "a", "bounded": 1}, Tree(label="a", bounded=1)),
    (timedelta, "PT5S", timedelta(seconds=5)),
    (Decimal, "1.50", Decimal("1.50")),
    (UUID, str(UUID(int=7)), UUID(int=7)),
    (date, "2030-01-02", date(2030, 1, 2)),
    (dict[str, Order], {"a": {"days": 2, "prices": {"b": 1.5}}}, {"a": Order(2, {"b": 1.5})}),
    (Decimal, 1.1, Decimal("1.1")),
    (Odd, 0.5, Odd.HALF),
    (dict[str, list[Odd]], {"a": ["a", 1.0]}, {"a": [Odd.A, Odd.ONE]}),
    (Path, "a/b", Path("a/b")),
    (IPv4Address, "192.0.2.1", IPv4Address("192.0.2.1")),
    (complex, "1+2j", 1 + 2j),
    (Iterable[int], [1.0], [1]),
    (pydantic.HttpUrl, "https://example.com/", pydantic.HttpUrl("https://example.com/")),
    (object, {"a": 1.0}, {"a": 1}),
    (Box[int], {"content": 1.0}, Box(1)),
    (dict[str, Order | Folder], {"a": {"name": "b"}}, {"a": Folder("b")}),
]


@pytest.mark.parametrize(("kind", "given", "expected"), VALUES, ids=[str(each[0]) for each in VALUES])
def test_values(kind: Any, given: Any, expected: Any) -> None:
    """The JSON of a call converts to the annotated type."""
    assert convert_arguments(make_function(kind), FunctionCall(name="function", args={"a": given})) == {"a": expected}


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Annotated[int, pydantic.Field(ge=1, le=14)], 15, "a: Expected `int` <= 14"),
        (list[Annotated[str, pydantic.Field(pattern="^a")]], ["b"], "matching regex"),
        (Annotated[int, pydantic.Field(gt=0)] | None, 0, "a: Expected `int` >= 1"),
        (Tree, {"label": "a", "bounded": 0}, "bounded: Input should be greater than 0"),
        (tuple[int, str], [1], "length"),
        (Grade, 3, "Invalid enum value 3"),
        (Odd, True, "Invalid enum value True"),
        (list[Odd], 1, "Expected `array`"),
        (Path, 3, "Expected `str`"),
        (IPv4Address, "x", "a: Expected 4 octets"),
        (pydantic.HttpUrl, "x", "Input should be a valid URL"),
    ],
)
def test_limits(kind: Any, given: Any, message: str) -> None:
    """A value outside the declared limits is an error for the model, for limits of any library."""
    with pytest.raises(ConversionError) as raised:
        convert_arguments(make_function(kind), FunctionCall(name="function", args={"a": given}))
    assert message in raised.value.expected


def test_offline() -> None:
    """The emulated model calls a function declared in JSON Schema with matching arguments."""
    arguments = list[Any]()

    def keep(scores: dict[str, int], folder: Folder, pair: Pair, price: Decimal, data: bytes, when: date) -> str:
        """Record the arguments."""
        arguments.append((scores, folder, pair, price, data, when))
        return "kept"

    must = {"tool_config": {"function_calling_config": {"mode": "ANY"}}}
    assert Offline()(generate("m", "hi", must) | calling(keep)).unwrap()
    assert [type(each) for each in arguments[0]] == [dict, Folder, Pair, Decimal, bytes, date]
