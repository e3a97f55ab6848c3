"""Between JSON and the types of the program: `fitted` on the way in, `jsonable` on the way out."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from genai_fn import codec
from genai_fn.schema.limits import bind_limits

__all__ = ["convert_json", "to_json"]


def convert_json(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """
    Make a value of any type out of what JSON was decoded into.

    Types are read as `json_schema` describes them: msgspec's own, a union of classes without tags as the first that
    fits, a class with a ``model_validate_json()``, as pydantic's have, by that.

    Raises:
        msgspec.ValidationError: with what was expected, and where.

    >>> convert_json([1, 2], tuple[float, ...])
    (1.0, 2.0)
    """
    kind = bind_limits(kind)
    try:
        return codec.convert(value, kind, strict=strict, str_keys=True, dec_hook=_decode_custom)
    except TypeError:  # which msgspec means for the type, and not for the value
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return convert_json(value, args[0], strict=strict)
        if origin in (Union, UnionType):
            return _convert_first_match(value, args, strict=strict)
        if origin is not list:
            raise
    return [convert_json(each, args[0], strict=strict) for each in convert_json(value, list[Any])]


def to_json(value: Any) -> Any:
    """
    Say a value in what JSON has: dicts, lists, texts, numbers, truths and None.

    >>> to_json({1: (True, b"?")})
    {'1': [True, 'Pw==']}
    """
    return codec.decode(codec.encode(value, enc_hook=_encode_custom))


def _convert_first_match(value: Any, kinds: tuple[Any, ...], *, strict: bool) -> Any:
    wrong: list[msgspec.ValidationError] = []
    for kind in kinds:
        try:
            return convert_json(value, kind, strict=strict)
        except msgspec.ValidationError as error:
            wrong.append(error)
    raise msgspec.ValidationError("; or ".join(map(str, wrong)))


def _decode_custom(kind: Any, value: Any) -> Any:
    read = getattr(kind, "model_validate_json", None)
    if read is None:
        raise ValueError(f"Expected nothing, as {getattr(kind, '__name__', kind)} has no form in JSON")
    try:
        return read(codec.encode(value))
    except ValueError as error:
        raise ValueError(_format_error(error)) from None


def _format_error(error: Any) -> str:
    """Say a ValueError on one line; pydantic's has several, with a link each."""
    tell = getattr(error, "errors", None)
    if tell is None:
        return str(error)
    problems = [(".".join(map(str, each["loc"])), each["msg"]) for each in tell(include_url=False)]
    return "; ".join(f"{where}: {what}" if where else what for where, what in problems)


def _encode_custom(value: Any) -> Any:
    tell = getattr(value, "model_dump", None)
    if tell is None:
        raise TypeError(f"a {type(value).__name__} has no form in JSON")
    return tell(mode="json")
