"""`weighed`: some ways to answer come more often than others, and each goes by a label."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["WeightedChoices", "weighted_choices"]

WeightedChoices: TypeAlias = Mapping[str, tuple[int, SearchStrategy[Any]]]
"""What is drawn, by label, with its weight; shrinking goes to the first."""


@st.composite
def weighted_choices(draw: DrawFn, ways: WeightedChoices) -> Any:
    """Draw in one of the ways, as often as its weight says; Hypothesis's statistics count the labels."""
    label = draw(st.sampled_from([label for label, (weight, _) in ways.items() for _ in range(weight)]))
    event(label)
    if label != next(iter(ways)):
        draw(_SHRINK_PENALTY)
    return draw(ways[label][1])


_SHRINK_PENALTY = st.tuples(*[st.booleans()] * 6)
"""Shrinking prefers what took fewer draws: these say nothing, and make it prefer the first way to the others."""
