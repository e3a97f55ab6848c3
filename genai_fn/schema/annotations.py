"""Reads the type annotations of the Structs that describe the API."""

import collections.abc
import functools
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

__all__ = ["find_metadata", "get_field_types", "iter_types"]

T = TypeVar("T")


@functools.cache
def get_field_types(struct_type: type[Struct]) -> dict[str, Any]:
    """
    Return the type annotation of each field of a Struct, by field name, including the metadata of ``Annotated``.

    Call it at first use and not at import: annotations may refer to types that are defined later.
    """
    hints = get_type_hints(struct_type, include_extras=True)
    return {name: hints[name] for name in struct_type.__struct_fields__}


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
    Yield the types in an annotation: expands ``Annotated``, unions, tuples and mappings, at any depth.

    Any other type, such as ``list[int]``, is yielded unchanged.

    >>> list(iter_types(Annotated[tuple[int, ...] | None, "a comment"]))
    [<class 'int'>, Ellipsis, <class 'NoneType'>]
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from iter_types(args[0])
    elif origin in (Union, UnionType, tuple, dict, collections.abc.Mapping):
        for each in args:
            yield from iter_types(each)
    else:
        yield annotation
