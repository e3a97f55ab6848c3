"""Merges the chunks of a stream into one value: texts into one text, responses into one response."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from genai_fn.codec import ExtraFields
from genai_fn.errors import InvalidRequest
from genai_fn.flows.turns import Turn, get_answer, replace_answer
from genai_fn.schema import Candidate, CitationMetadata, Content, GenerateContentResponse, LogprobsResult, Part
from genai_fn.schema.base import OpenMessage

__all__ = ["merge_chunks"]

T = TypeVar("T")
M = TypeVar("M", bound=OpenMessage)


def merge_chunks(chunks: Sequence[T]) -> T:
    """
    Merge the chunks of one stream, in order: texts or responses, or chat turns, of which the answers are merged.

    The result of chat turns has the chat of the last one. The result of an empty sequence is ``""``.

    Raises:
        InvalidRequest: If the chunks are of another type, or of several.
    """
    if chunks and all(isinstance(each, Turn) for each in chunks):
        return cast("T", replace_answer(chunks[-1], merge_chunks([get_answer(each) for each in chunks])))
    if all(isinstance(each, str) for each in chunks):
        return cast("T", "".join(cast("Sequence[str]", chunks)))
    if not all(isinstance(each, GenerateContentResponse) for each in chunks):
        raise InvalidRequest("joined", chunks[0], "a stream of texts or of responses: use collected for other items")
    return cast("T", reduce(_merge_responses, cast("Sequence[GenerateContentResponse]", chunks)))


def _merge_responses(before: GenerateContentResponse, after: GenerateContentResponse) -> GenerateContentResponse:
    by_index = {each.index or 0: each for each in before.candidates}
    for each in after.candidates:
        earlier = by_index.get(each.index or 0)
        by_index[each.index or 0] = each if earlier is None else _merge_candidates(earlier, each)
    usage = (
        before.usage_metadata
        if after.usage_metadata is None
        else _merge_fields(before.usage_metadata, after.usage_metadata)
    )
    return replace(
        _merge_fields(before, after),
        candidates=tuple(by_index[index] for index in sorted(by_index)),
        usage_metadata=usage,
    )


def _merge_candidates(before: Candidate, after: Candidate) -> Candidate:
    return replace(
        _merge_fields(before, after),
        content=_merge_contents(before.content, after.content),
        citation_metadata=_merge_citations(before.citation_metadata, after.citation_metadata),
        logprobs_result=_merge_logprobs(before.logprobs_result, after.logprobs_result),
    )


def _merge_fields(before: M | None, after: M) -> M:
    """
    Return `before`, updated with each field of `after` that is neither None nor an empty tuple.

    The fields that the type does not define are updated one by one.
    """
    if before is None:
        return after
    given = {name: value for name in after.__struct_fields__ if (value := getattr(after, name)) not in (None, ())}
    if before.extra and after.extra:
        given["extra"] = ExtraFields({**before.extra, **after.extra})
    return replace(before, **given)


def _merge_contents(before: Content | None, after: Content | None) -> Content | None:
    if before is None or after is None:
        return after or before
    parts = tuple(_merge_parts((*(before.parts or ()), *(after.parts or ()))))
    return replace(_merge_fields(before, after), parts=parts, role=before.role or after.role)


def _merge_parts(parts: Iterable[Part]) -> list[Part]:
    """
    Concatenate adjacent texts, and adjacent thoughts.

    A part with any field other than ``text`` and ``thought``, such as a thought signature, is not changed.
    """
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if last is not None and _is_plain_text(last) and _is_plain_text(part) and last.thought == part.thought:
            merged[-1] = replace(last, text=f"{last.text}{part.text}")
        else:
            merged.append(part)
    return merged


def _is_plain_text(part: Part) -> bool:
    """Check whether a part has a text, and no other field except ``thought``."""
    return part.text is not None and part == Part(text=part.text, thought=part.thought)


def _merge_citations(before: CitationMetadata | None, after: CitationMetadata | None) -> CitationMetadata | None:
    if before is None or after is None:
        return after or before
    added = (each for each in after.citations if each not in before.citations)
    return replace(_merge_fields(before, after), citations=(*before.citations, *added))


def _merge_logprobs(before: LogprobsResult | None, after: LogprobsResult | None) -> LogprobsResult | None:
    if before is None or after is None:
        return after or before
    lists: dict[str, Any] = {
        name: (*values, *getattr(after, name))
        for name in before.__struct_fields__
        if isinstance(values := getattr(before, name), tuple)
    }
    return replace(_merge_fields(before, after), **lists)
