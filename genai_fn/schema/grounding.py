"""Grounding of responses: sources, citations, passages, places."""

from msgspec.structs import force_setattr

from genai_fn.schema.base import OpenEnum, OpenMessage


class UrlRetrievalStatus(OpenEnum):
    """Outcome of the retrieval of a page."""

    URL_RETRIEVAL_STATUS_UNSPECIFIED = "URL_RETRIEVAL_STATUS_UNSPECIFIED"
    URL_RETRIEVAL_STATUS_SUCCESS = "URL_RETRIEVAL_STATUS_SUCCESS"
    URL_RETRIEVAL_STATUS_ERROR = "URL_RETRIEVAL_STATUS_ERROR"
    URL_RETRIEVAL_STATUS_PAYWALL = "URL_RETRIEVAL_STATUS_PAYWALL"
    URL_RETRIEVAL_STATUS_UNSAFE = "URL_RETRIEVAL_STATUS_UNSAFE"


class GoogleTypeDate(OpenMessage):
    """A date, possibly incomplete."""

    day: int | None = None
    """0 if only the month or the year is known."""
    month: int | None = None
    """0 if only the year is known."""
    year: int | None = None
    """0 for a date without a year."""


class Citation(OpenMessage):
    """A passage of a response that quotes a source."""

    end_index: int | None = None
    """End in the response, in bytes, exclusive."""
    license: str | None = None
    publication_date: GoogleTypeDate | None = None
    start_index: int | None = None
    """Start in the response, in bytes."""
    title: str | None = None
    uri: str | None = None


class CitationMetadata(OpenMessage):
    """The sources that a response quotes."""

    citations: tuple[Citation, ...] = ()

    citation_sources: tuple[Citation, ...] = ()
    """Wire name of ``citations`` on the Gemini API; the values are moved to ``citations``."""

    def __post_init__(self) -> None:
        if self.citation_sources:
            force_setattr(self, "citations", self.citations + self.citation_sources)
            force_setattr(self, "citation_sources", ())


class GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution(OpenMessage):
    """Author of a review."""

    display_name: str | None = None
    photo_uri: str | None = None
    uri: str | None = None


class GroundingChunkMapsPlaceAnswerSourcesReviewSnippet(OpenMessage):
    """A passage of a review."""

    author_attribution: GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution | None = None
    flag_content_uri: str | None = None
    google_maps_uri: str | None = None
    relative_publish_time_description: str | None = None
    review: str | None = None
    review_id: str | None = None
    title: str | None = None


class GroundingChunkMapsPlaceAnswerSources(OpenMessage):
    """The reviews on which a response about a place is based."""

    flag_content_uri: str | None = None
    review_snippets: tuple[GroundingChunkMapsPlaceAnswerSourcesReviewSnippet, ...] = ()
    review_snippet: tuple[GroundingChunkMapsPlaceAnswerSourcesReviewSnippet, ...] = ()
    """Another name of ``review_snippets``, which some responses use."""


class GroundingChunkMapsRoute(OpenMessage):
    """A route on Google Maps."""

    distance_meters: int | None = None
    duration: str | None = None
    """Duration, such as ``"900s"``."""
    encoded_polyline: str | None = None
    """The path of the route, in Google Maps' polyline encoding."""


class GroundingChunkMaps(OpenMessage):
    """A place on Google Maps."""

    place_answer_sources: GroundingChunkMapsPlaceAnswerSources | None = None
    place_id: str | None = None
    """``places/…``."""
    text: str | None = None
    title: str | None = None
    uri: str | None = None
    route: GroundingChunkMapsRoute | None = None


class RagChunkPageSpan(OpenMessage):
    """A range of pages."""

    first_page: int | None = None
    """First page, counted from 1."""
    last_page: int | None = None
    """Last page, counted from 1, inclusive."""


class RagChunk(OpenMessage):
    """A passage of a RAG corpus."""

    page_span: RagChunkPageSpan | None = None
    text: str | None = None
    chunk_id: str | None = None
    file_id: str | None = None


class GroundingChunkStringList(OpenMessage):
    """Texts of a metadata entry."""

    values: tuple[str, ...] = ()


class GroundingChunkCustomMetadata(OpenMessage):
    """A metadata entry of a document: a key, and a value of one kind."""

    key: str | None = None
    numeric_value: float | None = None
    string_list_value: GroundingChunkStringList | None = None
    string_value: str | None = None


class GroundingChunkRetrievedContext(OpenMessage):
    """A passage found by a retrieval tool."""

    document_name: str | None = None
    rag_chunk: RagChunk | None = None
    text: str | None = None
    title: str | None = None
    uri: str | None = None
    custom_metadata: tuple[GroundingChunkCustomMetadata, ...] = ()
    """Metadata that was given when the document was uploaded."""
    file_search_store: str | None = None
    """Name of the store, ``fileSearchStores/…``."""
    page_number: int | None = None
    media_id: str | None = None
    """Name of a medium in the store, ``fileSearchStores/…/media/…``."""


class GroundingChunkWeb(OpenMessage):
    """A web page."""

    domain: str | None = None
    title: str | None = None
    uri: str | None = None


class GroundingChunkImage(OpenMessage):
    """An image that a search has found."""

    source_uri: str | None = None
    """URI of the page."""
    image_uri: str | None = None
    title: str | None = None
    """Title of the page."""
    domain: str | None = None


class GroundingChunk(OpenMessage):
    """A source: a web page, an image, a retrieved passage, a place or a route."""

    maps: GroundingChunkMaps | None = None
    retrieved_context: GroundingChunkRetrievedContext | None = None
    web: GroundingChunkWeb | None = None
    image: GroundingChunkImage | None = None


class Segment(OpenMessage):
    """A range of a response."""

    end_index: int | None = None
    """End in the part, in **bytes**, exclusive."""
    part_index: int | None = None
    """Index of the part in the response."""
    start_index: int | None = None
    """Start in the part, in **bytes**."""
    text: str | None = None


class GroundingSupport(OpenMessage):
    """The sources of a range of the response."""

    confidence_scores: tuple[float, ...] = ()
    """From 0 to 1, one for each index; newer models return none."""
    grounding_chunk_indices: tuple[int, ...] = ()
    """Indices into ``grounding_chunks``."""
    segment: Segment | None = None
    rendered_parts: tuple[int, ...] = ()
    """Indices of rendered parts."""


class RetrievalMetadata(OpenMessage):
    """How likely a search was to help."""

    google_search_dynamic_retrieval_score: float | None = None
    """From 0 to 1; the model searches above the dynamic threshold."""


class SearchEntryPoint(OpenMessage):
    """Search suggestions that must be shown with a response grounded in Google Search."""

    rendered_content: str | None = None
    """HTML and CSS to embed in a page."""
    sdk_blob: bytes | None = None
    """JSON: pairs of a search term and its URL."""


class GroundingMetadataSourceFlaggingUri(OpenMessage):
    """URI for reporting a source."""

    flag_content_uri: str | None = None
    source_id: str | None = None


class GroundingMetadata(OpenMessage):
    """The grounding of a response."""

    google_maps_widget_context_token: str | None = None
    grounding_chunks: tuple[GroundingChunk, ...] = ()
    grounding_supports: tuple[GroundingSupport, ...] = ()
    retrieval_metadata: RetrievalMetadata | None = None
    retrieval_queries: tuple[str, ...] = ()
    search_entry_point: SearchEntryPoint | None = None
    source_flagging_uris: tuple[GroundingMetadataSourceFlaggingUri, ...] = ()
    web_search_queries: tuple[str, ...] = ()
    image_search_queries: tuple[str, ...] = ()


class UrlMetadata(OpenMessage):
    """A page that the model retrieved."""

    retrieved_url: str | None = None
    url_retrieval_status: UrlRetrievalStatus | None = None


class UrlContextMetadata(OpenMessage):
    """The pages that the model retrieved."""

    url_metadata: tuple[UrlMetadata, ...] = ()
