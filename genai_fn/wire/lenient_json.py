"""
Decodes JSON of the API, repairs what does not fit its type, and keeps fields that its type does not define.

It repairs unexpected nulls, numbers in quotes, URL-safe or unpadded base64, one object in place of a list, the number
of an enum value in place of its name, and names of fields in snake case. It does so only after msgspec alone has
failed, so JSON that fits costs nothing extra. Free-form mappings are not changed.
"""

import functools
import re
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias, cast

import msgspec

from genai_fn import codec
from genai_fn.codec import EXTRA_JSON_NAME, ExtraFields
from genai_fn.errors import DecodeError
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
    iter_types,
)
from genai_fn.schema.base import FreeFormMessage, OpenMessage
from genai_fn.schema.enum_numbers import find_enum_name

__all__ = [
    "build_decode_error",
    "convert_json",
    "find_strict_reader",
    "parse_json",
    "remove_byte_order_mark",
    "repair_tree",
    "truncate_text",
]

_DROPPED = object()
"""Replaces a null that the type does not allow; it is removed from its object or list."""


def parse_json(kind: Any, text: bytes | memoryview, mismatch: str | None = None) -> Any:
    """
    Decode JSON as a type.

    The API writes int64 in quotes, which msgspec accepts with ``strict=False``. That mode reads the text ``"NULL"``,
    which may be a member of an enum, as null, so it is used only if the JSON contains no such text. JSON that still
    does not fit is repaired. Raises ``msgspec.DecodeError`` if it does not fit after the repair.

    Args:
        kind: The type.

        text: The JSON.

        mismatch: The error of the reader of `find_strict_reader`, if it has failed for this text already.

    >>> parse_json(int, b'"12"')
    12
    """
    bare = remove_byte_order_mark(text)
    try:
        if mismatch is None or bare is not text:
            try:
                return find_strict_reader(kind)(bare)
            except msgspec.DecodeError as error:
                mismatch = str(error)
        if not mismatch.startswith(_UNKNOWN_FIELD) and not _NULL_IN_QUOTES.search(bare):
            try:
                return _build_reader(kind, kind, strict=False)(bare)
            except msgspec.DecodeError:
                pass
        return convert_json(_build_reader(kind, Any)(bare), kind)
    except RecursionError:
        raise codec.build_depth_error() from None


@functools.cache
def find_strict_reader(kind: Any) -> Callable[[bytes | memoryview], Any]:
    """Return the function that decodes JSON as a type without repairing it. It raises what `parse_json` catches."""
    return _build_reader(kind, kind)


def _build_reader(kind: Any, target: Any, *, strict: bool = True) -> Callable[[bytes | memoryview], Any]:
    """
    Build the function that decodes JSON of the type `kind` as `target`: as `kind` itself, or as ``Any``, for a tree.

    The function first scans the text for its depth, unless the type limits it.
    """
    if _limits_depth(kind):
        return codec.find_unchecked_decoder(target, strict=strict)
    return functools.partial(codec.decode, kind=target, strict=strict)


@functools.cache
def _limits_depth(kind: Any) -> bool:
    """Whether a type limits how deep its JSON nests: no Struct contains itself, and each checks its free-form JSON."""
    return _is_limited(kind, ())


def _is_limited(annotation: Any, outer: tuple[Any, ...]) -> bool:
    """`_limits_depth` of an annotation within the Structs `outer`."""
    for kind in iter_types(annotation):
        if not isinstance(kind, type) or kind in outer:
            return False
        if issubclass(kind, msgspec.Struct):
            checked = kind.free_form_fields if issubclass(kind, FreeFormMessage) else ()
            inner = (each.type for each in get_defined_fields(kind) if each.name not in checked)
            if not all(_is_limited(each, (*outer, kind)) for each in inner):
                return False
        elif not issubclass(kind, _FLAT_TYPES):
            return False
    return True


_FLAT_TYPES = (str, int, float, bytes, datetime, Enum, type(None))

_UNKNOWN_FIELD = "Object contains unknown field"
"""Prefix of msgspec's error for an unknown field, with which decoding by ``strict=False`` fails, too."""


_NULL_IN_QUOTES = re.compile(rb'"null"', re.IGNORECASE)


def remove_byte_order_mark(text: bytes | memoryview) -> bytes | memoryview:
    """Remove a byte order mark, which a parser of JSON may ignore (RFC 8259, 8.1), and some gateways add."""
    return text[len(_BYTE_ORDER_MARK) :] if text[: len(_BYTE_ORDER_MARK)] == _BYTE_ORDER_MARK else text


_BYTE_ORDER_MARK = "\ufeff".encode()


def build_decode_error(error: Exception, text: bytes | memoryview | str) -> DecodeError:
    """
    Build a `DecodeError` from an error of msgspec, with what was expected and where.

    >>> build_decode_error(msgspec.ValidationError("Expected `int`, got `str` - at `$.a`"), b'{"a": "b"}')
    DecodeError(expected='`int`, got `str`', path='$.a', text='{"a": "b"}')
    >>> build_decode_error(msgspec.DecodeError("Input data was truncated"), b"[")
    DecodeError(expected='complete JSON', path='', text='[')
    """
    message, _, path = str(error).partition(" - at ")
    parts = (_describe_expected(error, message), path.strip("`"), text)
    return DecodeError(*map(truncate_text, parts))


def _describe_expected(error: Exception, message: str) -> str:
    """Convert the message of an error of msgspec to a description of what was expected."""
    if message.startswith("Expected "):
        return message.removeprefix("Expected ")
    if message == "Input data was truncated":
        return "complete JSON"
    kind = "a valid value" if isinstance(error, msgspec.ValidationError) else "JSON"
    return f"{kind} ({message.removeprefix('JSON is ')})"


def truncate_text(text: bytes | memoryview | str) -> str:
    """Truncate a text to the 2,000 bytes or characters that an error keeps; bytes are decoded."""
    return text[:_MAX_ERROR_TEXT] if isinstance(text, str) else bytes(text[:_MAX_ERROR_TEXT]).decode("utf-8", "replace")


_MAX_ERROR_TEXT = 2000


def convert_json(tree: Any, kind: Any) -> Any:
    """
    Convert decoded JSON to a type, as `parse_json` does with its text. Raises ``msgspec.ValidationError``.

    >>> from genai_fn.schema import Part
    >>> convert_json({"text": "hi", "mood": "calm"}, Part)
    Part(text='hi', extra={'mood': 'calm'})
    """
    try:
        return codec.convert(_repair_tree(tree, kind, scalars=False), kind)
    except msgspec.ValidationError:
        return codec.convert(repair_tree(tree, kind), kind)


def repair_tree(tree: Any, kind: Any) -> Any:
    """
    Repair decoded JSON, as far as possible, so that it fits a type.

    Unknown fields of an `OpenMessage` become its ``extra``; those of other Structs are removed.
    """
    return _repair_tree(tree, kind, scalars=True)


def _repair_tree(tree: Any, kind: Any, *, scalars: bool) -> Any:
    repair = _build_repair(kind, scalars)
    repaired = tree if repair is None else repair(tree)
    return tree if repaired is _DROPPED else repaired


_Repair: TypeAlias = Callable[[Any], Any]
"""Returns the repaired value, or `_DROPPED` for a null that the type does not allow."""


@functools.cache
def _build_repair(annotation: Any, scalars: bool) -> _Repair | None:
    """
    Build the function that repairs values of a type; None if they need no repair.

    Without `scalars`, it repairs only objects, such as their unknown fields, and does not visit texts, numbers and enum
    values.
    """
    match classify_annotation(annotation):
        case OptionalOf(inner):
            return _build_optional_repair(_build_repair(inner, scalars))
        case TupleOf(item):
            repair, is_of_structs = _build_repair(item, scalars), isinstance(classify_annotation(item), StructOf)
            return functools.partial(_repair_list, repair, is_of_structs) if scalars or repair is not None else None
        case MappingOf(value):
            repair = _build_repair(value, scalars)
            return functools.partial(_repair_mapping, repair) if scalars or repair is not None else None
        case StructOf(kind):
            return functools.partial(_repair_struct, kind, scalars)
        case EnumOf(kind) if scalars:
            return functools.partial(_repair_enum, kind.__name__)
        case ScalarOf(kind) if scalars and kind is not Any:
            scalar_repair: _Repair = _SCALAR_REPAIRS.get(kind, _drop_null)
            return scalar_repair
        case UnionOf() if scalars:
            return _drop_null
        case _:
            return None


def _drop_null(value: Any) -> Any:
    return _DROPPED if value is None else value


def _build_optional_repair(repair: _Repair | None) -> _Repair | None:
    return None if repair is None else lambda value: None if value is None else repair(value)


def _repair_list(repair: _Repair | None, is_of_structs: bool, value: Any) -> Any:
    """Repair the items of a list. One object in place of a list of objects is read as a list of one."""
    if is_of_structs and isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return _drop_null(value)
    items: list[Any] = cast("Any", value)
    if repair is None or (repair is _repair_float and all(type(each) is float for each in items)):  # long vectors
        return items
    return [repaired for each in items if (repaired := repair(each)) is not _DROPPED]


def _repair_mapping(repair: _Repair | None, value: Any) -> Any:
    if not isinstance(value, dict) or repair is None:
        return _drop_null(value)
    pairs = cast("dict[str, Any]", value).items()
    return {key: repaired for key, each in pairs if (repaired := repair(each)) is not _DROPPED}


def _repair_struct(kind: type[msgspec.Struct], scalars: bool, value: Any) -> Any:
    if not isinstance(value, dict):
        return _drop_null(value)
    repairs, json_names = _get_field_repairs(kind, scalars), _get_json_names(kind)
    fields = cast("dict[str, Any]", value)
    tree: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for key, each in fields.items():
        name = key if key in repairs else json_names.get(key, key)
        if name not in repairs or (name != key and name in fields):
            if each.__class__ in _CONTAINERS and codec.is_too_deep(each):
                raise codec.build_depth_error()
            extra[key] = each
        elif (repair := repairs[name]) is None:
            tree[name] = each
        elif (repaired := repair(each)) is not _DROPPED:
            tree[name] = repaired
    if extra and issubclass(kind, OpenMessage):
        tree[EXTRA_JSON_NAME] = ExtraFields(extra)
    return tree


_CONTAINERS = (dict, list)


@functools.cache
def _get_field_repairs(kind: type[msgspec.Struct], scalars: bool) -> dict[str, _Repair | None]:
    return {each.encode_name: _build_repair(each.type, scalars) for each in get_defined_fields(kind)}


@functools.cache
def _get_json_names(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Map names of fields in snake case, which parsers of protobuf JSON accept, too, to their JSON names."""
    return {each.name: each.encode_name for each in get_defined_fields(kind)}


def _repair_enum(name: str, value: Any) -> Any:
    """Replace the number of an enum value by its name; an unknown number becomes a string of its digits."""
    if not isinstance(value, int) or isinstance(value, bool):
        return _drop_null(value)
    return find_enum_name(name, value) or str(value)


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


def _repair_text(parse: Callable[[str], Any], value: Any) -> Any:
    """Parse a string in place of a scalar; other values but null stay as they are."""
    return parse(value) if isinstance(value, str) else _drop_null(value)


def _repair_int(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _repair_text(functools.partial(_parse_number, int), value)


_repair_float = functools.partial(_repair_text, functools.partial(_parse_number, float))

_SCALAR_REPAIRS: dict[Any, _Repair] = {
    bytes: functools.partial(_repair_text, _to_standard_base64),
    int: _repair_int,
    float: _repair_float,
    bool: functools.partial(_repair_text, lambda text: {"true": True, "false": False}.get(text.lower(), text)),
}
