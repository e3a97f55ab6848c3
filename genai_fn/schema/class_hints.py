"""Reads the annotations of users' classes and functions: aliases, qualifiers, and the arguments of generic classes."""

from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import ReadOnly, TypeAliasType


def unwrap_type(kind: Any) -> tuple[Any, list[Any]]:
    """Remove aliases, qualifiers and ``Annotated``. Returns the metadata as well, innermost first."""
    metadata: list[Any] = []
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind, *outer = get_args(kind)
            metadata += outer
        elif isinstance(kind, NewType):
            kind = kind.__supertype__
        elif isinstance(kind, TypeAliasType):
            kind = kind.__value__
        elif isinstance(origin, TypeAliasType):
            kind = origin.__value__[get_args(kind)]
        elif origin in (Final, Required, NotRequired, ReadOnly):
            (kind,) = get_args(kind)
        else:
            return kind, metadata


def get_field_hints(kind: Any) -> dict[str, Any]:
    """Return the annotations of a class, with type variables replaced by the arguments of a generic one."""
    origin = get_origin(kind) or kind
    given = _bind_type_variables(kind)
    return {name: _substitute(hint, given) for name, hint in get_type_hints(origin, include_extras=True).items()}


def _bind_type_variables(kind: Any) -> dict[Any, Any]:
    """Map the type variables of a class and its bases to their arguments."""
    origin = get_origin(kind) or kind
    given = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    for base in getattr(origin, "__orig_bases__", ()):
        if get_origin(base) not in (None, Generic):
            given = {**_bind_type_variables(_substitute(base, given)), **given}
    return given


def _substitute(hint: Any, given: dict[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    open_ones = getattr(hint, "__parameters__", ()) if get_origin(hint) is not None else ()
    return hint[tuple(given.get(each, each) for each in open_ones)] if open_ones and given else hint
