"""
Reads JSON as the API writes it, and mends what does not fit its type: nulls where none may be, numbers in quotes,
base64 that is URL-safe or unpadded.

Mending is tried once, after msgspec alone has failed: the common case pays nothing. Mappings of the user's own keys are
left as they are.
"""

import collections.abc
import functools
import re
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec
from msgspec.structs import fields

from genai_fn import codec
from genai_fn.errors import DecodeError

__all__ = ["kept", "mended", "misread", "parsed"]

_DROPPED = object()


def parsed(kind: Any, text: bytes | memoryview) -> Any:
    """
    Read JSON as a type.

    int64 comes in quotes, which msgspec reads if asked to be lenient; but then it takes a text ``"NULL"``, which may be
    an enum's value, for null. So that is asked only where there is none.

    >>> parsed(int, b'"12"')
    12
    """
    try:
        return codec.decode(text, kind)
    except msgspec.DecodeError:
        if not _NULL_IN_QUOTES.search(text):
            try:
                return codec.decode(text, kind, strict=False)
            except msgspec.DecodeError:
                pass
    return codec.convert(mended(codec.decode(text), kind), kind)


_NULL_IN_QUOTES = re.compile(rb'"null"', re.IGNORECASE)


def misread(error: Exception, said: bytes | memoryview | str) -> DecodeError:
    """
    Say what was expected, and where, of a text that could not be read.

    >>> misread(msgspec.ValidationError("Expected `int`, got `str` - at `$.a`"), b'{"a": "b"}')
    DecodeError(expected='`int`, got `str`', path='$.a', text='{"a": "b"}')
    """
    expected, _, path = str(error).partition(" - at ")
    return DecodeError(expected.removeprefix("Expected "), path.strip("`"), kept(said))


def kept(said: bytes | memoryview | str) -> str:
    """Cut a text to what an error keeps of it."""
    return said[:_KEPT] if isinstance(said, str) else bytes(said[:_KEPT]).decode("utf-8", "replace")


_KEPT = 2000


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
    if isinstance(value, str) and kind in _FROM_TEXT:
        return _FROM_TEXT[kind](value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
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


def _number(kind: type[int] | type[float], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:  # not for us to say what is wrong with it
        return text


_FROM_TEXT: dict[Any, Callable[[str], Any]] = {
    bytes: _standard,
    int: functools.partial(_number, int),
    float: functools.partial(_number, float),
    bool: lambda text: {"true": True, "false": False}.get(text.lower(), text),
}
