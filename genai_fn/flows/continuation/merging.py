"""Merges a response and its continuation: contents are appended, counts are added, and the later one ends it."""

from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from typing import Any, TypeVar

from msgspec.structs import replace

from genai_fn.schema.base import Message
from genai_fn.schema.grounding import GroundingSupport
from genai_fn.schema.responses import (
    Candidate,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    ModalityTokenCount,
)
from genai_fn.schema.safety import SafetyRating

M = TypeVar("M", bound=Message)


def merge_continuation(before: GenerateContentResponse, after: GenerateContentResponse) -> GenerateContentResponse:
    """
    Merge a response and its continuation into one.

    The parts of both follow each other unchanged, so that the byte offsets of grounding supports stay valid.
    """
    pairs = zip_longest(before.candidates, after.candidates)
    return replace(_merge_messages(before, after), candidates=tuple(_merge_candidates(*pair) for pair in pairs))


def add_usage(
    before: GenerateContentResponseUsageMetadata | None, after: GenerateContentResponseUsageMetadata | None
) -> GenerateContentResponseUsageMetadata | None:
    """Add the usage of two requests."""
    return after or before if before is None or after is None else _merge_messages(before, after)


def _merge_candidates(before: Candidate | None, after: Candidate | None) -> Candidate:
    after = after or Candidate()
    if before is None:
        return after
    ending = {name: getattr(after, name) for name in ("continuation_token", "finish_reason", "finish_message")}
    return replace(_merge_messages(before, _shift_grounding(before, after)), **ending)


def _merge_messages(before: M, after: M) -> M:
    names = [name for name in after.__struct_fields__ if getattr(after, name) not in (None, ())]
    return replace(before, **{name: _merge_values(name, getattr(before, name), getattr(after, name)) for name in names})


def _merge_values(name: str, before: Any, after: Any) -> Any:
    """Merge the values of a field; `after` is set."""
    if before in (None, ()):
        return after
    merge = next((merge for kind, merge in _MERGES if isinstance(after, kind)), None)
    if merge is not None:
        return merge(before, after)
    return before + after if name.endswith(_ADDED) else after


def _merge_mappings(before: Any, after: Any) -> Any:
    return type(after)({**before, **after})


_ADDED = ("_count", "_sum")
"""Endings of the names of fields that are added."""


def _merge_lists(before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(after[0], SafetyRating):
        return tuple({each.category: each for each in (*before, *after)}.values())
    if isinstance(after[0], ModalityTokenCount):
        return tuple(_add_by_modality((*before, *after)))
    return (*before, *after)


_MERGES: tuple[tuple[type, Callable[[Any, Any], Any]], ...] = (
    (Message, _merge_messages),
    (tuple, _merge_lists),
    (Mapping, _merge_mappings),
)


def _add_by_modality(counts: Iterable[ModalityTokenCount]) -> Iterable[ModalityTokenCount]:
    added: dict[Any, ModalityTokenCount] = {}
    for each in counts:
        known = added.get(each.modality)
        added[each.modality] = each if known is None else _merge_messages(known, replace(each, modality=None))
    return added.values()


def _shift_grounding(before: Candidate, after: Candidate) -> Candidate:
    """Return `after` with the indices of its grounding supports as they are behind the parts and chunks of `before`."""
    if after.grounding_metadata is None:
        return after
    parts = len((before.content.parts if before.content else None) or ())
    chunks = len(before.grounding_metadata.grounding_chunks) if before.grounding_metadata else 0
    supports = tuple(_shift_support(each, parts, chunks) for each in after.grounding_metadata.grounding_supports)
    return replace(after, grounding_metadata=replace(after.grounding_metadata, grounding_supports=supports))


def _shift_support(support: GroundingSupport, parts: int, chunks: int) -> GroundingSupport:
    segment = support.segment
    if segment is not None and parts:
        segment = replace(segment, part_index=(segment.part_index or 0) + parts)
    indices = tuple(index + chunks for index in support.grounding_chunk_indices)
    return replace(support, grounding_chunk_indices=indices, segment=segment)
