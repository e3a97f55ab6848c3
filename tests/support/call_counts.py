"""Counts the calls of functions and the steps of generators, as a measure of work that no machine changes."""

import sys
from collections.abc import Callable
from typing import Any


def count_calls(function: Callable[[], object]) -> int:
    """Return how many functions of Python and C are called, and generators resumed, while a function runs."""
    count = 0

    def profile(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def is_linear(build: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Whether twice and four times the size take about twice and four times the calls."""
    first, *others = (count_calls(build(size * factor)) for factor in (1, 2, 4))
    return all(count <= first * factor * 1.2 for count, factor in zip(others, (2, 4), strict=True))
