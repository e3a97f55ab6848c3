"""Base class of the library's own values, which are not types of the API: frozen, compared by value."""

from typing import TypeVar, dataclass_transform

from msgspec import Struct, field

__all__ = ["Value"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value(Struct, frozen=True):
    """Base class of immutable values that compare by their fields."""
