"""
Converts arguments (dicts in snake_case or camelCase, Structs, shorthands) to the types of the API.

A converter is compiled once for each annotation: a function that returns the converted value or raises
`ConversionError`, which collects its path on the way out. A Struct that needs no conversion is returned as it is.

As in the JSON of protocol buffers, one object is accepted in place of a list, and the number of an enum value in place
of its name.

Every request passes through here, mostly with values of the right type. So each converter checks first for the exact
type, and containers are converted in one loop within one ``try``, which costs nothing unless an error is raised.
"""

import base64
import binascii
import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast, get_origin

import msgspec
from msgspec.structs import FieldInfo

from genai_fn import codec
from genai_fn.codec import ExtraFields
from genai_fn.errors import InvalidRequest
from genai_fn.schema.annotations import (
    EnumOf,
    MappingOf,
    OptionalOf,
    ScalarOf,
    StructOf,
    TupleOf,
    UnionOf,
    classify_annotation,
    find_metadata,
    get_fields,
    index_fields_by_spelling,
)
from genai_fn.schema.base import (
    DEPTH_LIMIT,
    Coerce,
    ConversionError,
    Message,
    RedirectedValue,
    RedirectingCoerce,
)
from genai_fn.schema.enum_numbers import ENUM_NUMBERS, find_enum_name
from genai_fn.schema.field_errors import add_field_step, build_type_error, build_unknown_field_error
from genai_fn.schema.foreign_values import is_google_genai_value, list_column, read_google_genai_value, unwrap_scalar
from genai_fn.schema.reusable import ReusableMessage, convert_once
from genai_fn.values import FrozenDict, FrozenList

M = TypeVar("M", bound=msgspec.Struct)
Converter: TypeAlias = Callable[[Any], Any]


def as_struct(kind: type[M], value: Any, path: str = "config") -> M:
    """
    Convert a value to a Struct. None gives an empty one; mappings may be in snake_case or camelCase, at any depth.

    Raises:
        InvalidRequest: If the value does not fit, with the path, the value there, and what was expected.

    >>> from genai_fn.schema import Blob
    >>> as_struct(Blob, {"mimeType": "image/png"})
    Blob(mime_type='image/png')
    >>> as_struct(Blob, {"mimeTipe": "image/png"}, "image")
    Traceback (most recent call last):
    genai_fn.errors.InvalidRequest: image.mimeTipe: expected a field of Blob, such as mime_type, got 'image/png'
    """
    converted: M = as_value(kind, {} if value is None else value, path)
    return converted


def as_changes(kind: type[msgspec.Struct], value: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Convert some fields of a Struct, and return them by their Python names. None is kept: it unsets a field."""
    changes: dict[str, Any] = _convert_at(path, functools.partial(_convert_given_fields, kind), value)
    return changes


def as_value(annotation: Any, value: Any, path: str) -> Any:
    """Convert a value by any annotation that a field may have. Raises InvalidRequest with the path."""
    return _convert_at(path, _build_converter(annotation), value)


def _convert_at(path: str, converter: Converter, value: Any) -> Any:
    """Call a converter, and convert its errors, and those of JSON that nests too deep, to InvalidRequest."""
    if value.__class__ in _PLAIN_CONTAINERS and codec.is_too_deep(value):
        raise InvalidRequest(path, type(value), DEPTH_LIMIT)
    try:
        return converter(value)
    except ConversionError as error:
        raise InvalidRequest(path + "".join(reversed(error.steps)), error.value, error.expected) from None
    except RecursionError:
        raise InvalidRequest(path, type(value), DEPTH_LIMIT) from None


_PLAIN_CONTAINERS = (dict, list, tuple)


def convert(annotation: Any, value: Any) -> Any:
    """Convert as `as_value` does, for use within a conversion: raises ConversionError, which has no whole path yet."""
    return _build_converter(annotation)(value)


@functools.cache
def _build_converter(annotation: Any) -> Converter:
    coerce = find_metadata(annotation, Coerce)
    converter = _build_plain_converter(annotation)
    return converter if coerce is None else _build_coercing_converter(coerce, converter)


def _build_plain_converter(annotation: Any) -> Converter:
    """Build the converter of an annotation without the `Coerce` in its metadata."""
    match classify_annotation(annotation):
        case OptionalOf(inner):
            return _build_optional_converter(_build_converter(inner))
        case UnionOf(members):
            return _build_union_converter(tuple(map(_build_converter, members)))
        case TupleOf(item):
            return _build_tuple_converter(_build_converter(item))
        case MappingOf(value):
            return _build_mapping_converter(_build_converter(value))
        case StructOf(struct_type):
            converter = _build_struct_converter(struct_type)
            return convert_once(converter) if issubclass(struct_type, ReusableMessage) else converter
        case EnumOf(enum_type):
            return _build_enum_converter(enum_type)
        case ScalarOf(kind) if get_origin(kind) is Callable:
            return _check_function
        case ScalarOf(kind):
            return _SCALAR_CONVERTERS.get(kind) or functools.partial(_check_instance, kind)


def is_plain_text(value: Any) -> bool:
    """Whether a value is a text that needs no conversion."""
    return type(value) is str and (value.isascii() or _has_no_surrogates(value))


def _has_no_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _convert_text(value: Any) -> str:
    if type(value) is str and value.isascii():
        return value
    if not isinstance(value, str) or isinstance(value, Enum):
        raise ConversionError(value, "text")
    if not _has_no_surrogates(value):
        raise ConversionError(value, "text without lone surrogates")
    return str.__str__(value)  # of a subclass, such as NumPy's, which msgspec does not encode


def _convert_bool(value: Any) -> bool:
    plain = value if value is True or value is False else unwrap_scalar(value)
    if plain is True or plain is False:
        return plain
    raise ConversionError(value, "True or False")


def _convert_int(value: Any) -> int:
    if type(value) is int and -(2**63) <= value < 2**64:
        return value
    plain = unwrap_scalar(value)
    if isinstance(plain, bool) or not (isinstance(plain, int) or (isinstance(plain, float) and plain.is_integer())):
        raise ConversionError(value, "a whole number")
    if not -(2**63) <= plain < 2**64:
        raise ConversionError(value, "a whole number of 64 bits")
    return int(plain)


def _convert_float(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    plain = unwrap_scalar(value)
    if not isinstance(plain, bool) and isinstance(plain, int | float):
        try:
            number = float(plain)
        except OverflowError:  # an int that is larger than any float
            number = math.inf
        if math.isfinite(number):
            return number
    raise ConversionError(value, "a finite number")


def _convert_bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(cast("Any", value))
    try:
        if isinstance(value, str):
            return base64.b64decode(value.translate(_URL_SAFE_TO_STANDARD), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ConversionError(value, "bytes, or their base64")


_URL_SAFE_TO_STANDARD = str.maketrans("-_", "+/")


def _convert_datetime(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ConversionError(value, "a datetime with a time zone")
    if type(moment) is datetime:
        return moment
    # Of a subclass, such as pandas', which msgspec does not encode
    return datetime.combine(moment.date(), moment.timetz())


def _convert_free_form(value: Any) -> Any:
    """Copy free-form JSON to containers that cannot change. Types that msgspec encodes are accepted."""
    return _check_depth(_convert_json(value))


def _check_depth(value: Any) -> Any:
    if codec.is_too_deep(value):
        raise ConversionError(type(value), DEPTH_LIMIT)
    return value


def _convert_json(value: Any) -> Any:
    if value is None:
        return None
    leaf = _JSON_SCALAR_CONVERTERS.get(value.__class__)
    if leaf is not None:
        return leaf(value)
    if isinstance(value, Enum):
        return _convert_json(value.value)
    if isinstance(value, str):
        return _convert_text(value)
    if isinstance(value, Mapping):
        return _convert_json_mapping(value)
    if isinstance(value, list | tuple):
        items: Any = cast("Any", value)
        converted = convert_items(_convert_json, items)
        is_frozen = issubclass(type(items), FrozenList)
        return items if is_frozen and _are_same(converted, items) else FrozenList(converted)
    foreign = _read_foreign_json(value)
    if foreign is not value:
        return _convert_json(foreign)
    try:
        plain = codec.to_builtins(value)
    except (TypeError, ValueError, OverflowError):
        raise ConversionError(value, "JSON") from None
    return plain if type(plain) is type(value) else _convert_json(plain)


def _read_foreign_json(value: Any) -> Any:
    """Return the Python value of a number or an array of numpy, or of a column; any other value as it is."""
    items = list_column(value)
    return unwrap_scalar(value) if items is None else items


_JSON_SCALAR_CONVERTERS: dict[type, Converter] = {
    str: _convert_text,
    bool: _convert_bool,
    int: _convert_int,
    float: _convert_float,
}


_SCALAR_CONVERTERS: dict[Any, Converter] = {
    str: _convert_text,
    bool: _convert_bool,
    int: _convert_int,
    float: _convert_float,
    bytes: _convert_bytes,
    datetime: _convert_datetime,
    Any: _convert_free_form,
}


def _build_enum_converter(kind: type[Enum]) -> Converter:
    members = {member.value: member for member in kind}

    def convert_enum(value: Any) -> Any:
        if type(value) is str and (member := members.get(value)) is not None:
            return member
        if isinstance(value, kind):
            if isinstance(value, str) and not value.isascii():  # a value that the enum does not list
                _convert_text(str(value))
            return value
        text = _find_enum_text(kind, value)
        if not isinstance(text, str):
            known = ENUM_NUMBERS.get(kind.__name__)
            numbers = f", or its number, from 0 to {max(known)}" if known else ""
            raise ConversionError(value, f"a {kind.__name__}, such as {list(kind)[-1].value!r}{numbers}")
        return kind(_convert_text(text))

    return convert_enum


def _find_enum_text(kind: type[Enum], value: Any) -> Any:
    """Return the text of a value of an enum, which may be a number, or a member of another library's enum."""
    if isinstance(value, Enum) and not isinstance(value.value, str) and value.name in kind.__members__:
        return value.name
    plain = value.value if isinstance(value, Enum) else unwrap_scalar(value)
    return find_enum_name(kind.__name__, plain) if isinstance(plain, int) and not isinstance(plain, bool) else plain


def _check_instance(annotation: Any, value: Any) -> Any:
    if isinstance(annotation, type) and isinstance(value, annotation):
        return value
    raise ConversionError(value, f"a {getattr(annotation, '__name__', annotation)}")


def _check_function(value: Any) -> Any:
    if callable(value):
        return value
    raise ConversionError(value, "a function")


def _build_coercing_converter(coerce: Coerce, converter: Converter) -> Converter:
    function = coerce.function

    def convert_coerced(value: Any) -> Any:
        coerced = function(value)
        return coerced if type(coerced) is RedirectedValue else converter(coerced)

    return convert_coerced


def _build_optional_converter(converter: Converter) -> Converter:
    return lambda value: None if value is None else converter(value)


def _build_union_converter(converters: tuple[Converter, ...]) -> Converter:
    def convert_union(value: Any) -> Any:
        errors: list[ConversionError] = []
        for converter in converters:
            try:
                return converter(value)
            except ConversionError as error:
                errors.append(error)
        deepest = max(errors, key=lambda error: len(error.steps))
        if not deepest.steps:
            deepest.expected = " or ".join(dict.fromkeys(error.expected for error in errors))
        raise deepest

    return convert_union


def _build_tuple_converter(converter: Converter) -> Converter:
    def convert_tuple(value: Any) -> tuple[Any, ...]:
        if type(value) is list:
            return tuple(convert_items(converter, cast("Any", value)))
        items: tuple[Any, ...] | None = cast("Any", value) if type(value) is tuple else _list_items(value)
        if items is None:  # one object in place of a list
            return (converter(value),)
        converted = convert_items(converter, items)
        return items if _are_same(converted, items) else tuple(converted)

    return convert_tuple


def _list_items(value: Any) -> tuple[Any, ...] | None:
    """Return the items of an iterable as a tuple; None for one object in place of a list."""
    if isinstance(value, list | tuple):
        return tuple(cast("Any", value))
    if isinstance(value, Mapping | Message) or is_google_genai_value(value):
        return None
    if isinstance(value, _NOT_LISTS) or not isinstance(value, Iterable):
        raise ConversionError(value, "a list")
    return tuple(cast("Any", value))


_NOT_LISTS = (str, bytes, msgspec.Struct)


def convert_items(converter: Converter, items: Iterable[Any]) -> list[Any]:
    """Convert each item. An error gets the index of the item as a step of its path."""
    converted: list[Any] = []
    try:
        for each in items:
            converted.append(converter(each))  # noqa: PERF401  # its length is the index of the item that failed
    except ConversionError as error:
        error.steps.append(f"[{len(converted)}]")
        raise
    return converted


def _build_mapping_converter(converter: Converter) -> Converter:
    def convert_mapping(value: Any) -> FrozenDict[Any]:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise ConversionError(value, "a mapping")
        converted: dict[str, Any] = {}
        for key, each in cast("Any", value).items():
            name = key if type(key) is str and key.isascii() else _convert_text(key)
            try:
                converted[name] = converter(each)
            except ConversionError as error:
                error.steps.append(f".{name}")
                raise
        given: Any = cast("Any", value)
        is_frozen = issubclass(type(given), FrozenDict)
        if is_frozen and _are_same(converted, given) and _are_same(converted.values(), given.values()):
            frozen: FrozenDict[Any] = given
            return frozen
        return FrozenDict(converted)

    return convert_mapping


def _are_same(converted: Iterable[Any], given: Iterable[Any]) -> bool:
    """Whether a conversion has returned every item itself; both have the same length."""
    return all(map(operator.is_, converted, given))


_convert_json_mapping = _build_mapping_converter(_convert_json)


def _build_struct_converter(kind: type[msgspec.Struct]) -> Converter:
    coerce = _find_coerce(kind)

    def convert_struct(value: Any) -> Any:
        is_dict = type(value) is dict
        if not is_dict and isinstance(value, kind):
            return _convert_set_fields(value)
        fields = cast("Mapping[str, Any]", value) if is_dict or isinstance(value, Mapping) else None
        if fields is not None and (coerce is None or _plan_struct(kind).by_spelling.keys() >= fields.keys()):
            return _build_struct(kind, fields)
        coerced = NotImplemented if coerce is None else coerce(value)
        if coerced is not NotImplemented:
            return _convert_set_fields(coerced) if isinstance(coerced, kind) else _build_struct(kind, coerced)
        if fields is not None:
            return _build_struct(kind, fields)  # raises an error with the path
        google_fields = read_google_genai_value(value)
        if google_fields is None:
            raise build_type_error(kind, value)
        return convert_struct(google_fields)

    return convert_struct


def _find_coerce(kind: type[msgspec.Struct]) -> Converter | None:
    """Return the ``_coerce`` of a type, for values of other types; None if it has none of its own and accepts none."""
    name = "_coerce"  # not public on the type
    has_own = any(name in vars(each) for each in kind.__mro__ if each is not Message)
    return getattr(kind, name) if has_own else None


def _convert_set_fields(value: msgspec.Struct) -> msgspec.Struct:
    plan = _plan_struct(type(value))
    fields = plan.fields
    changes: dict[str, Any] = {}
    index = 0
    try:
        for index, old in enumerate(msgspec.structs.astuple(value)):  # half the time of a zip: most fields are None
            if old is not None and (new := fields[index].convert(old)) is not old:
                changes[fields[index].name] = new
    except ConversionError as error:
        add_field_step(error, type(value), fields[index].name, fields[index].name)
        raise
    if not changes:
        return value
    if plan.redirects:
        _redirect_values(plan, changes, value)
    return msgspec.structs.replace(value, **changes)


def _build_struct(kind: type[msgspec.Struct], value: Mapping[str, Any]) -> msgspec.Struct:
    try:
        return kind(**_convert_given_fields(kind, value))
    except TypeError as error:  # a required field is missing
        raise ConversionError(value, f"{kind.__name__}: {error}") from None


def _convert_given_fields(kind: type[msgspec.Struct], value: Mapping[str, Any]) -> dict[str, Any]:
    plan = _plan_struct(kind)
    find_field = plan.by_spelling.get
    given: dict[str, Any] = {}
    for key, each in value.items():
        field = find_field(key)
        if field is None:
            raise build_unknown_field_error(kind, key, each)
        name, converter, is_optional = field
        if name in given:
            raise ConversionError(each, "a field only once, in one spelling", f".{key}")
        try:
            given[name] = None if each is None and is_optional else converter(each)
        except ConversionError as error:
            add_field_step(error, kind, name, key)
            raise
    if plan.redirects:
        _redirect_values(plan, given, None)
    return given


def _redirect_values(plan: "_StructPlan", given: dict[str, Any], before: msgspec.Struct | None) -> None:
    """Move each `RedirectedValue` to the other field, and set None in its place."""
    for name, other in plan.redirects:
        found = given.get(name)
        if type(found) is RedirectedValue:
            if given.get(other, getattr(before, other, None)) is not None:
                raise ConversionError(found.value, f"nothing beside {other}, which this schema is sent in", f".{name}")
            given |= {name: None, other: plan.by_spelling[other].convert(found.value)}
        elif before is None and name in given:  # unset what an earlier value of a changed request was moved to
            given.setdefault(other, None)


class _FieldPlan(NamedTuple):
    """How to convert a field of a Struct."""

    name: str
    convert: Converter
    """The converter of a value that is set: for ``X | None``, the converter of X."""
    is_optional: bool
    """Whether None needs no conversion."""


class _StructPlan(NamedTuple):
    """How to convert the fields of a Struct: what is looked up for each value of its type."""

    fields: tuple[_FieldPlan, ...]
    by_spelling: dict[str, _FieldPlan]
    """The fields by their names in Python and in JSON; for ``extra`` the latter is ``*``, which only msgspec writes."""
    redirects: tuple[tuple[str, str], ...]
    """The fields whose converters may return a `RedirectedValue`, and the other field of each."""


@functools.cache
def _plan_struct(kind: type[msgspec.Struct]) -> _StructPlan:
    infos = get_fields(kind)
    fields = tuple(_plan_field(kind, each) for each in infos)
    pairs = zip(infos, fields, strict=True)
    by_spelling = {spelling: plan for info, plan in pairs for spelling in (info.encode_name, info.name)}
    coercions = ((each.name, find_metadata(_strip_none(each.type), RedirectingCoerce)) for each in infos)
    redirects = tuple((name, coerce.other_field) for name, coerce in coercions if coerce is not None)
    return _StructPlan(fields, by_spelling, redirects)


def _plan_field(kind: type[msgspec.Struct], info: FieldInfo) -> _FieldPlan:
    if info.type is ExtraFields:
        return _FieldPlan(info.name, functools.partial(_convert_extra_fields, kind), is_optional=True)
    inner = _strip_none(info.type)
    return _FieldPlan(info.name, _build_converter(inner), is_optional=inner is not info.type)


def _strip_none(annotation: Any) -> Any:
    match classify_annotation(annotation):
        case OptionalOf(inner) if find_metadata(annotation, Coerce) is None:
            return inner
        case _:
            return annotation


def _convert_extra_fields(kind: type[msgspec.Struct], value: Any) -> ExtraFields | None:
    extra: Any = _check_depth(_convert_json_mapping(value))
    if (
        type(value) is not ExtraFields
    ):  # a server may have used the other spelling of a field: it is sent back as it came
        for name, each in extra.items():
            if name in index_fields_by_spelling(kind):
                raise ConversionError(each, f"{name} outside of extra, as {kind.__name__} has this field", f".{name}")
    if not extra:
        return None
    return extra if type(extra) is ExtraFields else ExtraFields(extra)
