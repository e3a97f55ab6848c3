"""JSON Schema of Python types: as pydantic builds it, for types drawn from its own and from plain Python ones."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypeVar,
    Union,
)
from uuid import UUID

import pydantic
from annotated_types import doc
from hypothesis import given, settings, strategies as st
from hypothesis.strategies import SearchStrategy
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from genai_fn.schema import Language
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.json_schema import build_json_schema

T = TypeVar("T")
UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Grade(enum.IntEnum):
    """How good."""

    TWO = 2
    ONE = 1


class Odd(enum.Enum):
    A = "a"
    ONE = 1


class Place(pydantic.BaseModel):
    """A place."""

    name: str
    color: Color = Color.RED
    number: Annotated[int, pydantic.Field(gt=0, description="How many.")] = 1


class Guest(pydantic.BaseModel, Generic[T]):
    stays: list[Place] = []
    other: T


@dataclass
class Node:
    value: int
    first_child: "Node | None" = None
    nodes: "list[Node]" = field(default_factory=list)
    place: Place | None = None


@dataclass
class Leaf(Node):
    """A node at the end."""

    note: Annotated[str, pydantic.Field(max_length=3)] = ""


class Row(TypedDict, total=False):
    color: Color
    rows: "list[Row]"


class Table(Row):
    name: NotRequired[Annotated[str, "a comment"]]
    mapping: Mapping[str, Grade]


class Pair(NamedTuple):
    number: int
    long_name: str = "x"


@dataclass
class Box(Generic[T]):
    content: T
    contents: list[T]


SIMPLE: list[Any] = [
    *(int, str, float, bool, None, Any, object, date, datetime, timedelta, UUID, UserId, list, dict, set, tuple),
    *(Color, Grade, Odd, Place, Guest[Color], Node, Leaf, Row, Table, Pair, Box[int], Box[list[Pair]]),
    *(Literal["b", "a"], Literal["a"], Literal[2, 1], Literal["a", 1], T),
    Literal["a", None],  # noqa: PYI061  # another schema than that of ``Literal["a"] | None``
    *(Annotated[int, pydantic.Field(ge=1, lt=9)], Annotated[str, pydantic.Field(pattern="^a", min_length=1)]),
]
KEYS: list[Any] = [str, int, Color, UUID, Literal["a", "b"], Annotated[str, pydantic.Field(max_length=3)]]


def _nest(kinds: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.one_of(
        kinds.map(lambda kind: list[kind]),
        kinds.map(lambda kind: Sequence[kind]),
        kinds.map(lambda kind: Union[kind, None]),  # noqa: UP007  # a value
        kinds.map(lambda kind: Annotated[kind, pydantic.Field(description="d"), "a comment"]),
        st.tuples(st.sampled_from(KEYS), kinds).map(lambda pair: dict[pair]),  # type: ignore[misc]  # made on the spot
        st.tuples(kinds, kinds).map(lambda pair: tuple[pair]),  # type: ignore[misc]  # made on the spot
        st.tuples(kinds, kinds).map(lambda pair: Union[pair]),  # noqa: UP007  # made of values
    )


@settings(max_examples=150)
@given(st.recursive(st.sampled_from(SIMPLE), _nest, max_leaves=4))
def test_as_pydantic(kind: Any) -> None:
    """A type has the schema that pydantic builds for it, with the properties in the same order."""
    ours, theirs = build_json_schema(kind), pydantic.TypeAdapter(kind).json_schema()
    assert ours == theirs
    assert _list_orders(ours) == _list_orders(theirs)


def _list_orders(schema: dict[str, Any]) -> dict[str, list[str]]:
    defs: dict[str, dict[str, Any]] = {"": schema, **schema.get("$defs", {})}
    return {name: list(each.get("properties", {})) for name, each in defs.items()}


def test_notes_of_annotated_types() -> None:
    """A description may be of annotated_types, which pydantic does not read."""
    assert build_json_schema(Annotated[int, doc("How many.")]) == {"type": "integer", "description": "How many."}


class _Range(OpenMessage):
    start: int
    language: Language | None = None


def test_types_of_the_api() -> None:
    """The schema of a type of the API has the fields that the API defines, and allows others, as it keeps them."""
    schema = build_json_schema(_Range)
    assert set(schema["properties"]) == {"language", "start"}
    assert schema["required"] == ["start"]
    assert "additionalProperties" not in schema
