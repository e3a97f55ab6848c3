"""Building blocks of candidates."""

from collections.abc import Sequence
from typing import Final, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn.schema.content import Content, Part
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.responses import Candidate, FinishReason
from genai_fn.schema.tools import Tool


def build_candidate(*parts: Part, reason: FinishReason = FinishReason.STOP) -> Candidate:
    """Build a candidate from parts; the default finish reason is STOP."""
    content = Content(parts=parts, role="model")
    return Candidate(content=content, finish_reason=reason)


def get_tools(config: GenerateContentConfig) -> Sequence[Tool]:
    """Return the tools of a config. The request builder has converted functions and dicts to `Tool`."""
    return cast("Sequence[Tool]", config.tools or ())


PROSE_TEXTS: Final[SearchStrategy[str]] = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.sampled_from(["\n", " ", "Yes.", "**Yes**, I think so:\n\n1. this\n2. that\n", "```json\n{}\n```", "null"]),
)
"""Non-empty texts: any characters, Markdown, whitespace and JSON."""
