"""The base of all values of the library that are not types of the API: frozen, compared by what they hold."""

from typing import TypeVar, dataclass_transform

from msgspec import Struct, field

__all__ = ["Value"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value(Struct, frozen=True):
    """Something that compares by what it holds and never changes."""
