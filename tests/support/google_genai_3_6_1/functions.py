"""Functions as source text: annotations, defaults and docstrings in combination."""

import sys
from collections.abc import Iterator, Mapping
from itertools import cycle
from types import ModuleType
from typing import Any

__all__ = ["PREAMBLE", "list_functions", "load_namespace"]

PREAMBLE = '''
import collections.abc
import enum
import typing
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import *
from uuid import UUID

import pydantic
from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel, Field
from typing_extensions import NotRequired, TypedDict


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.StrEnum):
    """How large."""

    SMALL = "small"
    LARGE = "large"


class Count(enum.IntEnum):
    TWO = 2
    ONE = 1


class Mixed(enum.Enum):
    A = "a"
    ONE = 1


class Place(BaseModel):
    """A place."""

    name: str
    zip_code: Optional[str] = None
    size: Size = Size.SMALL


class Tree(BaseModel):
    name: str
    trees: list["Tree"] = []


class Route(BaseModel):
    start: Place
    stops: list[Place] = Field(default_factory=list, description="Places between.", max_length=3)
    length: float = Field(0.0, ge=0, lt=100.5)


class Alias(BaseModel):
    id_: int = Field(alias="id", title="Number", examples=[1])


class Bounds(BaseModel):
    low: int = Field(gt=0)
    high: Annotated[int, Field(le=10, multiple_of=2)] = 10
    word: str = Field("x", min_length=1, max_length=9, pattern="^x")


class Strict(BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", title="Strictest")
    a: int


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


@dataclass
class Point:
    x: float
    y: float = 0.0


@dataclass
class Line:
    """From point to point."""

    start: Point
    end: Optional[Point] = None
    tags: list[str] = field(default_factory=list)


class Row(TypedDict):
    name: str
    age: NotRequired[int]


class Pair(NamedTuple):
    number: int
    name: str = "x"


UserId = NewType("UserId", int)
T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


class Opaque:
    pass
'''
"""The types that the functions use."""

ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    "str": ('"x"', '""', "None"),
    "int": ("0", "-3", "None"),
    "float": ("0.5", "1", "None"),
    "bool": ("False", "True"),
    "bytes": ('b"x"',),
    "datetime": ("None",),
    "date": ("None",),
    "time": (),
    "timedelta": (),
    "Decimal": ("None",),
    "UUID": (),
    "Path": (),
    "Any": ("None", "1"),
    "object": (),
    "None": (),
    "list": ("[]", "None"),
    "dict": ("{}", "None"),
    "tuple": (),
    "set": (),
    "list[str]": ("[]", '["a"]', "None"),
    "list[int]": ("[1, 2]",),
    "list[Any]": (),
    "list[list[float]]": (),
    "List[bool]": (),
    "dict[str, int]": ("{}", '{"a": 1}', "None"),
    "dict[str, Any]": ("None",),
    "Dict[str, list[str]]": (),
    "dict[int, str]": (),
    "dict[str, Place]": (),
    "tuple[int, str]": ('(1, "a")',),
    "tuple[int, ...]": ("()",),
    "Tuple[float, float]": (),
    "set[str]": ("None",),
    "frozenset[int]": (),
    "Sequence[str]": ("()",),
    "collections.abc.Sequence[int]": (),
    "Mapping[str, float]": (),
    "Iterable[int]": (),
    'Literal["a"]': ('"a"',),
    'Literal["b", "a"]': ('"b"', "None"),
    "Literal[2, 1]": ("2",),
    'Literal["a", 1]': (),
    'Literal["a", None]': ("None",),
    "Literal[True]": (),
    "Color": ("Color.RED", "None"),
    "Size": ("Size.LARGE",),
    "Count": ("Count.ONE",),
    "Mixed": (),
    "list[Color]": ("[Color.BLUE]",),
    "Optional[Color]": ("None",),
    "Optional[int]": ("None", "1"),
    "Optional[str]": ("None",),
    "int | None": ("None", "0"),
    "list[int] | None": ("None",),
    "Optional[list[str]]": ("None", '["a"]'),
    "Optional[dict[str, int]]": ("None",),
    "list[Optional[int]]": (),
    "int | str": ("1", '"a"'),
    "Union[int, str, None]": ("None",),
    "Union[int, list[int]]": ("1",),
    "float | int": ("0",),
    "Place": ("None",),
    "Optional[Place]": ("None",),
    "list[Place]": ("[]",),
    "Tree": (),
    "Route": (),
    "Alias": (),
    "Bounds": (),
    "Strict": (),
    "Box[int]": (),
    "Place | Point": (),
    "Cat | Dog": (),
    'Annotated[Cat | Dog, Field(discriminator="kind")]': (),
    "list[Cat | Dog]": (),
    "Point": ("Point(1.0)",),
    "Line": (),
    "list[Point]": (),
    "Row": ("None",),
    "list[Row]": (),
    "Pair": (),
    "UserId": ("1",),
    'Annotated[int, "how many"]': ("1",),
    'Annotated[str, Field(description="A city.")]': ('"Oslo"',),
    'Annotated[int, Field(ge=1, le=14, description="Days.")]': ("7",),
    "Annotated[int, Field(gt=0)]": ("1",),
    "Annotated[float, Field(lt=0.5)]": (),
    "Annotated[int, Field(multiple_of=5)]": (),
    'Annotated[str, Field(pattern="^a+$")]': (),
    "Annotated[str, Field(min_length=1, max_length=9)]": ('"x"',),
    "Annotated[list[int], Field(min_length=1, max_length=3)]": ("[1]",),
    "Annotated[int, Ge(0), Le(9)]": (),
    "Annotated[int, Interval(gt=0, lt=9)]": (),
    "Annotated[str, MaxLen(3)]": (),
    "Annotated[list[str], Len(1, 2)]": (),
    "Annotated[int, MultipleOf(3)]": (),
    "list[Annotated[int, Field(ge=0)]]": (),
    "Optional[Annotated[int, Field(ge=0)]]": ("None",),
    'Annotated[Optional[int], Field(description="Any.")]': ("None",),
    'Annotated[Place, Field(description="Where.")]': (),
    'Annotated[Color, Field(description="Which.")]': ("Color.RED",),
    'Annotated[int, Field(title="N", examples=[1])]': (),
    'Annotated[str, Field(alias="c")]': (),
    "Annotated[str, Field(deprecated=True)]": (),
    'Annotated[str, Field(json_schema_extra={"format": "x"})]': (),
    "pydantic.HttpUrl": (),
    "pydantic.PositiveInt": (),
    "pydantic.conint(ge=2)": (),
    "pydantic.Json": (),
    "Callable[[int], str]": (),
    "Opaque": (),
    "list[Opaque]": (),
    "type[int]": (),
    "complex": (),
    "T": (),
    '"Place"': (),
    '"list[Tree]"': (),
}
"""Annotations, each with defaults."""

DOCSTRINGS = (
    "",
    "Do it.",
    """Do it.

    Carefully, and
    in one go.
    """,
    """Do it.

    Args:
        a: The first.
    """,
    """Do it.

    Args:
        a (int): The first,
            over two lines.
        other: Not a parameter.

    Returns:
        What comes of it.

    Raises:
        ValueError: If not.
    """,
    """Do it.

    :param a: The first.
    :return: What comes of it.
    """,
    """Do it.

    Parameters
    ----------
    a : int
        The first.

    Returns
    -------
    str
    """,
    """
    Do it.

    Arguments:
      a: The first: with a colon.
    """,
    """Do it.\\n\\tArgs:\\n\\t\\ta: The first.""",
    " Do it «now». ",
    """Args:
        a: The first.
    """,
)

SHAPES = (
    "def f(): ...",
    "def f() -> None: ...",
    "def f(a): ...",
    "def f(a=1): ...",
    "def f(a, b: int): ...",
    "def f(a: int, /): ...",
    "def f(a: int, /, b: str, *, c: bool): ...",
    "def f(*, a: int, b: str = 'x') -> str: ...",
    "def f(a: int, *args: int): ...",
    "def f(a: int, **kwargs: int): ...",
    "def f(*args, **kwargs): ...",
    "def f(a: int, *args: str, b: int = 2, **kwargs: Any) -> bool: ...",
    "async def f(a: int) -> str: ...",
    "async def f(a: int = 1, b: Optional[str] = None): ...",
    "def f(b: int = 1, a: str = '') -> dict[str, Any]: ...",
    "def f(a: int = Field(1, description='The first.')): ...",
    "def f(a: int = Field(description='The first.', ge=1)): ...",
    "def f(self: int, cls: int): ...",
    "def f(type: str, format: int, properties: bool): ...",
    "def f(tool_call_id: str, camelCase: int, _hidden: int = 0): ...",
    "def f(ä: int, ctx: str = 'é'): ...",
    "class Lamp:\n    def f(self, a: int) -> str:\n        '''Turn it.'''\nf = Lamp().f",
    "class Lamp:\n    @staticmethod\n    def f(a: int) -> str:\n        '''Turn it.'''\nf = Lamp.f",
    "class Lamp:\n    @classmethod\n    def f(cls, a: int) -> str:\n        '''Turn it.'''\nf = Lamp.f",
    """
import functools
def g(f):
    @functools.wraps(f)
    def h(*a, **k): return f(*a, **k)
    return h
@g
def f(a: int, b: str = 'x') -> str:
    'Wrapped.'
""",
    "from __future__ import annotations\ndef f(a: int, b: Place | None = None) -> list[Place]: ...",
    "from __future__ import annotations\ndef f(a: Annotated[int, Field(ge=1)], b: dict[str, int] = {}) -> Tree: ...",
)

_DEFAULTS_OF_PAIRS = 110


def load_namespace(preamble: str) -> dict[str, Any]:
    """Return a copy of the namespace of a module with the types, in which functions can be defined."""
    module = sys.modules.get("types_of_functions")
    if module is None:
        module = sys.modules["types_of_functions"] = ModuleType("types_of_functions")
        exec(compile(preamble, "preamble", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # the text above
    return dict(module.__dict__)


def list_functions() -> list[str]:
    """List all functions; each is called ``f``."""
    return list(dict.fromkeys((*SHAPES, *_vary_annotations(), *_vary_docstrings(), *_vary_returns(), *_pair())))


def _vary_annotations() -> Iterator[str]:
    docstrings = cycle(DOCSTRINGS)
    for number, (annotation, defaults) in enumerate(ANNOTATIONS.items()):
        yield _write(f"a: {annotation}", next(docstrings))
        yield _write(f"b: int, *, a: {annotation}" if number % 2 else f"a: {annotation}, b: int = 2", next(docstrings))
        for default in defaults:
            yield _write(f"a: {annotation} = {default}", next(docstrings))


def _vary_docstrings() -> Iterator[str]:
    for docstring in DOCSTRINGS:
        yield _write("", docstring)
        yield _write("a: int", docstring, "str")
        yield _write("a: Annotated[int, Field(description='My own.')], b: Optional[Place] = None", docstring)


def _vary_returns() -> Iterator[str]:
    for annotation in ANNOTATIONS:
        yield _write("a: int", "", annotation)


def _pair() -> Iterator[str]:
    annotations = list(ANNOTATIONS.items())
    docstrings = cycle(DOCSTRINGS)
    for number in range(_DEFAULTS_OF_PAIRS):
        (first, _), (second, defaults) = annotations[number * 7 % len(annotations)], annotations[number]
        default = f" = {defaults[0]}" if defaults else ""
        returned = annotations[number * 11 % len(annotations)][0]
        yield _write(f"a: {first}, b: {second}{default}", next(docstrings), returned)


def _write(parameters: str, docstring: str, returned: str = "") -> str:
    arrow = f" -> {returned}" if returned else ""
    body = f'\n    """{docstring}"""' if docstring else " ..."
    return f"def f({parameters}){arrow}:{body}"
