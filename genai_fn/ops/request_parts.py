"""Helpers that several operations share: bodies, queries and empty responses."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

from msgspec import Struct
from msgspec.structs import fields

from genai_fn.request import ResponseReader
from genai_fn.schema.annotations import get_fields, iter_types
from genai_fn.schema.base import Message

__all__ = ["EMPTY_RESPONSE", "as_type", "build_query", "copy_as", "copy_fields", "omit_if_empty"]

S = TypeVar("S", bound=Struct)
M = TypeVar("M", bound=Message)


class _EmptyBody(Message):
    """A response without content."""


def _decode_nothing(wire: _EmptyBody) -> None:
    """Return None, whatever the response contains."""


EMPTY_RESPONSE: Final[ResponseReader[None]] = ResponseReader(_EmptyBody, _decode_nothing, may_be_empty=True)
"""Reader of the empty response to a delete or cancel call."""


def as_type(kind: type[S], value: object) -> S | None:
    """Narrow a field for type checkers: ``as_struct`` has already converted it to `kind`."""
    assert value is None or isinstance(value, kind)  # noqa: S101  # narrows the type for checkers
    return value


def omit_if_empty(body: M) -> M | None:
    """Return None instead of a body in which no field is set."""
    return None if body == type(body)() else body


def copy_fields(kind: type[M], source: Message, **changes: object) -> M:
    """
    Build a message of type `kind` from another one with the same fields; `changes` replaces single fields.

    The fields that the other one does not define are copied too.
    """
    copied = {name: getattr(source, name) for name in kind.__struct_fields__ if name not in ("extra", *changes)}
    extra: Any = getattr(source, "extra", None)
    return kind(**copied, **({} if extra is None else {"extra": extra}), **changes)


def copy_as(kind: type[M], source: Message, **changes: object) -> M:
    """
    Build a message of type `kind` from one with fields of the same names, at any depth.

    It converts between a type and its form on the wire, where types within them have other JSON names. Fields that only
    one of the two has are omitted; `changes` replaces single fields. A message of type `kind` is returned as it is.
    """
    if type(source) is kind and not changes:
        return source
    types = {each.name: each.type for each in get_fields(kind)}
    values = {name: getattr(source, name) for name in types if name not in changes and hasattr(source, name)}
    copied = {name: value if name == "extra" else _copy_value(types[name], value) for name, value in values.items()}
    return kind(**copied, **changes)


def _copy_value(annotation: Any, value: Any) -> Any:
    if isinstance(value, Message):
        kinds = [each for each in iter_types(annotation) if isinstance(each, type) and issubclass(each, Message)]
        return copy_as(kinds[0], value) if len(kinds) == 1 else value
    if isinstance(value, tuple):
        items: tuple[Any, ...] = cast("Any", value)
        return tuple(_copy_value(annotation, each) for each in items)
    if isinstance(value, Mapping):
        return {key: _copy_value(annotation, each) for key, each in cast("Mapping[str, Any]", value).items()}
    return value


def build_query(config: Message) -> tuple[tuple[str, str], ...]:
    """
    Encode the fields that are set in a config as query parameters, such as ``pageSize``, ``pageToken`` or ``force``.
    """
    given = ((each.encode_name, getattr(config, each.name)) for each in fields(config))
    return tuple((name, _format_query_value(value)) for name, value in given if value is not None)


def _format_query_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
