"""What an answer rests on: sources, citations, passages, places."""

from msgspec.structs import force_setattr

from genai_fn.schema.base import Message, OpenEnum

__all__ = [
    "Citation",
    "CitationMetadata",
    "GoogleTypeDate",
    "GroundingChunk",
    "GroundingChunkMaps",
    "GroundingChunkMapsPlaceAnswerSources",
    "GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution",
    "GroundingChunkMapsPlaceAnswerSourcesReviewSnippet",
    "GroundingChunkRetrievedContext",
    "GroundingChunkWeb",
    "GroundingMetadata",
    "GroundingMetadataSourceFlaggingUri",
    "GroundingSupport",
    "RagChunk",
    "RagChunkPageSpan",
    "RetrievalMetadata",
    "SearchEntryPoint",
    "Segment",
    "UrlContextMetadata",
    "UrlMetadata",
    "UrlRetrievalStatus",
]


class UrlRetrievalStatus(OpenEnum):
    """How opening a page went."""

    URL_RETRIEVAL_STATUS_UNSPECIFIED = "URL_RETRIEVAL_STATUS_UNSPECIFIED"
    URL_RETRIEVAL_STATUS_SUCCESS = "URL_RETRIEVAL_STATUS_SUCCESS"
    URL_RETRIEVAL_STATUS_ERROR = "URL_RETRIEVAL_STATUS_ERROR"
    URL_RETRIEVAL_STATUS_PAYWALL = "URL_RETRIEVAL_STATUS_PAYWALL"
    URL_RETRIEVAL_STATUS_UNSAFE = "URL_RETRIEVAL_STATUS_UNSAFE"


class GoogleTypeDate(Message):
    """A date, or as much of one as is known."""

    day: int | None = None
    """0 where only month or year are known."""
    month: int | None = None
    """0 where only the year is known."""
    year: int | None = None
    """0 for a date of every year."""


class Citation(Message):
    """A passage of the answer that repeats a source."""

    end_index: int | None = None
    """In bytes of the answer, exclusive."""
    license: str | None = None
    publication_date: GoogleTypeDate | None = None
    start_index: int | None = None
    """In bytes of the answer."""
    title: str | None = None
    uri: str | None = None


class CitationMetadata(Message):
    """The sources that an answer repeats passages of."""

    citations: tuple[Citation, ...] = ()

    citation_sources: tuple[Citation, ...] = ()
    """What Gemini calls the citations; they end up there."""

    def __post_init__(self) -> None:
        if self.citation_sources:
            force_setattr(self, "citations", self.citations + self.citation_sources)
            force_setattr(self, "citation_sources", ())


class GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution(Message):
    """Who wrote a review."""

    display_name: str | None = None
    photo_uri: str | None = None
    uri: str | None = None


class GroundingChunkMapsPlaceAnswerSourcesReviewSnippet(Message):
    """A passage of a review."""

    author_attribution: GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution | None = None
    flag_content_uri: str | None = None
    google_maps_uri: str | None = None
    relative_publish_time_description: str | None = None
    review: str | None = None
    review_id: str | None = None
    title: str | None = None


class GroundingChunkMapsPlaceAnswerSources(Message):
    """The reviews that an answer on a place rests on."""

    flag_content_uri: str | None = None
    review_snippets: tuple[GroundingChunkMapsPlaceAnswerSourcesReviewSnippet, ...] = ()


class GroundingChunkMaps(Message):
    """A place of Google Maps."""

    place_answer_sources: GroundingChunkMapsPlaceAnswerSources | None = None
    place_id: str | None = None
    """``places/…``."""
    text: str | None = None
    title: str | None = None
    uri: str | None = None


class RagChunkPageSpan(Message):
    """From which page to which."""

    first_page: int | None = None
    """Counted from 1."""
    last_page: int | None = None
    """Counted from 1, inclusive."""


class RagChunk(Message):
    """A passage of a RAG corpus."""

    page_span: RagChunkPageSpan | None = None
    text: str | None = None


class GroundingChunkRetrievedContext(Message):
    """A passage that a retrieval tool found."""

    document_name: str | None = None
    rag_chunk: RagChunk | None = None
    text: str | None = None
    title: str | None = None
    uri: str | None = None


class GroundingChunkWeb(Message):
    """A page of the web."""

    domain: str | None = None
    title: str | None = None
    uri: str | None = None


class GroundingChunk(Message):
    """One source."""

    maps: GroundingChunkMaps | None = None
    retrieved_context: GroundingChunkRetrievedContext | None = None
    web: GroundingChunkWeb | None = None


class Segment(Message):
    """A stretch of an answer."""

    end_index: int | None = None
    """In **bytes** of the part, exclusive."""
    part_index: int | None = None
    """Which part of the answer."""
    start_index: int | None = None
    """In **bytes** of the part."""
    text: str | None = None


class GroundingSupport(Message):
    """Which sources a stretch of the answer rests on."""

    confidence_scores: tuple[float, ...] = ()
    """From 0 to 1, one for each of the indices; newer models give none."""
    grounding_chunk_indices: tuple[int, ...] = ()
    """Into ``grounding_chunks``."""
    segment: Segment | None = None


class RetrievalMetadata(Message):
    """How the model decided whether to search."""

    google_search_dynamic_retrieval_score: float | None = None
    """From 0 to 1; beyond the threshold it searches."""


class SearchEntryPoint(Message):
    """What must be shown beside an answer that rests on Google Search."""

    rendered_content: str | None = None
    """HTML and CSS, ready to be shown."""
    sdk_blob: bytes | None = None
    """JSON: pairs of a search and its address."""


class GroundingMetadataSourceFlaggingUri(Message):
    """Where a source can be reported."""

    flag_content_uri: str | None = None
    source_id: str | None = None


class GroundingMetadata(Message):
    """What an answer rests on."""

    google_maps_widget_context_token: str | None = None
    grounding_chunks: tuple[GroundingChunk, ...] = ()
    grounding_supports: tuple[GroundingSupport, ...] = ()
    retrieval_metadata: RetrievalMetadata | None = None
    retrieval_queries: tuple[str, ...] = ()
    search_entry_point: SearchEntryPoint | None = None
    source_flagging_uris: tuple[GroundingMetadataSourceFlaggingUri, ...] = ()
    web_search_queries: tuple[str, ...] = ()


class UrlMetadata(Message):
    """One page that the model opened."""

    retrieved_url: str | None = None
    url_retrieval_status: UrlRetrievalStatus | None = None


class UrlContextMetadata(Message):
    """The pages that the model opened."""

    url_metadata: tuple[UrlMetadata, ...] = ()
