"""Checks the limits in the fields of classes: msgspec checks its own there, and no others."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, NotRequired, Required, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect
from typing_extensions import TypeAliasType

from genai_fn import codec
from genai_fn.schema.annotations import is_union
from genai_fn.schema.limits import bind_limits

T = TypeVar("T")


def check_field_limits(value: T, kind: Any) -> T:
    """
    Return a value of a type, after a check of the limits in the fields of all classes in it.

    Limits are those that `read_limits` finds, such as ``Ge`` and ``Len`` of annotated_types. A default is not checked.

    Raises:
        msgspec.ValidationError: If a field exceeds a limit; the message states the limit and the path.
    """
    if _has_limits(kind):
        _check(value, kind, "$")
    return value


class _Field(NamedTuple):
    name: str
    json_name: str
    annotation: Any
    bound: Any
    """The annotation with limits that msgspec checks."""
    default: Any


def _check(value: Any, kind: Any, path: str) -> None:
    for member, annotation, bound, place in _iter_members(value, kind, path):
        if bound != annotation:
            _check_bound(member, bound, place)
        _check(member, annotation, place)


def _check_bound(value: Any, bound: Any, path: str) -> None:
    try:
        codec.convert(value, bound, str_keys=True)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{message} - at `{path}{inner.removesuffix('`')}`") from None
    except TypeError:  # msgspec does not support the type: no limit of it is known
        return


def _iter_members(value: Any, kind: Any, path: str) -> Iterator[tuple[Any, Any, Any, str]]:
    """Yield what a value contains: each with its annotation, that with limits for msgspec, and its path."""
    kind = _unwrap(kind)
    if is_union(kind):
        for each in get_args(kind):
            if _is_instance(value, each):
                yield from _iter_members(value, each, path)
                return
        return
    args = get_args(kind)
    items: Any = value
    if fields := _list_fields(get_origin(kind) or kind):
        for each in fields:
            member = items.get(each.name, each.default) if isinstance(value, dict) else getattr(value, each.name)
            if member is not each.default:
                yield member, each.annotation, each.bound, f"{path}.{each.json_name}"
    elif isinstance(value, Mapping) and len(args) == 2:
        yield from ((each, args[1], args[1], f"{path}[...]") for each in items.values())
    elif isinstance(value, Collection) and args:
        kinds = args if isinstance(value, tuple) and args[-1] is not Ellipsis else args[:1] * len(items)
        pairs = enumerate(zip(items, kinds, strict=False))
        yield from ((each, inner, inner, f"{path}[{index}]") for index, (each, inner) in pairs)


def _unwrap(kind: Any) -> Any:
    while isinstance(kind, TypeAliasType) or get_origin(kind) is Annotated:
        kind = kind.__value__ if isinstance(kind, TypeAliasType) else get_args(kind)[0]
    return kind


def _is_instance(value: Any, kind: Any) -> bool:
    """Return whether a value may be one of a member of a union; only classes and containers have fields."""
    plain = _unwrap(kind)
    origin = get_origin(plain) or plain
    if not isinstance(origin, type) or not (_list_fields(origin) or get_args(plain)):
        return False
    return isinstance(value, dict if hasattr(origin, "__required_keys__") else origin)


@cache
def _list_fields(kind: Any) -> tuple[_Field, ...]:
    """List the fields of a Struct, dataclass, NamedTuple or TypedDict; none for any other type."""
    if not isinstance(kind, type):
        return ()
    try:
        known: Any = getattr(codec.inspect_type(kind), "fields", ())
        hints = get_type_hints(kind, include_extras=True)
    except (TypeError, ValueError, NameError):  # msgspec does not support a field, or a name is not defined here
        return ()
    return tuple(_build_field(each, hints[each.name]) for each in known if each.name in hints)


def _build_field(field: inspect.Field, annotation: Any) -> _Field:
    if get_origin(annotation) in (NotRequired, Required):
        annotation = get_args(annotation)[0]
    return _Field(field.name, field.encode_name, annotation, bind_limits(annotation), field.default)


def _has_limits(kind: Any) -> bool:
    try:
        return _find_limits(kind)
    except TypeError:  # a type that cannot be hashed, such as a Literal of lists
        return False


@cache
def _find_limits(kind: Any) -> bool:
    """Return whether a field of a class that values of a type may contain has limits that msgspec does not check."""
    reached, waiting = set[Any](), [kind]
    while waiting:
        each = _unwrap(waiting.pop())
        if each in reached:
            continue
        reached.add(each)
        fields = _list_fields(get_origin(each) or each)
        if any(field.bound != field.annotation for field in fields):
            return True
        waiting += [*get_args(each), *(field.annotation for field in fields)]
    return False
