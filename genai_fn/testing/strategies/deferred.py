"""`brief`: a strategy that is made once, when it is first drawn from, and that is shown in few words."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["defer_strategy"]

T = TypeVar("T")


def defer_strategy(label: object, build: Callable[[], SearchStrategy[T]]) -> SearchStrategy[T]:
    """Draw from what `make` gives; a failing test shows `shown`, and not how the strategy is put together."""
    return answers(_DeferredStrategy(label, build))


class _DeferredStrategy:
    def __init__(self, shown: object, make: Callable[[], SearchStrategy[Any]]) -> None:
        self._label = shown
        self._build = make

    @cached_property
    def strategy(self) -> SearchStrategy[Any]:
        return self._build()

    def __repr__(self) -> str:
        return repr(self._label)


@st.composite
def answers(draw: DrawFn, to: _DeferredStrategy) -> Any:
    """Draw; the name is what a failing test says."""
    return draw(to.strategy)
