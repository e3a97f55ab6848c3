"""
The one model of the types of fields: every walker of the API's types reads annotations through these functions.

`get_fields` lists the fields of a Struct, `classify_annotation` returns what an annotation is made of, and
`find_metadata` reads what an ``Annotated`` adds to it.
"""

import collections.abc
import functools
from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from genai_fn.codec import EXTRA_JSON_NAME
from genai_fn.values import Value

T = TypeVar("T")


class OptionalOf(Value):
    """``X | None``."""

    inner: Any


class UnionOf(Value):
    """A union of several types, none of them None."""

    members: tuple[Any, ...]


class TupleOf(Value):
    """``tuple[X, ...]``."""

    item: Any


class MappingOf(Value):
    """A mapping from names to values of a type."""

    value: Any


class StructOf(Value):
    """A Struct."""

    kind: type[Struct]


class EnumOf(Value):
    """An enum."""

    kind: type[Enum]


class ScalarOf(Value):
    """Any other type, such as ``str``, ``datetime`` or ``Any``."""

    kind: Any


Annotation: TypeAlias = OptionalOf | UnionOf | TupleOf | MappingOf | StructOf | EnumOf | ScalarOf
"""What an annotation is made of. The types in it are annotations themselves."""


def classify_annotation(annotation: Any) -> Annotation:
    """
    Return what the annotation of a field is made of. The metadata of ``Annotated`` is skipped.

    The result is not cached: ``int | str`` equals ``str | int``, and their order counts. A function that runs for every
    value classifies its annotation once, ahead.

    >>> classify_annotation(Annotated[tuple[int, ...] | None, "a comment"])
    OptionalOf(inner=tuple[int, ...])
    >>> classify_annotation(tuple[int, ...])
    TupleOf(item=<class 'int'>)
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return classify_annotation(args[0])
    if is_union(annotation):
        members = tuple(each for each in args if each is not NoneType)
        return UnionOf(members) if NoneType not in args else OptionalOf(Union[members])  # noqa: UP007  # built from a tuple
    if origin is tuple:
        return TupleOf(args[0])
    if origin in (dict, collections.abc.Mapping):
        return MappingOf(args[1])
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return StructOf(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return EnumOf(annotation)
    return ScalarOf(annotation)


def is_union(annotation: Any) -> bool:
    """Whether an annotation is a union, in either notation: ``X | Y`` or ``Union[X, Y]``."""
    return get_origin(annotation) in (Union, UnionType)


def find_metadata(annotation: Any, metadata_type: type[T]) -> T | None:
    """
    Return the first metadata of an ``Annotated`` that is an instance of `metadata_type`, or None.

    An ``Annotated`` inside a union or a container is not searched.

    >>> find_metadata(Annotated[str | None, "a comment", 3], int)
    3
    """
    metadata = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((each for each in metadata if isinstance(each, metadata_type)), None)


def iter_types(annotation: Any) -> Iterator[Any]:
    """
    Yield the classes that values of an annotation are made of, within unions, tuples and mappings, at any depth.

    >>> list(iter_types(Annotated[tuple[int | str, ...] | None, "a comment"]))
    [<class 'int'>, <class 'str'>]
    """
    match classify_annotation(annotation):
        case OptionalOf(inner) | TupleOf(inner) | MappingOf(inner):
            yield from iter_types(inner)
        case UnionOf(members):
            for each in members:
                yield from iter_types(each)
        case StructOf(kind) | EnumOf(kind) | ScalarOf(kind):
            yield kind


def iter_reachable_structs(annotation: Any) -> Iterator[type[Struct]]:
    """
    Yield the Structs that values of an annotation may contain, at any depth, each once.

    >>> from genai_fn.schema import Endpoint, GroundingSupport
    >>> [each.__name__ for each in iter_reachable_structs(tuple[GroundingSupport | Endpoint, ...])]
    ['Endpoint', 'GroundingSupport', 'Segment']
    """
    waiting = _list_structs(annotation)
    reached = set(waiting)
    while waiting:
        each = waiting.pop()
        yield each
        further = _list_inner_structs(each) - reached
        reached |= further
        waiting += further


@functools.cache
def _list_inner_structs(struct_type: type[Struct]) -> frozenset[type[Struct]]:
    """List the Structs that the fields of a Struct are made of."""
    return frozenset(found for each in get_fields(struct_type) for found in _list_structs(each.type))


def _list_structs(annotation: Any) -> list[type[Struct]]:
    return [each for each in iter_types(annotation) if isinstance(each, type) and issubclass(each, Struct)]


def takes_function(annotation: Any) -> bool:
    """Whether a field takes a Python function, which has no JSON."""
    return any(get_origin(each) is collections.abc.Callable for each in iter_types(annotation))


@functools.cache
def get_fields(struct_type: type[Struct]) -> tuple[FieldInfo, ...]:
    """
    Return the fields of a Struct: name, name in JSON, annotation with its metadata, and default.

    Call it at first use and not at import: annotations may refer to types that are defined later.
    """
    return fields(struct_type)


@functools.cache
def get_defined_fields(struct_type: type[Struct]) -> tuple[FieldInfo, ...]:
    """Return the fields that the API defines: all but ``extra``."""
    return tuple(each for each in get_fields(struct_type) if each.encode_name != EXTRA_JSON_NAME)


@functools.cache
def index_fields_by_spelling(struct_type: type[Struct]) -> dict[str, FieldInfo]:
    """
    Return the fields of a Struct that the API defines, by each of their names: as in Python, and as in JSON.

    >>> from genai_fn.schema import Blob
    >>> list(index_fields_by_spelling(Blob))
    ['data', 'displayName', 'display_name', 'mimeType', 'mime_type']
    """
    return {spelling: each for each in get_defined_fields(struct_type) for spelling in (each.encode_name, each.name)}
