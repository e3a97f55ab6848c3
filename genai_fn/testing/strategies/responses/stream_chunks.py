"""`answer_chunks`: draws the chunks of a stream, by splitting a whole reply."""

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
    Draw up to four chunks of a response, or of the bytes of a download. They shrink to a single chunk.

    `joined` merges the chunks of a response into one with the same texts, function calls and fields. A text is split in
    two at any character. Fields other than the content are in the last chunk, as the service sends them; the model
    version and the response id are in each. A reply of another type is the only chunk.
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
    """Return the candidate of each of `count` chunks; None for a chunk that does not contain it."""
    content = candidate.content
    if content is None or not content.parts:
        return [*([None] * (count - 1)), candidate]
    *before, last = _split_parts(draw, content.parts, count)
    first = [Candidate(content=Content(parts=parts, role=content.role), index=candidate.index) for parts in before]
    return [*first, replace(candidate, content=replace(content, parts=last))]


def _split_parts(draw: DrawFn, parts: Sequence[Part], count: int) -> Sequence[tuple[Part, ...]]:
    """Return the parts of each of `count` chunks."""
    halves = [half for part in parts for half in _split_part(draw, part)]
    return [tuple(halves[start:end]) for start, end in _draw_spans(draw, len(halves), count)]


def _split_part(draw: DrawFn, part: Part) -> Sequence[Part]:
    """Split a text part in one or two that are not empty; a part with other fields stays whole."""
    if not part.text or part != Part(text=part.text, thought=part.thought):
        return (part,)
    middle = draw(st.integers(0, len(part.text)))
    return [replace(part, text=text) for text in (part.text[:middle], part.text[middle:]) if text]


def _draw_spans(draw: DrawFn, size: int, count: int) -> Sequence[tuple[int, int]]:
    """Draw `count` adjacent ranges, perhaps empty, that cover `size` items: the start and the end of each."""
    bounds = sorted(draw(st.lists(st.integers(0, size), min_size=count - 1, max_size=count - 1)))
    return list(zip((0, *bounds), (*bounds, size), strict=True))
