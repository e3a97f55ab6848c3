"""
`as_struct`: from what people pass (a dict in either spelling, a Struct, a shorthand) to a Struct that holds it settled.

A converter is compiled once for each annotation: a function that answers the value, settled, or raises `Misfit`, which
gathers its path on the way out. A Struct that is settled already comes back as it is.

Every request that is built passes here, mostly with what is right already. So each converter looks first whether the
type is the very one, and those with something inside walk it in one loop within one ``try``, which costs nothing until
it is needed.
"""

import base64
import binascii
import collections.abc
import difflib
import functools
import math
import operator
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.schema._base import Detour, Elsewhere, Message, Misfit, Via

__all__ = ["as_changes", "as_struct", "as_value", "at", "settle"]

M = TypeVar("M", bound=msgspec.Struct)
Converter: TypeAlias = Callable[[Any], Any]


def as_struct(kind: type[M], value: Any, path: str = "config") -> M:
    """
    Settle a value as a Struct: None is an empty one, a mapping may be in snake_case or camelCase, at any depth.

    Raises:
        InvalidRequest: with the path, the value, and what was expected there.

    >>> from genai_fn.schema import Blob
    >>> as_struct(Blob, {"mimeType": "image/png"})
    Blob(mime_type='image/png')
    >>> as_struct(Blob, {"mimeTipe": "image/png"}, "image")
    Traceback (most recent call last):
    genai_fn.errors.InvalidRequest: image.mimeTipe: expected a field of Blob, such as mime_type, got 'image/png'
    """
    settled: M = as_value(kind, {} if value is None else value, path)
    return settled


def as_changes(kind: type[msgspec.Struct], value: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Settle some fields of a Struct, by their Python names; None is kept, as it unsets."""
    try:
        return _given(kind, value)
    except Misfit as misfit:
        raise InvalidRequest(path + "".join(reversed(misfit.steps)), misfit.value, misfit.expected) from None


def as_value(annotation: Any, value: Any, path: str) -> Any:
    """Settle a value by any annotation that a field may have."""
    try:
        return _converter(annotation)(value)
    except Misfit as wrong:
        raise InvalidRequest(path + "".join(reversed(wrong.steps)), wrong.value, wrong.expected) from None
    except RecursionError:
        raise InvalidRequest(path, value, "something that does not hold itself") from None


def settle(annotation: Any, value: Any) -> Any:
    """Do as `as_value` does on the way there, for the functions of marks: a `Misfit` goes on."""
    return _converter(annotation)(value)


@functools.cache
def _converter(annotation: Any) -> Converter:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in _LEAVES:
        return _LEAVES[annotation]
    if origin is Annotated:
        marks = [mark for mark in args[1:] if isinstance(mark, Via)]
        return _via(marks[0], _converter(args[0])) if marks else _converter(args[0])
    if origin in (Union, types.UnionType):
        settled = _either(tuple(each for each in args if each is not type(None)))
        return _optional(settled) if type(None) in args else settled
    if origin is tuple:
        return _sequence(_converter(args[0]))
    if origin in (dict, collections.abc.Mapping):
        return _free_mapping if args[1] is Any else _mapping(_converter(args[1]))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _member(annotation)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return _struct(annotation)
    return functools.partial(_instance, annotation)


# Leaves


def _text(value: Any) -> str:
    if type(value) is str and value.isascii():
        return value
    if not isinstance(value, str) or isinstance(value, Enum):
        raise Misfit(value, "text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misfit(value, "text without lone surrogates") from None
    return value


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise Misfit(value, "True or False")


def _whole(value: Any) -> int:
    if type(value) is int and -(2**63) <= value < 2**64:
        return value
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        raise Misfit(value, "a whole number")
    if not -(2**63) <= value < 2**64:
        raise Misfit(value, "a whole number of 64 bits")
    return int(value)


def _number(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Misfit(value, "a finite number")
    return float(value)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(cast("Any", value))
    try:
        if isinstance(value, str):
            return base64.b64decode(value.translate(_URL_SAFE), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise Misfit(value, "bytes, or their base64")


_URL_SAFE = str.maketrans("-_", "+/")


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise Misfit(value, "a datetime with a time zone")
    return moment


def _free(value: Any) -> Any:
    """Copy JSON of the caller's own, so that no later change reaches the request; what msgspec writes may be in it."""
    if value is None:
        return None
    leaf = _FREE.get(value.__class__)
    if leaf is not None:
        return leaf(value)
    if isinstance(value, Enum):
        return _free(value.value)
    if isinstance(value, Mapping):
        return _free_mapping(value)
    if isinstance(value, list | tuple):
        return _all(_free, cast("Any", value))
    try:
        plain = codec.to_builtins(value)
    except (TypeError, ValueError, OverflowError):
        raise Misfit(value, "JSON") from None
    return plain if type(plain) is type(value) else _free(plain)


_FREE: dict[type, Converter] = {str: _text, bool: _truth, int: _whole, float: _number}


_LEAVES: dict[Any, Converter] = {
    str: _text,
    bool: _truth,
    int: _whole,
    float: _number,
    bytes: _bytes,
    datetime: _moment,
    Any: _free,
}


def _member(kind: type[Enum]) -> Converter:
    def member(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        text = value.value if isinstance(value, Enum) else value  # another library's enum of the same name
        if not isinstance(text, str):
            raise Misfit(value, f"a {kind.__name__}, such as {list(kind)[-1].value!r}")
        return kind(_text(text))

    return member


def _instance(annotation: Any, value: Any) -> Any:
    if isinstance(annotation, type) and isinstance(value, annotation):
        return value
    raise Misfit(value, f"a {getattr(annotation, '__name__', annotation)}")


# Containers


def _via(mark: Via, converter: Converter) -> Converter:
    way = mark.function
    return _detour(way, converter) if isinstance(mark, Detour) else lambda value: converter(way(value))


def _detour(way: Converter, converter: Converter) -> Converter:
    def detour(value: Any) -> Any:
        found = way(value)
        return found if type(found) is Elsewhere else converter(found)

    return detour


def _optional(converter: Converter) -> Converter:
    return lambda value: None if value is None else converter(value)


def _either(kinds: tuple[Any, ...]) -> Converter:
    converters = tuple(map(_converter, kinds))
    if len(converters) == 1:
        return converters[0]

    def either(value: Any) -> Any:
        misfits: list[Misfit] = []
        for converter in converters:
            try:
                return converter(value)
            except Misfit as wrong:
                misfits.append(wrong)
        deepest = max(misfits, key=lambda wrong: len(wrong.steps))
        if not deepest.steps:
            deepest.expected = " or ".join(dict.fromkeys(wrong.expected for wrong in misfits))
        raise deepest

    return either


def _sequence(converter: Converter) -> Converter:
    def sequence(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) and (isinstance(value, _SCALARS) or not isinstance(value, Iterable)):
            raise Misfit(value, "a list")
        items: tuple[Any, ...] = cast("Any", value) if isinstance(value, tuple) else tuple(cast("Any", value))
        settled = _all(converter, items)
        return items if all(map(operator.is_, settled, items)) else tuple(settled)

    return sequence


_SCALARS = (str, bytes, Mapping, msgspec.Struct)


def _all(converter: Converter, items: Iterable[Any]) -> list[Any]:
    settled: list[Any] = []
    try:
        for each in items:
            settled.append(converter(each))  # noqa: PERF401  # its length is the step to what does not fit
    except Misfit as wrong:
        wrong.steps.append(f"[{len(settled)}]")
        raise
    return settled


def _mapping(converter: Converter) -> Converter:
    def mapping(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Misfit(value, "a mapping")
        settled: dict[str, Any] = {}
        for key, each in cast("Any", value).items():
            name = _text(key)
            try:
                settled[name] = converter(each)
            except Misfit as wrong:
                wrong.steps.append(f".{name}")
                raise
        return settled

    return mapping


_free_mapping = _mapping(_free)


def at(step: int | str, converter: Converter, value: Any) -> Any:
    """Settle what is one step further in: an index, or a name."""
    try:
        return converter(value)
    except Misfit as wrong:
        wrong.steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        raise


# Structs


def _struct(kind: type[msgspec.Struct]) -> Converter:
    def struct(value: Any) -> Any:
        if isinstance(value, kind):
            return _settled(value)
        fields = cast("Mapping[str, Any]", value) if type(value) is dict or isinstance(value, Mapping) else None
        if fields is not None and _names(kind).keys() >= fields.keys():
            return _read(kind, fields)
        coerced = _coerced(kind, value) if issubclass(kind, Message) else NotImplemented
        if coerced is NotImplemented and fields is not None:
            return _read(kind, fields)  # which says what does not fit
        if coerced is NotImplemented:
            raise Misfit(value, f"a {kind.__name__} or a dict of its fields")
        return _settled(coerced) if isinstance(coerced, kind) else _read(kind, coerced)

    return struct


def _coerced(kind: type[Message], value: Any) -> Any:
    return kind._coerce(value)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no method for users


def _settled(value: msgspec.Struct) -> msgspec.Struct:
    converters = _set_fields(type(value))
    changes: dict[str, Any] = {}
    index = 0
    try:
        for index, old in enumerate(msgspec.structs.astuple(value)):  # half the time of a zip: most is None
            if old is not None and (new := converters[index](old)) is not old:
                changes[value.__struct_fields__[index]] = new
    except Misfit as wrong:
        wrong.steps.append(f".{value.__struct_fields__[index]}")
        raise
    if not changes:
        return value
    _put_elsewhere(type(value), changes, value)
    return msgspec.structs.replace(value, **changes)


def _read(kind: type[msgspec.Struct], value: Mapping[str, Any]) -> msgspec.Struct:
    try:
        return kind(**_given(kind, value))
    except TypeError as error:  # a required field is missing
        raise Misfit(value, f"{kind.__name__}: {error}") from None


def _given(kind: type[msgspec.Struct], value: Mapping[str, Any]) -> dict[str, Any]:
    names, converters = _names(kind), _fields(kind)
    given: dict[str, Any] = {}
    for key, each in value.items():
        name = names.get(key)
        if name is None:
            raise _unknown(kind, key, each)
        if name in given:
            raise Misfit(each, "one spelling of a field", f".{key}")
        try:
            given[name] = converters[name](each)
        except Misfit as wrong:
            wrong.steps.append(f".{key}")
            raise
    _put_elsewhere(kind, given, None)
    return given


def _put_elsewhere(kind: type[msgspec.Struct], given: dict[str, Any], before: msgspec.Struct | None) -> None:
    """Put what belongs into another field there, and None in its place."""
    for name in _detours(kind):
        found = given.get(name)
        if type(found) is Elsewhere:
            if given.get(found.field, getattr(before, found.field, None)) is not None:
                raise Misfit(found.value, f"nothing beside {found.field}, where this shape goes as well", f".{name}")
            given |= {name: None, found.field: found.value}


@functools.cache
def _detours(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name in kind.__struct_fields__ if _has_detour(hints[name]))


def _has_detour(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(map(_has_detour, get_args(annotation)))
    return get_origin(annotation) is Annotated and any(isinstance(mark, Detour) for mark in get_args(annotation)[1:])


def _unknown(kind: type[msgspec.Struct], key: Any, value: Any) -> Misfit:
    if key in _SAID_ELSEWHERE:
        return Misfit(value, f"the modifier {_SAID_ELSEWHERE[key]} in its place", f".{key}")
    near = difflib.get_close_matches(str(key), kind.__struct_fields__, 1, 0.4)
    return Misfit(value, f"a field of {kind.__name__}{f', such as {near[0]}' if near else ''}", f".{key}")


_SAID_ELSEWHERE = {
    "http_options": "with_options(…)",
    "httpOptions": "with_options(…)",
    "should_return_http_response": "with_http_response",
    "shouldReturnHttpResponse": "with_http_response",
}


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, Converter]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: _converter(hints[name]) for name in kind.__struct_fields__}


@functools.cache
def _set_fields(kind: type[msgspec.Struct]) -> tuple[Converter, ...]:
    """Give the converters for what is not None: so ``X | None`` is X."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_converter(_without_none(hints[name])) for name in kind.__struct_fields__)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return annotation if any(isinstance(mark, Via) for mark in marks) else _without_none(inner)
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    return Union[tuple(each for each in get_args(annotation) if each is not type(None))]  # noqa: UP007  # made of values


@functools.cache
def _names(kind: type[msgspec.Struct]) -> dict[str, str]:
    pairs = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    return {spelling: name for word, name in pairs for spelling in (word, name)}
