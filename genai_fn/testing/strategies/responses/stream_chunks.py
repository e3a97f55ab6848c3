"""Answers in pieces: `pieces` cuts a whole one up, as a stream would bring it."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from msgspec.structs import replace

from genai_fn.schema import Candidate, Content, GenerateContentResponse, Part

__all__ = ["answer_chunks"]

_MAX_CHUNKS = 4


@st.composite
def answer_chunks(draw: DrawFn, whole: Any) -> tuple[Any, ...]:
    """
    Cut an answer into pieces, which `joined` makes into that answer again; the simplest is the answer in one.

    Texts are cut anywhere. What else there is beside the content comes last, as the service has it.
    """
    count = draw(st.integers(1, _MAX_CHUNKS))
    if isinstance(whole, bytes):
        return tuple(whole[start:end] for start, end in _draw_spans(draw, len(whole), count))
    if not isinstance(whole, GenerateContentResponse) or not whole.candidates or count == 1:
        return (whole,)
    cut = [_split_candidate(draw, each, count) for each in whole.candidates]
    rest = replace(whole, candidates=())
    said = GenerateContentResponse(model_version=whole.model_version, response_id=whole.response_id)
    frames = [*([said] * (count - 1)), rest]
    return tuple(
        replace(frame, candidates=tuple(each for each in together if each is not None))
        for frame, together in zip(frames, zip(*cut, strict=True), strict=True)
    )


def _split_candidate(draw: DrawFn, candidate: Candidate, count: int) -> Sequence[Candidate | None]:
    content = candidate.content
    if content is None or not content.parts:
        return [*([None] * (count - 1)), candidate]
    runs = _split_parts(draw, content.parts, count)
    begun = [Candidate(content=Content(parts=run, role=content.role), index=candidate.index) for run in runs[:-1]]
    return [*begun, replace(candidate, content=Content(parts=runs[-1], role=content.role))]


def _split_parts(draw: DrawFn, parts: Sequence[Part], count: int) -> Sequence[tuple[Part, ...]]:
    small = [piece for part in parts for piece in _split_part(draw, part)]
    return [tuple(small[start:end]) for start, end in _draw_spans(draw, len(small), count)]


def _split_part(draw: DrawFn, part: Part) -> Sequence[Part]:
    """Cut a text in two; a part with anything beside its text stays whole."""
    if not part.text or part != Part(text=part.text, thought=part.thought):
        return (part,)
    at = draw(st.integers(0, len(part.text)))
    return [replace(part, text=text) for text in (part.text[:at], part.text[at:]) if text]


def _draw_spans(draw: DrawFn, size: int, count: int) -> Sequence[tuple[int, int]]:
    cuts = sorted(draw(st.lists(st.integers(0, size), min_size=count - 1, max_size=count - 1)))
    return list(zip((0, *cuts), (*cuts, size), strict=True))
