"""Measures how much memory a resource of the emulator takes, approximately."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

__all__ = ["measure_size"]


def measure_size(value: Any) -> int:
    """
    Return the approximate size of a value in bytes. A value with the attribute ``kept_bytes`` has that size.

    >>> measure_size(b"x" * 1000) // 100, measure_size((b"x" * 1000,) * 3) // 1000
    (10, 3)
    """
    size = 0
    waiting: list[Any] = [value]
    while waiting:
        each = waiting.pop()
        size += _OBJECT_BYTES
        own_bytes: int | None = getattr(each, "kept_bytes", None)
        if own_bytes is not None:
            size += own_bytes
        elif isinstance(each, str | bytes):
            size += len(each)
        elif isinstance(each, msgspec.Struct):
            waiting += [getattr(each, name) for name in each.__struct_fields__]
        elif isinstance(each, Mapping):
            waiting += [part for pair in cast("Any", each).items() for part in pair]
        elif isinstance(each, tuple | list):
            waiting += cast("Any", each)
    return size


_OBJECT_BYTES = 50
