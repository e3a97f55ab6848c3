"""`defer_strategy`: builds a strategy on first use, and gives it a short repr."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")


def defer_strategy(label: object, build: Callable[[], SearchStrategy[T]]) -> SearchStrategy[T]:
    """
    Draw from the strategy that `build` returns; it is called once, at the first draw.

    Failing tests print ``answers(label)`` instead of the structure of the strategy.
    """
    return answers(_DeferredStrategy(label, build))


class _DeferredStrategy:
    def __init__(self, label: object, build: Callable[[], SearchStrategy[Any]]) -> None:
        self._label = label
        self._build = build

    @cached_property
    def strategy(self) -> SearchStrategy[Any]:
        return self._build()

    def __repr__(self) -> str:
        return repr(self._label)


@st.composite
def answers(draw: DrawFn, deferred: _DeferredStrategy) -> Any:
    """Draw from a deferred strategy. Hypothesis prints the name of this function."""
    return draw(deferred.strategy)
