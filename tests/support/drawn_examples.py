"""Examples drawn from a Hypothesis strategy, the same in every run."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from genai_fn.testing.strategies import from_type

__all__ = ["DrawnValues", "draw_examples"]

T = TypeVar("T")


def draw_examples(strategy: SearchStrategy[T], count: int = 60, number: int = 0) -> list[T]:
    """Draw examples with the seed `number`."""
    examples: list[T] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(strategy)
    def collect(example: T) -> None:
        examples.append(example)

    collect()
    return examples


class DrawnValues:
    """
    Values of types, as pairs of the type and a value. They are drawn when they are first used, and the same each time.

    Args:
        kinds: The types.

        count: How many values of each.
    """

    def __init__(self, kinds: Sequence[Any], count: int) -> None:
        self._kinds = kinds
        self._count = count

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._values)

    @cached_property
    def _values(self) -> list[tuple[Any, Any]]:
        return [(kind, value) for kind in self._kinds for value in draw_examples(from_type(kind), self._count)]
