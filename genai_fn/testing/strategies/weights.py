"""`weighed`: some ways to answer come more often than others, and each goes by a label."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Ways", "weighed"]

Ways: TypeAlias = Mapping[str, tuple[int, SearchStrategy[Any]]]
"""What is drawn, by label, with its weight; shrinking goes to the first."""


@st.composite
def weighed(draw: DrawFn, ways: Ways) -> Any:
    """Draw in one of the ways, as often as its weight says; Hypothesis's statistics count the labels."""
    label = draw(st.sampled_from([label for label, (weight, _) in ways.items() for _ in range(weight)]))
    event(label)
    if label != next(iter(ways)):
        draw(_TOLL)
    return draw(ways[label][1])


_TOLL = st.tuples(*[st.booleans()] * 6)
"""Shrinking prefers what took fewer draws: these say nothing, and make it prefer the first way to the others."""
