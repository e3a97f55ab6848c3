"""
Decodes JSON of the API, and repairs what does not fit its type: unexpected nulls, numbers in quotes, URL-safe or
unpadded base64.

The repair is tried only after msgspec alone has failed, so valid JSON costs nothing extra. Free-form mappings are not
changed.
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

__all__ = ["build_decode_error", "parse_json", "repair_tree", "truncate_text"]

_DROPPED = object()
"""Replaces a null that the type does not allow; it is removed from its object or list."""


def parse_json(kind: Any, text: bytes | memoryview) -> Any:
    """
    Decode JSON as a type.

    The API writes int64 in quotes, which msgspec accepts with ``strict=False``. That mode reads the text ``"NULL"``,
    which may be a member of an enum, as null, so it is used only if the JSON contains no such text. JSON that still
    does not fit is repaired. Raises ``msgspec.DecodeError`` if it does not fit after the repair.

    >>> parse_json(int, b'"12"')
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
    return codec.convert(repair_tree(codec.decode(text), kind), kind)


_NULL_IN_QUOTES = re.compile(rb'"null"', re.IGNORECASE)


def build_decode_error(error: Exception, text: bytes | memoryview | str) -> DecodeError:
    """
    Build a `DecodeError` from an error of msgspec, with what was expected and where.

    >>> build_decode_error(msgspec.ValidationError("Expected `int`, got `str` - at `$.a`"), b'{"a": "b"}')
    DecodeError(expected='`int`, got `str`', path='$.a', text='{"a": "b"}')
    """
    expected, _, path = str(error).partition(" - at ")
    return DecodeError(expected.removeprefix("Expected "), path.strip("`"), truncate_text(text))


def truncate_text(text: bytes | memoryview | str) -> str:
    """Truncate a text to the 2,000 bytes or characters that an error keeps."""
    return text[:_MAX_ERROR_TEXT] if isinstance(text, str) else bytes(text[:_MAX_ERROR_TEXT]).decode("utf-8", "replace")


_MAX_ERROR_TEXT = 2000


def repair_tree(value: Any, kind: Any) -> Any:
    """Repair decoded JSON, as far as possible, so that it fits a type. Unknown fields of Structs are removed."""
    whole = _repair_value(value, kind)
    return value if whole is _DROPPED else whole


def _repair_value(value: Any, kind: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _repair_value(value, args[0])
    if origin in (Union, UnionType):
        return _repair_union(value, args)
    if value is None:
        return None if kind in (Any, NoneType) else _DROPPED
    if isinstance(value, str) and kind in _TEXT_PARSERS:
        return _TEXT_PARSERS[kind](value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if origin is tuple and isinstance(value, list):
        items = [_repair_value(item, args[0]) for item in cast("Any", value)]
        return [each for each in items if each is not _DROPPED]
    if not isinstance(value, dict):
        return value
    tree = cast("dict[str, Any]", value)
    if origin in (dict, collections.abc.Mapping) and args[1] is not Any:
        return _drop_missing({key: _repair_value(each, args[1]) for key, each in tree.items()})
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _repair_struct(tree, kind)
    return tree


def _repair_union(value: Any, kinds: tuple[Any, ...]) -> Any:
    if value is None:
        return None if NoneType in kinds else _DROPPED
    fitting = [kind for kind in kinds if kind is not NoneType]
    return _repair_value(value, fitting[0]) if len(fitting) == 1 else value


def _repair_struct(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    types = {each.encode_name: each.type for each in fields(kind)}
    return _drop_missing({key: _repair_value(each, types[key]) for key, each in value.items() if key in types})


def _drop_missing(tree: dict[str, Any]) -> dict[str, Any]:
    """Remove the entries whose value is `_DROPPED`."""
    return {key: each for key, each in tree.items() if each is not _DROPPED}


def _to_standard_base64(text: str) -> str:
    """
    Convert base64 of either alphabet, padded or not, to the standard form.

    >>> _to_standard_base64("-_8")
    '+/8='
    """
    bare = text.replace("-", "+").replace("_", "/").rstrip("=")
    return bare + "=" * (-len(bare) % 4)


def _parse_number(kind: type[int] | type[float], text: str) -> Any:
    """Parse a number; a text that is not a number is returned unchanged."""
    try:
        return kind(text)
    except ValueError:  # msgspec reports the error
        return text


_TEXT_PARSERS: dict[Any, Callable[[str], Any]] = {
    bytes: _to_standard_base64,
    int: functools.partial(_parse_number, int),
    float: functools.partial(_parse_number, float),
    bool: lambda text: {"true": True, "false": False}.get(text.lower(), text),
}
