"""Weighted choice between labelled strategies."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from hypothesis import event, strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

WeightedChoices: TypeAlias = Mapping[str, tuple[int, SearchStrategy[Any]]]
"""Label → weight and strategy. Examples shrink towards the first entry."""


def weighted_choices(choices: WeightedChoices) -> SearchStrategy[Any]:
    """Draw from one of the strategies, in proportion to the weights. Labels are recorded as Hypothesis events."""
    labels = st.sampled_from([label for label, (weight, _) in choices.items() for _ in range(weight)])
    return _draw_choice(labels, choices)


@st.composite
def _draw_choice(draw: DrawFn, labels: SearchStrategy[str], choices: WeightedChoices) -> Any:
    label = draw(labels)
    event(label)
    if label != next(iter(choices)):
        draw(_SHRINK_PENALTY)
    return draw(choices[label][1])


_SHRINK_PENALTY = st.tuples(*[st.booleans()] * 6)
"""Shrinking prefers fewer draws, so these extra draws make it prefer the first choice."""
