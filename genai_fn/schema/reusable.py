"""Configs that many requests share: they are converted once, and what is derived from one is derived once."""

import functools
from collections.abc import Callable
from datetime import datetime
from types import GenericAlias, NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec.structs import astuple, force_setattr

from genai_fn.schema.base import Message, OpenMessage
from genai_fn.values import FrozenDict, FrozenList

if TYPE_CHECKING:
    from genai_fn.schema.content import Content

C = TypeVar("C", bound="ReusableMessage")
T = TypeVar("T")


class ReusableMessage(OpenMessage, dict=True, gc=True):
    """
    Base of messages that keep what they were converted to, and values derived from them, in their ``__dict__``.

    These values are not compared, shown, copied, pickled or encoded. They would be wrong after a change, so lists and
    dicts that are passed for a field are copied to containers that cannot change.
    """

    def __post_init__(self) -> None:
        values = astuple(self)
        if _FROZEN_TYPES.keys().isdisjoint(map(type, values)):  # most of the time, and in a third of the loop's
            return
        for name, value in zip(self.__struct_fields__, values, strict=True):
            if type(value) in _FROZEN_TYPES:
                force_setattr(self, name, _FROZEN_TYPES[type(value)](value))


_FROZEN_TYPES: dict[type, Callable[[Any], Any]] = {list: tuple, dict: FrozenDict}


class PlainTurns(tuple["Content", ...]):
    """Turns of plain text. They are converted, and every backend supports them, so no request checks them again."""

    __slots__ = ()


def convert_once(converter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap the converter of a type of `ReusableMessage`: a message that cannot change is converted only once."""

    def convert(value: Any) -> Any:
        if not isinstance(value, ReusableMessage):
            return _mark_as_final(converter(value))
        if _DERIVED in value.__dict__:
            return value
        kept: dict[str, Any] = vars(value)
        converted: Any = kept.get(_CONVERTED)
        if converted is None:
            converted = _mark_as_final(converter(value))
            if converted is not value and not _can_change(value):
                kept[_CONVERTED] = converted
        return converted

    return convert


def _mark_as_final(message: Any) -> Any:
    """Note that a message is converted: there is nothing in it that can change, as converters copy lists and dicts."""
    if message.__struct_config__.frozen:  # a subclass may not be
        message.__dict__.setdefault(_DERIVED, {})
    return message


_CONVERTED = "_converted"
_DERIVED = "_derived"
_MISSING: Any = object()


def _can_change(value: Any) -> bool:
    """Whether a program could change something in a value that is passed for a field."""
    if isinstance(value, _CONSTANTS):
        return False
    if isinstance(value, tuple | FrozenList):
        return any(map(_can_change, cast("tuple[Any, ...]", value)))
    if isinstance(value, FrozenDict):
        return any(map(_can_change, cast("dict[str, Any]", value).values()))
    if isinstance(value, type):
        return not value.__flags__ & _IMMUTABLE_TYPE
    if isinstance(value, GenericAlias | UnionType):
        return any(map(_can_change, value.__args__))
    return not isinstance(value, Message) or any(map(_can_change, astuple(value)))


_CONSTANTS = (NoneType, str, bytes, int, float, datetime)  # the members of the API's enums are str, too
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE, of built-in types; fields can be added to a class of a program


def derive_once(function: Callable[[C, str], T]) -> Callable[[C, str], T]:
    """
    Decorate a function of a message and the name of a backend: a converted message keeps its results.

    Threads that call it at the same time may both compute the result.
    """

    @functools.wraps(function)
    def derive(message: C, backend: str) -> T:
        derived: dict[Any, T] | None = message.__dict__.get(_DERIVED)
        if derived is None:
            return function(message, backend)
        key = function, backend
        found: Any = derived.get(key, _MISSING)
        if found is _MISSING:
            found = derived[key] = function(message, backend)
        result: T = found
        return result

    return derive
