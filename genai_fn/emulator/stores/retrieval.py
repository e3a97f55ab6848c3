"""Retrieval: the passages of a store's documents that share most words with a question."""

import functools
import math
from collections import Counter
from collections.abc import Sequence

from genai_fn.emulator.fake_model.words import is_content_word, split_words
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.filters import parse_filter
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.emulator.stores.documents import IngestedDocument, list_ready_documents
from genai_fn.schema import (
    CustomMetadata,
    Document,
    GroundingChunk,
    GroundingChunkRetrievedContext,
    GroundingMetadata,
    GroundingSupport,
    Segment,
    Tool,
)
from genai_fn.values import Value

__all__ = ["add_grounding_supports", "search_stores"]


def search_stores(state: EmulatorState, tool: Tool, question: str) -> GroundingMetadata | None:
    """
    Search the stores that a tool names, as far as their documents have been read; None where nothing fits.

    Raises:
        Fault: for a store that is not there, and what makes no sense.
    """
    search = tool.file_search
    if search is None:
        return None
    if (search.top_k or 0) < 0:
        raise make_invalid_argument(f"* FileSearch.top_k: {search.top_k} is less than 0")
    fits = parse_filter(search.metadata_filter or "")
    stores = search.file_search_store_names or ()
    readings = [each for store in stores for each in list_ready_documents(state, store)]
    fitting = [each for each in readings if fits(functools.partial(_lookup_metadata, each.document))]
    passages = [_Passage(each, text) for each in fitting for text in each.passages]
    best = _rank_passages(passages, question)[: search.top_k or _DEFAULT_TOP_K]
    return GroundingMetadata(grounding_chunks=tuple(each.chunk for each in best)) if best else None


_DEFAULT_TOP_K = 5


def add_grounding_supports(grounding: GroundingMetadata, text: str) -> GroundingMetadata:
    """Say that the whole of a text rests on all that was found."""
    segment = Segment(end_index=len(text.encode()), text=text)
    indices = tuple(range(len(grounding.grounding_chunks)))
    supports = (GroundingSupport(segment=segment, grounding_chunk_indices=indices),)
    return GroundingMetadata(grounding_chunks=grounding.grounding_chunks, grounding_supports=supports)


class _Passage(Value):
    """A passage, and whose it is."""

    document: IngestedDocument
    text: str

    @property
    def chunk(self) -> GroundingChunk:
        title = self.document.document.display_name or self.document.document.name
        return GroundingChunk(retrieved_context=GroundingChunkRetrievedContext(text=self.text, title=title))


def _rank_passages(passages: Sequence[_Passage], question: str) -> list[_Passage]:
    """Order passages by the words of the question that they have, rare ones before frequent ones."""
    asked = {each for each in split_words(question) if is_content_word(each)}
    within = [asked.intersection(split_words(each.text)) for each in passages]
    spread = Counter(word for each in within for word in each)
    scores = [sum(math.log(1 + len(passages) / spread[word]) for word in sorted(each)) for each in within]
    order = sorted(range(len(passages)), key=lambda index: -scores[index])
    return [passages[index] for index in order if scores[index] > 0]


def _lookup_metadata(document: Document, name: str) -> Sequence[str | float]:
    return [value for each in document.custom_metadata if each.key == name for value in _list_metadata_values(each)]


def _list_metadata_values(fact: CustomMetadata) -> tuple[str | float, ...]:
    several = () if fact.string_list_value is None else fact.string_list_value.values or ()
    return (*(each for each in (fact.string_value, fact.numeric_value) if each is not None), *several)
