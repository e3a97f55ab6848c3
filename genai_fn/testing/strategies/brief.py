"""`brief`: a strategy that is made once, when it is first drawn from, and that is shown in few words."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["brief"]

T = TypeVar("T")


def brief(shown: object, make: Callable[[], SearchStrategy[T]]) -> SearchStrategy[T]:
    """Draw from what `make` gives; a failing test shows `shown`, and not how the strategy is put together."""
    return answers(_Made(shown, make))


class _Made:
    def __init__(self, shown: object, make: Callable[[], SearchStrategy[Any]]) -> None:
        self._shown = shown
        self._make = make

    @cached_property
    def strategy(self) -> SearchStrategy[Any]:
        return self._make()

    def __repr__(self) -> str:
        return repr(self._shown)


@st.composite
def answers(draw: DrawFn, to: _Made) -> Any:
    """Draw; the name is what a failing test says."""
    return draw(to.strategy)
