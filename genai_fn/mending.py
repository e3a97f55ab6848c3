"""
Mends an answer that does not fit its type: nulls where none may be, base64 that is URL-safe or unpadded.

Tried once, after msgspec alone has failed: the common case pays nothing. Mappings of the user's own keys are left as
they are.
"""

import collections.abc
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec
from msgspec.structs import fields

__all__ = ["mended"]

_DROPPED = object()


def mended(value: Any, kind: Any) -> Any:
    """Mend a tree of JSON for a type."""
    whole = _mended(value, kind)
    return value if whole is _DROPPED else whole


def _mended(value: Any, kind: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _mended(value, args[0])
    if origin in (Union, UnionType):
        return _of_union(value, args)
    if value is None:
        return None if kind in (Any, NoneType) else _DROPPED
    if kind is bytes and isinstance(value, str):
        return _standard(value)
    if origin is tuple and isinstance(value, list):
        items = [_mended(item, args[0]) for item in cast("Any", value)]
        return [each for each in items if each is not _DROPPED]
    if not isinstance(value, dict):
        return value
    tree = cast("dict[str, Any]", value)
    if origin in (dict, collections.abc.Mapping) and args[1] is not Any:
        return _kept({key: _mended(each, args[1]) for key, each in tree.items()})
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(tree, kind)
    return tree


def _of_union(value: Any, kinds: tuple[Any, ...]) -> Any:
    if value is None:
        return None if NoneType in kinds else _DROPPED
    fitting = [kind for kind in kinds if kind is not NoneType]
    return _mended(value, fitting[0]) if len(fitting) == 1 else value


def _struct(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    types = {each.encode_name: each.type for each in fields(kind)}
    return _kept({key: _mended(each, types[key]) for key, each in value.items() if key in types})


def _kept(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in tree.items() if each is not _DROPPED}


def _standard(text: str) -> str:
    """
    Write base64 of any alphabet, padded or not, the standard way.

    >>> _standard("-_8")
    '+/8='
    """
    bare = text.replace("-", "+").replace("_", "/").rstrip("=")
    return bare + "=" * (-len(bare) % 4)
