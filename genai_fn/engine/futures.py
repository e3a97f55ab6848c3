"""Futures of ``concurrent.futures``, which are imported only when one is made."""

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import TypeIs

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


def is_future(value: object) -> TypeIs["Future[Any]"]:
    """Whether a value is a ``concurrent.futures.Future``, such as one that a user function returns."""
    futures = sys.modules.get("concurrent.futures")  # if it is not imported, there is no future
    return isinstance(value, getattr(futures, "Future", ()))


def make_future() -> "Future[Any]":
    """Make a pending future."""
    from concurrent.futures import Future  # noqa: PLC0415  # loads logging

    return Future()


def complete_future(future: "Future[T]", value: T) -> bool:
    """Set the value of a future; return False if it has one already, or was cancelled."""
    from concurrent.futures import InvalidStateError  # noqa: PLC0415  # loads logging

    try:
        future.set_result(value)
    except InvalidStateError:
        return False
    return True
