"""Retrieval: finds the passages of file search stores that share the most words with a question."""

import functools
import math
from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from msgspec.structs import replace

from genai_fn.emulator.fake_model.words import is_content_word, split_words
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.filters import parse_filter
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.emulator.stores.documents import IngestedDocument, list_ready_documents
from genai_fn.schema.grounding import (
    GroundingChunk,
    GroundingChunkRetrievedContext,
    GroundingChunkWeb,
    GroundingMetadata,
    GroundingSupport,
    SearchEntryPoint,
    Segment,
)
from genai_fn.schema.stores import CustomMetadata, Document
from genai_fn.schema.tools import Tool
from genai_fn.values import Value


def search_stores(state: EmulatorState, tool: Tool, question: str) -> GroundingMetadata | None:
    """
    Search the stores of a tool; None if no passage matches. Documents that are not ready are skipped.

    Raises:
        EmulatedFault: If a store does not exist, or the filter or ``top_k`` is invalid.
    """
    search = tool.file_search
    if search is None:
        return None
    if (search.top_k or 0) < 0:
        raise make_invalid_argument(f"* FileSearch.top_k: {search.top_k} is less than 0")
    matches = parse_filter(search.metadata_filter or "")
    stores = search.file_search_store_names or ()
    documents = [each for store in stores for each in list_ready_documents(state, store)]
    candidates = [each for each in documents if matches(functools.partial(_lookup_metadata, each.document))]
    passages = [_Passage(each, text) for each in candidates for text in each.passages]
    passages = _rank_passages(passages, question)[: search.top_k or _DEFAULT_TOP_K]
    return GroundingMetadata(grounding_chunks=tuple(each.chunk for each in passages)) if passages else None


_DEFAULT_TOP_K = 5


def search_web(tool: Tool, question: str) -> GroundingMetadata | None:
    """
    Return the result of a search of the web, a single page that does not exist; None if the tool is no such search.

    >>> from genai_fn.schema import GoogleSearch
    >>> search_web(Tool(google_search=GoogleSearch()), "Why?").web_search_queries
    ('Why?',)
    """
    searches = (tool.google_search, tool.google_search_retrieval, tool.enterprise_web_search)
    if all(each is None for each in searches):
        return None
    query = quote(question[:_MAX_QUERY_LENGTH], errors="replace")
    page = GroundingChunkWeb(uri=f"https://example.com/search/{query}", title="example.com")
    suggestion = f'<div class="container"><a class="chip" href="https://example.com/search?q={query}">Search</a></div>'
    return GroundingMetadata(
        web_search_queries=(question,),
        search_entry_point=SearchEntryPoint(rendered_content=suggestion),
        grounding_chunks=(GroundingChunk(web=page),),
    )


_MAX_QUERY_LENGTH = 100


def add_grounding_supports(grounding: GroundingMetadata, text: str) -> GroundingMetadata:
    """Add a support that attributes the whole text to all chunks."""
    segment = Segment(end_index=len(text.encode()), text=text)
    indices = tuple(range(len(grounding.grounding_chunks)))
    supports = (GroundingSupport(segment=segment, grounding_chunk_indices=indices),)
    return replace(grounding, grounding_supports=supports)


class _Passage(Value):
    """A passage and its document."""

    document: IngestedDocument
    text: str

    @property
    def chunk(self) -> GroundingChunk:
        document = self.document.document
        name = document.name or ""
        is_image = (document.mime_type or "").startswith("image/")
        context = GroundingChunkRetrievedContext(
            text=self.text,
            title=document.display_name or name,
            media_id=name.replace("/documents/", "/media/") if is_image else None,
        )
        return GroundingChunk(retrieved_context=context)


def _rank_passages(passages: Sequence[_Passage], question: str) -> list[_Passage]:
    """Sort passages by the question's words that they contain; rare words count more. Drop passages without any."""
    question_words = {each for each in split_words(question) if is_content_word(each)}
    shared_words = [question_words.intersection(split_words(each.text)) for each in passages]
    frequencies = Counter(word for each in shared_words for word in each)
    scores = [sum(math.log(1 + len(passages) / frequencies[word]) for word in sorted(each)) for each in shared_words]
    order = sorted(range(len(passages)), key=lambda index: -scores[index])
    return [passages[index] for index in order if scores[index] > 0]


def _lookup_metadata(document: Document, name: str) -> Sequence[str | float]:
    return [value for each in document.custom_metadata if each.key == name for value in _list_metadata_values(each)]


def _list_metadata_values(metadata: CustomMetadata) -> tuple[str | float, ...]:
    values = () if metadata.string_list_value is None else metadata.string_list_value.values or ()
    return (*(each for each in (metadata.string_value, metadata.numeric_value) if each is not None), *values)
