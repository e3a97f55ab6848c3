"""Weighted choice between labelled strategies."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from hypothesis import event, strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

WeightedChoices: TypeAlias = Mapping[str, tuple[int, SearchStrategy[Any]]]
"""Label → weight and strategy. Examples shrink towards the first entry."""


@st.composite
def weighted_choices(draw: DrawFn, choices: WeightedChoices) -> Any:
    """Draw from one of the strategies, in proportion to the weights. Labels are recorded as Hypothesis events."""
    label = draw(st.sampled_from([label for label, (weight, _) in choices.items() for _ in range(weight)]))
    event(label)
    if label != next(iter(choices)):
        draw(_SHRINK_PENALTY)
    return draw(choices[label][1])


_SHRINK_PENALTY = st.tuples(*[st.booleans()] * 6)
"""Shrinking prefers fewer draws, so these extra draws make it prefer the first choice."""
