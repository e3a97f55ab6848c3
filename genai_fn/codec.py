"""
Decodes and encodes JSON with msgspec, for the whole package: no other module calls msgspec's functions.

msgspec builds the type information of a Struct, dataclass, TypedDict or NamedTuple when it first meets the class, and
stores it on the class before it is complete. Another thread that decodes the class then reads a null pointer,
and the process crashes (``docs/decisions/0006-one-lock-for-new-types.md``). So the first decoder of a type is built
under a lock. Encoding builds no type information.

Another thing that msgspec lacks is a Struct that keeps the fields it does not define. Such a Struct has a field of
the type `ExtraFields`; encoding writes them as fields of the Struct.

The third is a limit of nesting. Without one, a value that decodes is too deep for ``repr``, ``==`` and pickling, which
raise RecursionError.
"""

import functools
import operator
import os
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import fields as dataclass_fields, is_dataclass
from itertools import accumulate
from threading import RLock
from types import NoneType
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast, overload

import msgspec
from msgspec.json import Decoder, format as format_json
from msgspec.structs import fields

from genai_fn.values import FrozenDict

__all__ = [
    "EXTRA_JSON_NAME",
    "LEAF_TYPES",
    "MAX_DEPTH",
    "MAX_TEXT_DEPTH",
    "ExtraFields",
    "build_depth_error",
    "convert",
    "decode",
    "describe_types",
    "encode",
    "find_unchecked_decoder",
    "format_json",
    "inspect_type",
    "is_too_deep",
    "to_builtins",
]

T = TypeVar("T")
_Text: TypeAlias = bytes | bytearray | memoryview | str
_Hook: TypeAlias = Callable[[Any, Any], Any]
_EncodeHook: TypeAlias = Callable[[Any], Any]


MAX_DEPTH: Final = 100
"""
How many levels of objects and lists free-form JSON may nest, such as the arguments of a function call.

It is the limit of the JSON parsers of protocol buffers, which the service uses.
"""

MAX_TEXT_DEPTH = MAX_DEPTH + 20
"""Limit of a whole text: messages add up to 20 levels around free-form JSON."""


@overload
def decode(text: _Text) -> Any: ...
@overload
def decode(text: _Text, kind: type[T], *, strict: bool = True, max_depth: int = ...) -> T: ...
@overload
def decode(text: _Text, kind: Any, *, strict: bool = True, max_depth: int = ...) -> Any: ...
def decode(text: _Text, kind: Any = Any, *, strict: bool = True, max_depth: int = MAX_TEXT_DEPTH) -> Any:
    """
    Decode JSON as a type, as ``msgspec.json.decode`` does.

    Raises:
        msgspec.DecodeError: If the text is not JSON, does not fit the type, or nests more than `max_depth` levels.

    >>> decode(b"[1, 2]", tuple[float, ...])
    (1.0, 2.0)
    """
    if _is_text_too_deep(text, max_depth):
        raise build_depth_error(max_depth)
    try:
        return find_unchecked_decoder(kind, strict=strict)(text)
    except RecursionError:  # the stack of the caller is almost full
        raise build_depth_error(max_depth) from None


def find_unchecked_decoder(kind: Any, *, strict: bool = True) -> Callable[[_Text], Any]:
    """
    Return the function that decodes JSON as a type, without the limit of nesting.

    It is for types that limit free-form JSON themselves, and for JSON whose free-form parts are checked afterwards.
    """
    return _find_decoder(kind, strict=strict).decode


def build_depth_error(max_depth: int = MAX_DEPTH) -> msgspec.ValidationError:
    """Build the error for JSON that nests more levels."""
    return msgspec.ValidationError(f"Expected at most {max_depth} levels of nesting")


def is_too_deep(value: Any) -> bool:
    """
    Whether free-form JSON nests more than `MAX_DEPTH` levels. A value that contains itself does.

    >>> is_too_deep([[{"a": []}]])
    False
    """
    if _is_flat(value):
        return False
    level = [value] if issubclass(type(value), _CONTAINERS) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            child
            for each in level
            for child in (each.values() if issubclass(type(each), dict) else each)
            if type(child) not in LEAF_TYPES and issubclass(type(child), _CONTAINERS)
        ]
        if len(level) > _MAX_LEVEL:  # one that contains itself several times doubles with each level
            level = list({id(each): each for each in level}.values())
    return bool(level)


def _is_flat(value: Any) -> bool:
    """Whether a value is a dict without containers, as most configs are."""
    items: Any = value
    return type(value) is dict and LEAF_TYPES.issuperset(map(type, items.values()))


_CONTAINERS = (dict, list, tuple)
LEAF_TYPES = {str, int, float, bool, NoneType}
"""The types of most values in JSON; looking up the exact type is faster than ``issubclass``."""
_MAX_LEVEL = 1000


def _is_text_too_deep(text: _Text, max_depth: int) -> bool:
    """
    Whether a JSON text nests more levels. It takes a small part of the time of decoding it.

    Brackets are all that is kept of the text; those within strings are removed after that.
    """
    if len(text) <= max_depth:
        return False
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(cast("Any", text))
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = data.translate(_TO_SQUARE_BRACKETS, _OTHER_BYTES)
    if len(brackets) <= max_depth:
        return False
    brackets = brackets.replace(b'""', b"")
    if b'"' in brackets:
        brackets = _STRING.sub(b"", brackets)
    # Most containers are innermost ones, and removing them is faster than counting
    for _ in range(min(_STRIPPED_LEVELS, max_depth)):
        if len(brackets) <= max_depth:
            return False
        brackets, max_depth = brackets.replace(b"[]", b""), max_depth - 1
    steps = array("b", brackets.translate(_TO_STEPS))
    return any(depth > max_depth for depth in accumulate(steps))


_TO_SQUARE_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHER_BYTES = bytes(set(range(256)) - set(b'[]{}"'))
_TO_STEPS = bytes.maketrans(b"[]", b"\x01\xff")  # 1 and -1
_STRING = re.compile(rb'"[^"]*"?')
_STRIPPED_LEVELS = 4


@overload
def convert(
    value: Any, kind: type[T], *, strict: bool = True, str_keys: bool = False, dec_hook: _Hook | None = None
) -> T: ...
@overload
def convert(
    value: Any, kind: Any, *, strict: bool = True, str_keys: bool = False, dec_hook: _Hook | None = None
) -> Any: ...
def convert(
    value: Any, kind: Any, *, strict: bool = True, str_keys: bool = False, dec_hook: _Hook | None = None
) -> Any:
    """
    Convert decoded JSON to a type, as ``msgspec.convert`` does.

    >>> convert([1, 2], tuple[float, ...])
    (1.0, 2.0)
    """
    prepared: Any = _find_decoder(kind).type
    return msgspec.convert(value, prepared, strict=strict, str_keys=str_keys, dec_hook=dec_hook)


def describe_types(
    kinds: Sequence[Any], schema_hook: Callable[[Any], dict[str, Any]]
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """
    Describe types in JSON Schema, as ``msgspec.json.schema_components`` does.

    >>> describe_types([int], dict)
    (({'type': 'integer'},), {})
    """
    prepared = [_find_decoder(kind).type for kind in kinds]
    return msgspec.json.schema_components(prepared, schema_hook=schema_hook)


def inspect_type(kind: Any) -> Any:
    """
    Return msgspec's description of a type, as ``msgspec.inspect.type_info`` does.

    >>> inspect_type(int)
    IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None)
    """
    from msgspec import inspect  # noqa: PLC0415  # slow to load, and few programs declare functions

    return inspect.type_info(_find_decoder(kind).type)


class ExtraFields(FrozenDict[Any]):
    """
    The JSON fields of a Struct that it does not define, by their JSON names.

    A class of its own, so that msgspec does not decode a JSON object as one.
    """

    __slots__ = ()


EXTRA_JSON_NAME = "*"
"""JSON name of the field that contains the extra fields; no field of the API has it."""


def encode(
    value: Any, *, enc_hook: _EncodeHook | None = None, order: Literal["deterministic", "sorted"] | None = None
) -> bytes:
    """
    Encode a value as JSON, as ``msgspec.json.encode`` does.

    >>> encode({"a": (1, 2)})
    b'{"a":[1,2]}'
    """
    text = _encode(value, enc_hook=enc_hook, order=order)
    if _EXTRA_BYTE not in text or _EXTRA_KEY not in text:
        return text
    return _encode(_merge_extra_fields(value), enc_hook=enc_hook, order=order)


_encode = msgspec.json.encode
_EXTRA_KEY = f'"{EXTRA_JSON_NAME}":'.encode()
"""In a JSON text these bytes can only be a key: inside of a text the quotes are escaped."""
_EXTRA_BYTE = ord(EXTRA_JSON_NAME)  # a search for one byte takes a tenth of the time


def to_builtins(value: Any, *, enc_hook: _EncodeHook | None = None) -> Any:
    """
    Convert a value to what JSON consists of, as ``msgspec.to_builtins`` does.

    >>> to_builtins((1, b"a"))
    (1, 'YQ==')
    """
    return msgspec.to_builtins(_merge_extra_fields(value), enc_hook=enc_hook)


def _merge_extra_fields(value: Any) -> Any:
    """Replace each Struct that has extra fields, and each value that contains one, by a dict or list of its fields."""
    if isinstance(value, msgspec.Struct):
        return _merge_struct_fields(value)
    if isinstance(value, dict):
        pairs: dict[Any, Any] = cast("Any", value)
        merged: Any = {key: _merge_extra_fields(each) for key, each in pairs.items()}
        return pairs if all(map(operator.is_, merged.values(), pairs.values())) else merged
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        merged = list(map(_merge_extra_fields, items))
        return items if all(map(operator.is_, merged, items)) else merged
    if type(value) not in LEAF_TYPES and is_dataclass(value) and not isinstance(value, type):
        names = (each.name for each in dataclass_fields(value))
        members = {name: getattr(value, name) for name in names if hasattr(value, name)}
        merged = {name: _merge_extra_fields(each) for name, each in members.items()}
        return value if all(map(operator.is_, merged.values(), members.values())) else merged
    return value


def _merge_struct_fields(value: msgspec.Struct) -> Any:
    config = value.__struct_config__
    omits_defaults = config.omit_defaults and not config.array_like
    extra: dict[str, Any] = {}
    is_changed = False
    tree: dict[str, Any] = {}
    for name, json_name, default in _list_fields(type(value)):
        found = getattr(value, name)
        if json_name == EXTRA_JSON_NAME:
            extra = found or {}
            is_changed |= found is not None
        elif not (omits_defaults and found is default):
            tree[json_name] = merged = _merge_extra_fields(found)
            is_changed |= merged is not found
    if not is_changed:
        return value
    tag = {} if config.tag is None else {str(config.tag_field): config.tag}
    merged_fields = {**tag, **tree, **extra}
    return list(merged_fields.values()) if config.array_like else merged_fields


@functools.cache
def _list_fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """List each field of a Struct: its name, its JSON name and its default."""
    return tuple((each.name, each.encode_name, each.default) for each in fields(kind))


_BUILDING = RLock()
"""Re-entrant, as building runs Python code: annotations are evaluated, and objects are finalized."""
_STRICT: dict[Any, Decoder[Any]] = {}
_LENIENT: dict[Any, Decoder[Any]] = {}
_MAX_DECODERS = 1024
"""Limit of each dict, as programs may create types in a loop."""


def _find_decoder(kind: Any, *, strict: bool = True) -> Decoder[Any]:
    """
    Return the decoder of a type, and build it if the type is new.

    Callers use the ``type`` of the decoder from then on, not `kind`: msgspec keeps the information of a generic alias,
    such as ``Box[int]``, on that one object, and not on another that equals it.
    """
    known = _STRICT if strict else _LENIENT
    try:
        found = known.get(kind)
    except TypeError:  # it has no hash, such as ``Annotated[int, {"a": 1}]``
        with _BUILDING:
            return Decoder(kind, strict=strict)
    if found is not None:
        return found
    with _BUILDING:
        found = known.get(kind)
        if found is None:
            found = Decoder(kind, strict=strict)
            if len(known) >= _MAX_DECODERS:
                del known[next(iter(known))]
            known[kind] = found
        return found


if hasattr(os, "register_at_fork"):  # the thread that builds a decoder does not exist in the child process
    os.register_at_fork(before=_BUILDING.acquire, after_in_parent=_BUILDING.release, after_in_child=_BUILDING.release)
