"""What the bodies and queries of several operations are made with."""

from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import fields

from genai_fn.request import Answer
from genai_fn.schema._base import Message

__all__ = ["NOTHING", "nothing_is_none", "query_of", "recast", "settled"]

S = TypeVar("S", bound=Struct)
M = TypeVar("M", bound=Message)


class _Nothing(Message):
    """An empty answer."""


def _nothing(said: _Nothing) -> None:
    """Read nothing."""


NOTHING: Final[Answer[None]] = Answer(_Nothing, _nothing, may_be_empty=True)
"""What comes back for what was deleted or cancelled."""


def settled(kind: type[S], value: object) -> S | None:
    """Tell type checkers what ``as_struct`` has made of a field that takes more than its own type."""
    assert value is None or isinstance(value, kind)  # noqa: S101  # a fact, for the checkers
    return value


def nothing_is_none(body: M) -> M | None:
    """Send no body where there is nothing in it."""
    return None if body == type(body)() else body


def recast(kind: type[M], said: Message, **changes: object) -> M:
    """Make one message of another that has all its fields, but for those that `changes` gives."""
    return kind(**{name: getattr(said, name) for name in kind.__struct_fields__ if name not in changes}, **changes)


def query_of(config: Message) -> tuple[tuple[str, str], ...]:
    """Write what is set in a config as a query: ``pageSize``, ``pageToken``, ``filter``; or ``force``."""
    given = ((each.encode_name, getattr(config, each.name)) for each in fields(config))
    return tuple((name, _written(value)) for name, value in given if value is not None)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
