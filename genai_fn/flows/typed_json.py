"""Converts JSON values to Python types, and Python values to JSON."""

from typing import Annotated, Any, get_args, get_origin

import msgspec

from genai_fn import codec
from genai_fn.schema.annotations import is_union
from genai_fn.schema.limits import bind_limits

__all__ = ["convert_json", "to_json"]


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
        return codec.convert(value, kind, strict=strict, str_keys=True, dec_hook=_decode_custom)
    except TypeError:  # msgspec does not support the type
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return convert_json(value, args[0], strict=strict)
        if is_union(kind):
            return _convert_first_match(value, args, strict=strict)
        if origin is not list:
            raise
    return [convert_json(each, args[0], strict=strict) for each in convert_json(value, list[Any])]


def to_json(value: Any) -> Any:
    """
    Convert a value to what decoded JSON contains: dicts, lists, strings, numbers, booleans and None.

    Raises:
        TypeError: If msgspec does not support the type, and it has no ``model_dump()``.

    >>> to_json({1: (True, b"?")})
    {'1': [True, 'Pw==']}
    """
    return codec.decode(codec.encode(value, enc_hook=_encode_custom))


def _convert_first_match(value: Any, kinds: tuple[Any, ...], *, strict: bool) -> Any:
    errors: list[msgspec.ValidationError] = []
    for kind in kinds:
        try:
            return convert_json(value, kind, strict=strict)
        except msgspec.ValidationError as error:
            errors.append(error)
    raise msgspec.ValidationError("; or ".join(map(str, errors)))


def _decode_custom(kind: Any, value: Any) -> Any:
    validate = getattr(kind, "model_validate_json", None)
    if validate is None:
        raise ValueError(f"Expected nothing, as {getattr(kind, '__name__', kind)} cannot be read from JSON")
    try:
        return validate(codec.encode(value))
    except ValueError as error:
        raise ValueError(_format_error(error)) from None


def _format_error(error: Any) -> str:
    """Format a ValueError on one line: the message of a pydantic error has several lines, and links."""
    list_errors = getattr(error, "errors", None)
    if list_errors is None:
        return str(error)
    problems = [(".".join(map(str, each["loc"])), each["msg"]) for each in list_errors(include_url=False)]
    return "; ".join(f"{where}: {what}" if where else what for where, what in problems)


def _encode_custom(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"a {type(value).__name__} cannot be converted to JSON")
    return dump(mode="json")
