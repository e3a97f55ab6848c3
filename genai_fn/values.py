"""Immutable values: the base class of the library's own ones, and the containers of free-form JSON."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, dataclass_transform

from msgspec import Struct, field

__all__ = ["FrozenDict", "FrozenList", "Value"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value(Struct, frozen=True):
    """Base class of immutable values that compare by their fields."""


def _refuse_change(self: Any, *_: Any, **__: Any) -> NoReturn:
    raise TypeError(f"{type(self).__name__} cannot be changed, as requests share it; copy it first")


_REFUSED: Callable[..., Any] = _refuse_change


class FrozenDict(dict[str, T]):
    """
    A dict that cannot be changed: the mappings of a converted config, and the objects of free-form JSON in it.

    It equals a dict with the same items, and ``dict(…)`` or ``.copy()`` makes a dict of it.
    """

    __slots__ = ()
    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _REFUSED

    def __reduce__(self) -> Any:
        return type(self), (dict(self),)


class FrozenList(list[T]):
    """A list that cannot be changed: the lists of free-form JSON in a converted config. It equals a list."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _REFUSED
    append = clear = extend = insert = pop = remove = reverse = sort = _REFUSED

    def __reduce__(self) -> Any:
        return type(self), (list(self),)
