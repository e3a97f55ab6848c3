"""What the bodies and queries of several operations are made with."""

from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import fields

from genai_fn.request import ResponseReader
from genai_fn.schema.base import Message

__all__ = ["EMPTY_RESPONSE", "as_type", "build_query", "copy_fields", "omit_if_empty"]

S = TypeVar("S", bound=Struct)
M = TypeVar("M", bound=Message)


class _EmptyBody(Message):
    """An empty answer."""


def _decode_nothing(said: _EmptyBody) -> None:
    """Read nothing."""


EMPTY_RESPONSE: Final[ResponseReader[None]] = ResponseReader(_EmptyBody, _decode_nothing, may_be_empty=True)
"""What comes back for what was deleted or cancelled."""


def as_type(kind: type[S], value: object) -> S | None:
    """Tell type checkers what ``as_struct`` has made of a field that takes more than its own type."""
    assert value is None or isinstance(value, kind)  # noqa: S101  # a fact, for the checkers
    return value


def omit_if_empty(body: M) -> M | None:
    """Send no body where there is nothing in it."""
    return None if body == type(body)() else body


def copy_fields(kind: type[M], said: Message, **changes: object) -> M:
    """Make one message of another that has all its fields, but for those that `changes` gives."""
    return kind(**{name: getattr(said, name) for name in kind.__struct_fields__ if name not in changes}, **changes)


def build_query(config: Message) -> tuple[tuple[str, str], ...]:
    """Write what is set in a config as a query: ``pageSize``, ``pageToken``, ``filter``; or ``force``."""
    given = ((each.encode_name, getattr(config, each.name)) for each in fields(config))
    return tuple((name, _format_query_value(value)) for name, value in given if value is not None)


def _format_query_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
