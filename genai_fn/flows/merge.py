"""Merges the chunks of a stream into one value: texts into one text, responses into one response."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain, groupby
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from genai_fn import codec
from genai_fn.codec import ExtraFields
from genai_fn.errors import InvalidRequest
from genai_fn.flows.partial_values import Partial
from genai_fn.flows.turns import Turn, get_answer, replace_answer
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.content import Content, Part
from genai_fn.schema.grounding import Citation, CitationMetadata
from genai_fn.schema.responses import Candidate, FinishReason, GenerateContentResponse, LogprobsResult

T = TypeVar("T")
M = TypeVar("M", bound=OpenMessage)


def merge_chunks(chunks: Sequence[T]) -> T:
    """
    Merge the chunks of one stream, in order: texts or responses, or chat turns, of which the answers are merged.

    The result of chat turns has the chat of the last one. Of partial values, the last one contains the others. The
    result of an empty sequence is ``""``.

    Raises:
        InvalidRequest: If the chunks are of another type, or of several.
    """
    if chunks and all(isinstance(each, Turn) for each in chunks):
        return cast("T", replace_answer(chunks[-1], merge_chunks([get_answer(each) for each in chunks])))
    if all(isinstance(each, str) for each in chunks):
        return cast("T", "".join(cast("Sequence[str]", chunks)))
    if all(isinstance(each, Partial) for each in chunks):
        return chunks[-1]
    if not all(isinstance(each, GenerateContentResponse) for each in chunks):
        raise InvalidRequest("joined", chunks[0], "a stream of texts or of responses: use collected for other items")
    return cast("T", _merge_responses(cast("Sequence[GenerateContentResponse]", chunks)))


def _merge_responses(responses: Sequence[GenerateContentResponse]) -> GenerateContentResponse:
    if len(responses) == 1:
        return responses[0]
    by_index = {each.index or 0: [each] for each in responses[0].candidates}
    for each in chain.from_iterable(response.candidates for response in responses[1:]):
        by_index.setdefault(each.index or 0, []).append(each)
    return replace(
        _merge_fields(responses),
        candidates=tuple(_merge_candidates(by_index[index]) for index in sorted(by_index)),
        usage_metadata=_merge_set([each.usage_metadata for each in responses], _merge_fields),
    )


def _merge_candidates(candidates: Sequence[Candidate]) -> Candidate:
    if len(candidates) == 1:
        return candidates[0]
    return replace(
        _merge_fields(candidates),
        content=_merge_set([each.content for each in candidates], _merge_contents),
        citation_metadata=_merge_set([each.citation_metadata for each in candidates], _merge_citations),
        logprobs_result=_merge_set([each.logprobs_result for each in candidates], _merge_logprobs),
        continuation_token=reduce(_select_token, candidates, None),
    )


def _select_token(before: str | None, after: Candidate) -> str | None:
    """Return the token that continues the merged candidate; a complete one has none."""
    is_complete = after.finish_reason not in (None, FinishReason.CONTINUATION)
    return after.continuation_token if is_complete else after.continuation_token or before


def _merge_set(messages: Sequence[M | None], merge: Callable[[Sequence[M]], M]) -> M | None:
    """Merge those messages that are set; a single one stays as it is."""
    found = [each for each in messages if each is not None]
    return merge(found) if len(found) > 1 else next(iter(found), None)


def _merge_fields(messages: Sequence[M]) -> M:
    """
    Return the first message, updated with each field of the others that is neither None nor an empty tuple.

    The fields that the type does not define are updated one by one. Each field is read from the last message on, until
    it is found, so that all of them take the time of their number.
    """
    given: dict[str, Any] = {}
    for name in messages[0].__struct_fields__:
        values = (getattr(each, name) for each in reversed(messages))
        given[name] = next((each for each in values if each is not None and each != ()), getattr(messages[0], name))
    extras = [each.extra for each in messages if each.extra]
    if len(extras) > 1:
        given["extra"] = ExtraFields(pair for each in extras for pair in each.items())
    return replace(messages[0], **given)


def _merge_contents(contents: Sequence[Content]) -> Content:
    parts = _merge_parts(part for each in contents for part in each.parts or ())
    role = next((each.role for each in contents if each.role), contents[-1].role)
    return replace(_merge_fields(contents), parts=tuple(parts), role=role)


def _merge_parts(parts: Iterable[Part]) -> Iterator[Part]:
    """
    Concatenate adjacent texts, and adjacent thoughts.

    A part with any field other than ``text`` and ``thought``, such as a thought signature, is not changed.
    """
    for (is_plain, _), group in groupby(parts, _get_text_kind):
        first, *others = group
        texts = [each.text or "" for each in (first, *others)]
        if is_plain:
            yield replace(first, text="".join(texts)) if others else first
        else:
            yield from (first, *others)


def _get_text_kind(part: Part) -> tuple[bool, bool | None]:
    """Return whether a part has a text, and no other field except ``thought``; and whether it is a thought."""
    return part.text is not None and part == Part(text=part.text, thought=part.thought), part.thought


def _merge_citations(metadata: Sequence[CitationMetadata]) -> CitationMetadata:
    """Append the citations that no earlier message has; compare them as JSON, as those with ``extra`` have no hash."""
    citations: list[Citation] = []
    known: set[bytes] = set()
    for each in metadata:
        encoded = [codec.encode(citation) for citation in each.citations]
        citations += [citation for citation, data in zip(each.citations, encoded, strict=True) if data not in known]
        known.update(encoded)
    return replace(_merge_fields(metadata), citations=tuple(citations))


def _merge_logprobs(results: Sequence[LogprobsResult]) -> LogprobsResult:
    lists: dict[str, Any] = {
        name: tuple(chain.from_iterable(getattr(each, name) for each in results))
        for name in results[0].__struct_fields__
        if isinstance(getattr(results[0], name), tuple)
    }
    return replace(_merge_fields(results), **lists)
