"""
Strategies for every type of the API: ``from_type(Part)`` draws parts.

Drawn values need no further conversion (`as_struct` returns them unchanged), and survive a round trip through JSON.
"""

import functools
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar, overload

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec import Struct

from genai_fn.schema.annotations import (
    EnumOf,
    MappingOf,
    OptionalOf,
    ScalarOf,
    StructOf,
    TupleOf,
    UnionOf,
    classify_annotation,
    get_defined_fields,
    takes_function,
)
from genai_fn.schema.base import Opaque
from genai_fn.schema.content import Content
from genai_fn.schema.contents import ContentsLike, SeparateContentsLike
from genai_fn.schema.convert import as_value
from genai_fn.schema.schemas import SchemaLike

T = TypeVar("T")


@overload
def from_type(kind: type[T]) -> SearchStrategy[T]: ...
@overload
def from_type(kind: Any) -> SearchStrategy[Any]: ...
def from_type(kind: Any) -> SearchStrategy[Any]:
    """
    Draw values of a type: a Struct or enum of ``genai_fn.schema``, or any annotation of their fields.

    Each value has a few fields set, to a depth of 4, but not ``extra``. Enums include values that the library does
    not know.

    Args:
        kind: The type or annotation.

    >>> from genai_fn.schema import Part
    >>> from_type(Part).example().text  # doctest: +SKIP
    'é'
    """
    return _values(kind, _MAX_DEPTH)


_MAX_DEPTH = 4

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
"""
Short texts that can be encoded as UTF-8: no surrogates.

>>> from genai_fn.testing.strategies import texts
>>> from hypothesis import given
>>> @given(texts)
... def test_can_be_encoded(text):
...     assert text.encode().decode() == text
>>> test_can_be_encoded()
"""

_scalars: SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)

json: SearchStrategy[Any] = st.one_of(
    _scalars,
    st.lists(_scalars, max_size=2),
    st.dictionaries(texts, st.one_of(_scalars, st.lists(_scalars, max_size=2)), max_size=2),
)
"""
Arbitrary JSON, two levels deep: for function arguments and metadata.

>>> from genai_fn.testing.strategies import json
>>> from hypothesis import given
>>> from msgspec.json import decode, encode
>>> @given(json)
... def test_can_be_encoded(value):
...     assert decode(encode(value)) == value
>>> test_can_be_encoded()
"""


@functools.cache
def _values(kind: Any, depth: int) -> SearchStrategy[Any]:
    if kind in _SPECIAL_TYPES:
        return _SPECIAL_TYPES[kind]
    match classify_annotation(kind):
        case StructOf(message_type):
            return (
                _messages(message_type, depth)
                if depth and get_defined_fields(message_type)
                else st.builds(message_type)
            )
        case EnumOf(enum_type):
            return st.one_of(st.sampled_from(list(enum_type)), texts.map(enum_type))
        case ScalarOf(scalar_type):
            return _SPECIAL_TYPES[scalar_type] if scalar_type in _SPECIAL_TYPES else st.builds(scalar_type)
        case generic:
            return generic_values(generic, lambda member: _values(member, depth))


def generic_values(
    kind: OptionalOf | UnionOf | TupleOf | MappingOf, build: Callable[[Any], SearchStrategy[Any]]
) -> SearchStrategy[Any]:
    """Draw values of a union, a tuple or a mapping; `build` returns the strategy for a member type."""
    match kind:
        case OptionalOf(inner):
            return build(inner)
        case UnionOf(members):
            return st.one_of([build(each) for each in members])
        case TupleOf(item):
            return st.lists(build(item), max_size=2).map(tuple)
        case MappingOf(value):
            return st.dictionaries(texts, build(value), max_size=2)


def _messages(kind: type[Struct], depth: int) -> SearchStrategy[Struct]:
    fields = {each.name: each.type for each in get_defined_fields(kind) if not takes_function(each.type)}
    names = st.lists(st.sampled_from(list(fields)), max_size=depth, unique=True)
    return named_values(names, lambda name: _values(fields[name], depth - 1)).map(lambda drawn: kind(**drawn))


@st.composite
def named_values(
    draw: DrawFn, names: SearchStrategy[Iterable[str]], build: Callable[[str], SearchStrategy[Any]]
) -> dict[str, Any]:
    """Draw a value for each of some names; `build` returns the strategy for one."""
    return {name: draw(build(name)) for name in draw(names)}


# Types that need their own strategy


_datetimes = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001  # the time zone is drawn separately
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001  # the time zone is drawn separately
    timezones=st.one_of(st.just(UTC), st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))),
)
_turns = st.deferred(lambda: _values(Content, 2)).map(
    lambda turn: turn if turn.parts or turn.role else Content(role="user")
)


def _nested_schemas(children: SearchStrategy[Mapping[str, Any]]) -> SearchStrategy[Mapping[str, Any]]:
    optional = {"description": texts, "nullable": st.just(value=True)}
    arrays = st.fixed_dictionaries({"type": st.just("ARRAY"), "items": children}, optional=optional)
    required = {"type": st.just("OBJECT"), "properties": st.dictionaries(texts, children, max_size=3)}
    return st.one_of(arrays, st.fixed_dictionaries(required, optional=optional))


_schemas = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(["STRING", "INTEGER", "NUMBER", "BOOLEAN"])}),
    _nested_schemas,
    max_leaves=3,
)

_SPECIAL_TYPES: dict[Any, SearchStrategy[Any]] = {
    Any: json,
    str: texts,
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(max_size=20),
    datetime: _datetimes,
    Opaque: st.binary(max_size=12).map(lambda data: b64encode(data).decode()),
    ContentsLike: st.lists(_turns, min_size=1, max_size=2).map(tuple),
    SeparateContentsLike: st.lists(_turns, min_size=1, max_size=2).map(tuple),
    SchemaLike: _schemas.map(lambda shape: as_value(SchemaLike, shape, "schema")),
}
