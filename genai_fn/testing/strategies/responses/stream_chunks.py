"""`answer_chunks`: splits a whole reply into the chunks of a stream."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from msgspec.structs import replace

from genai_fn.schema.content import Content, Part
from genai_fn.schema.responses import Candidate, GenerateContentResponse

_MAX_CHUNKS = 4


@st.composite
def answer_chunks(draw: DrawFn, whole: Any) -> tuple[Any, ...]:
    """
    Split a reply into chunks that `joined` merges into the same reply. They shrink to a single chunk.

    Texts are split at any character. Everything but the content is in the last chunk, as the service does it.
    """
    count = draw(st.integers(1, _MAX_CHUNKS))
    if isinstance(whole, bytes):
        return tuple(whole[start:end] for start, end in _draw_spans(draw, len(whole), count))
    if not isinstance(whole, GenerateContentResponse) or not whole.candidates or count == 1:
        return (whole,)
    split = [_split_candidate(draw, each, count) for each in whole.candidates]
    first = GenerateContentResponse(model_version=whole.model_version, response_id=whole.response_id)
    responses = [*([first] * (count - 1)), whole]
    return tuple(
        replace(response, candidates=tuple(each for each in candidates if each is not None))
        for response, candidates in zip(responses, zip(*split, strict=True), strict=True)
    )


def _split_candidate(draw: DrawFn, candidate: Candidate, count: int) -> Sequence[Candidate | None]:
    content = candidate.content
    if content is None or not content.parts:
        return [*([None] * (count - 1)), candidate]
    runs = _split_parts(draw, content.parts, count)
    first = [Candidate(content=Content(parts=run, role=content.role), index=candidate.index) for run in runs[:-1]]
    return [*first, replace(candidate, content=Content(parts=runs[-1], role=content.role))]


def _split_parts(draw: DrawFn, parts: Sequence[Part], count: int) -> Sequence[tuple[Part, ...]]:
    halves = [half for part in parts for half in _split_part(draw, part)]
    return [tuple(halves[start:end]) for start, end in _draw_spans(draw, len(halves), count)]


def _split_part(draw: DrawFn, part: Part) -> Sequence[Part]:
    """Split a text part in two; a part with other fields stays whole."""
    if not part.text or part != Part(text=part.text, thought=part.thought):
        return (part,)
    middle = draw(st.integers(0, len(part.text)))
    return [replace(part, text=text) for text in (part.text[:middle], part.text[middle:]) if text]


def _draw_spans(draw: DrawFn, size: int, count: int) -> Sequence[tuple[int, int]]:
    bounds = sorted(draw(st.lists(st.integers(0, size), min_size=count - 1, max_size=count - 1)))
    return list(zip((0, *bounds), (*bounds, size), strict=True))
