"""Helpers that several operations share: bodies, queries, and responses that are empty or not JSON."""

import functools
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

from msgspec import Struct
from msgspec.structs import fields, replace

from genai_fn.http import HttpResponse
from genai_fn.request import ResponseReader, read_whole_response
from genai_fn.schema.annotations import get_fields, iter_types
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.schema_tree import is_mapping

__all__ = [
    "EMPTY_RESPONSE",
    "WHOLE_BODY",
    "as_type",
    "build_query",
    "copy_fields",
    "merge_extra",
    "nest_extra",
    "omit_if_empty",
    "unnest_extra",
]

S = TypeVar("S", bound=Struct)
M = TypeVar("M", bound=Message)
O = TypeVar("O", bound=OpenMessage)  # noqa: E741  # for an open message


class _EmptyBody(Message):
    """A response without content."""


def _decode_nothing(wire: _EmptyBody) -> None:
    """Return None, whatever the response contains."""


EMPTY_RESPONSE: Final[ResponseReader[None]] = ResponseReader(_EmptyBody, _decode_nothing, may_be_empty=True)
"""Reader of the empty response to a delete or cancel call."""


def _get_body(response: HttpResponse) -> bytes:
    return response.body


WHOLE_BODY: Final[ResponseReader[bytes]] = read_whole_response(_get_body)
"""Reader of a response that is not JSON, such as the content of a file."""


def as_type(kind: type[S], value: object) -> S | None:
    """Narrow a field for type checkers: ``as_struct`` has already converted it to `kind`."""
    assert value is None or isinstance(value, kind)  # noqa: S101  # narrows the type for checkers
    return value


def omit_if_empty(body: M) -> M | None:
    """Return None instead of a body in which no field is set."""
    return None if body == type(body)() else body


def copy_fields(kind: type[M], source: Message, **changes: object) -> M:
    """
    Build a message of type `kind` from one with fields of the same names, at any depth.

    It converts between a public type and the type that is sent, if types within them differ, such as in their JSON
    names. Fields that only one of the two has are omitted; `changes` replaces single fields. Without changes, a message
    of type `kind` is returned as it is.
    """
    if type(source) is kind and not changes:
        return source
    copied = {
        name: _copy_value(inner, getattr(source, name))
        for name, inner in _list_copied_fields(kind)
        if name not in changes and hasattr(source, name)
    }
    return kind(**copied, **changes)


@functools.cache
def _list_copied_fields(kind: type[Message]) -> tuple[tuple[str, type[Message] | None], ...]:
    """List the fields of a message, each with the type of the messages in it; None if there is not exactly one."""
    return tuple((each.name, _find_message_type(each.type)) for each in get_fields(kind))


def _find_message_type(annotation: Any) -> type[Message] | None:
    kinds = [each for each in iter_types(annotation) if isinstance(each, type) and issubclass(each, Message)]
    return kinds[0] if len(kinds) == 1 else None


def _copy_value(kind: type[Message] | None, value: Any) -> Any:
    if kind is None:
        return value
    if isinstance(value, Message):
        return copy_fields(kind, value)
    if isinstance(value, tuple):
        items: tuple[Any, ...] = cast("Any", value)
        return tuple(_copy_value(kind, each) for each in items)
    if isinstance(value, Mapping):
        return {key: _copy_value(kind, each) for key, each in cast("Mapping[str, Any]", value).items()}
    return value


def merge_extra(outer: OpenMessage, inner: OpenMessage | None) -> dict[str, Any] | None:
    """
    Merge the unknown fields of a wrapper and of the message in it, for a public type without the wrapper.

    If both have a field of one name, that of the inner message is kept.
    """
    return {**(outer.extra or {}), **((inner and inner.extra) or {})} or None


def nest_extra(wire: OpenMessage, *names: str) -> dict[str, Any] | None:
    """
    Collect the unknown fields of a message, and those of the messages in its fields `names`, by their JSON names.

    It is for a public type that has the fields of these messages, and not the messages. `unnest_extra` reverses it.
    """
    nested = {
        each.encode_name: inner.extra
        for each in get_fields(type(wire))
        if each.name in names and (inner := getattr(wire, each.name)) is not None and inner.extra
    }
    return {**(wire.extra or {}), **nested} or None


def unnest_extra(wire: O, extra: Mapping[str, Any] | None, *names: str) -> O:
    """
    Return a message with the unknown fields that `nest_extra` collected: its own, and those of its inner messages.

    An inner message without any field is omitted.
    """
    own_extra = dict(extra or {})
    inner: dict[str, Any] = {}
    for each in get_fields(type(wire)):
        if each.name in names:
            inner_extra = own_extra.pop(each.encode_name) if is_mapping(own_extra.get(each.encode_name)) else None
            inner[each.name] = omit_if_empty(replace(getattr(wire, each.name), extra=inner_extra))
    return replace(wire, **inner, extra=own_extra or None)


def build_query(config: Message) -> tuple[tuple[str, str], ...]:
    """
    Encode the fields that are set in a config as query parameters, such as ``pageSize``, ``pageToken`` or ``force``.
    """
    given = ((each.encode_name, getattr(config, each.name)) for each in fields(config))
    return tuple((name, _format_query_value(value)) for name, value in given if value is not None)


def _format_query_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
