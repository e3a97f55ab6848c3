"""
What every type of the API is made of: frozen messages, enums that stay open, and marks for what only one backend takes.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Annotated, Any, Generic, Self, TypeAlias, TypeVar, dataclass_transform

import msgspec
from msgspec import Struct, StructMeta, field

__all__ = [
    "BackendOnly",
    "Coerce",
    "ConversionError",
    "Detour",
    "Elsewhere",
    "GeminiOnly",
    "Message",
    "Opaque",
    "OpenEnum",
    "Page",
    "VertexOnly",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _KeywordOnlyMeta(StructMeta):
    """msgspec does not inherit ``kw_only``: here every subclass has it."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "_KeywordOnlyMeta":
        options.setdefault("kw_only", True)
        return super().__new__(mcs, name, bases, namespace, **options)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Message(Struct, metaclass=_KeywordOnlyMeta, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """
    The base of all types of the API: frozen, keyword-only, camelCase in JSON, what is not set left out.

    ``gc=False`` is safe, as a tree of frozen values has no cycles.
    """

    def __repr__(self) -> str:
        set_fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        shown = ", ".join(
            f"{name}={_format_value(value)}" for name, value in set_fields if value is not None and value != ()
        )
        return f"{type(self).__name__}({shown})"

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        """
        Read what people pass in this type's place besides a mapping.

        Answers an instance, a mapping of fields, or NotImplemented where the value makes no sense here.
        """
        return NotImplemented


def _format_value(value: Any) -> str:
    if isinstance(value, bytes) and len(value) > _MAX_SHOWN_BYTES:
        return f"<{len(value)} bytes {value[:8]!r}…>"
    return repr(value)


_MAX_SHOWN_BYTES = 32


class Page(Message, Generic[T_co]):
    """One page of a list: iterates over its items, and says whether more are to come."""

    next_page_token: str | None = None
    """What asks for the page after this; None on the last."""

    @property
    def items(self) -> tuple[T_co, ...]:
        """What is on this page."""
        listed: tuple[T_co, ...] = next(
            getattr(self, name) for name in self.__struct_fields__ if name != "next_page_token"
        )
        return listed

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    def __repr__(self) -> str:
        more = ", more to come" if self.next_page_token else ""
        return f"<{type(self).__name__} of {len(self.items)}{more}: {list(self.items)!r}>"


class OpenEnum(str, Enum):
    """
    An enum that next year's values fit into: an unknown one stays what it is, and compares equal to its string.

    A new value is made afresh each time and kept nowhere, so a flood of them does not fill the memory.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        known = cls.__members__.get(value.upper()) or cls.__members__.get(value.lower())
        if known is not None:
            return known
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __str__(self) -> str:
        return str.__str__(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.value,)


class ConversionError(Exception):  # noqa: N818  # becomes an InvalidRequest, which knows the whole path
    """A value that does not fit: what was expected, and the steps to it, innermost first."""

    def __init__(self, value: Any, expected: str, *steps: str) -> None:
        super().__init__(expected)
        self.value = value
        self.expected = expected
        self.steps = list(steps)


class Coerce(msgspec.Struct, frozen=True):
    """A mark on a field: what people pass there goes through a function first, which may raise `Misfit`."""

    function: Callable[[Any], Any]


class Detour(Coerce, frozen=True):
    """A mark on a field: its function may also give an `Elsewhere`, for another field of the same Struct."""


class Elsewhere(msgspec.Struct, frozen=True):
    """A value that belongs into another field than the one that it was given for."""

    field: str
    value: Any


class BackendOnly(msgspec.Struct, frozen=True):
    """A mark on a field: the one backend that takes it."""

    backend: str


GeminiOnly: TypeAlias = Annotated[T, BackendOnly("gemini")]
VertexOnly: TypeAlias = Annotated[T, BackendOnly("vertex")]


def _encode_base64(value: Any) -> Any:
    return b64encode(value).decode() if isinstance(value, bytes) else value


Opaque: TypeAlias = Annotated[str, Coerce(_encode_base64)]
"""Base64 text of the server's own, kept to the letter; given bytes, it is their standard base64."""
