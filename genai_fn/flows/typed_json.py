"""Converts JSON values to Python types, and Python values to JSON."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, cast, get_args, get_origin

import msgspec

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.schema.annotations import is_union
from genai_fn.schema.base import DEPTH_LIMIT
from genai_fn.schema.field_limits import check_field_limits
from genai_fn.schema.limits import bind_limits
from genai_fn.schema.other_types import decode_other_type, encode_other_type


def convert_json(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """
    Convert a decoded JSON value to a value of type `kind`.

    `kind` is any type that `build_json_schema` accepts: types that msgspec supports; unions of untagged classes, of
    which the first that matches is used; and classes with ``model_validate_json()``, such as pydantic models. Without
    `strict`, msgspec also converts strings such as ``"1"`` to numbers.

    Raises:
        msgspec.ValidationError: If the value does not match; the message states the expected type and the path.

    >>> convert_json([1, 2], tuple[float, ...])
    (1.0, 2.0)
    """
    kind = bind_limits(kind)
    try:
        converted: Any = codec.convert(value, kind, strict=strict, str_keys=True, dec_hook=decode_other_type)
    except TypeError:  # msgspec does not support the type
        return _convert_unsupported(value, kind, strict=strict)
    return check_field_limits(converted, kind)


def convert_answer(value: Any, kind: Any) -> Any:
    """
    Convert the JSON of a model: as `convert_json`, but a whole number may be written as ``3.0``.

    JSON Schema counts that as an integer.

    >>> convert_answer([1.0, 2], list[int])
    [1, 2]
    """
    try:
        return convert_json(value, kind)
    except msgspec.ValidationError as error:
        try:
            return convert_json(to_whole_numbers(value), kind)
        except msgspec.ValidationError:
            raise error from None


def to_whole_numbers(value: Any) -> Any:
    """Convert 3.0 to 3: JSON from a protobuf Struct has no integers. `convert_json` converts it back where needed."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: to_whole_numbers(each) for key, each in cast("Any", value).items()}
    return [to_whole_numbers(each) for each in cast("Any", value)] if isinstance(value, list) else value


def _convert_unsupported(value: Any, kind: Any, *, strict: bool) -> Any:
    """Convert to a type that msgspec does not support as a whole: member by member."""
    origin, args = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _convert_choice(value, tuple(kind))
    if origin is Literal:
        return _convert_choice(value, args)
    if origin is Annotated:
        return convert_json(value, args[0], strict=strict)
    if is_union(kind):
        return _convert_first_match(value, args, strict=strict)
    if not isinstance(origin, type):
        raise TypeError(f"{kind} cannot be read from JSON")
    if issubclass(origin, Mapping):
        members: dict[Any, Any] = convert_json(value, _subscript(dict, args[0], Any), strict=strict)
        return {name: convert_json(each, args[1], strict=strict) for name, each in members.items()}
    if origin is tuple and args[-1] is not Ellipsis:
        items = convert_json(value, _subscript(tuple, *[Any] * len(args)))
        return tuple(convert_json(each, item, strict=strict) for each, item in zip(items, args, strict=True))
    empty: Any = codec.convert([], cast("Any", origin))  # of ``Sequence``, a list
    return type(empty)(convert_json(each, args[0], strict=strict) for each in convert_json(value, list[Any]))


def _subscript(generic: Any, *args: Any) -> Any:
    return generic[args]


def _convert_choice(value: Any, choices: tuple[Any, ...]) -> Any:
    """Return the member of an enum or ``Literal`` with this value."""
    for choice in choices:
        plain = choice.value if isinstance(choice, Enum) else choice
        if plain == value and isinstance(plain, bool) == isinstance(value, bool):
            return choice
    raise msgspec.ValidationError(f"Invalid enum value {value!r}")


def to_json(value: Any) -> Any:
    """
    Convert a value to what decoded JSON contains: dicts, lists, strings, numbers, booleans and None.

    Raises:
        TypeError: If msgspec does not support the type, and it has no ``model_dump()``.

        InvalidRequest: If the value nests too deep.

    >>> to_json({1: (True, b"?")})
    {'1': [True, 'Pw==']}
    """
    try:
        return codec.decode(codec.encode(value, enc_hook=encode_other_type))
    except (msgspec.ValidationError, RecursionError):
        raise InvalidRequest("result", type(value), DEPTH_LIMIT) from None


def _convert_first_match(value: Any, kinds: tuple[Any, ...], *, strict: bool) -> Any:
    errors: list[msgspec.ValidationError] = []
    for kind in kinds:
        try:
            return convert_json(value, kind, strict=strict)
        except msgspec.ValidationError as error:
            errors.append(error)
    raise msgspec.ValidationError("; or ".join(map(str, errors)))
