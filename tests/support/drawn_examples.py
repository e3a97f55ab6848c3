"""Examples drawn from a Hypothesis strategy, the same in every run."""

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["draw_examples"]

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
