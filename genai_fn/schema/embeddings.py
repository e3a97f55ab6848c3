"""Embeddings of texts and media."""

from genai_fn.schema.base import Message, OpenMessage, VertexOnly
from genai_fn.schema.live_server import UsageMetadata
from genai_fn.schema.responses import ModalityTokenCount


class EmbedContentConfig(Message):
    """Options of `embed`: the task and the number of dimensions."""

    task_type: str | None = None
    """For example ``RETRIEVAL_QUERY``, ``RETRIEVAL_DOCUMENT`` or ``SEMANTIC_SIMILARITY``."""
    title: str | None = None
    """Title of the document, for the task ``RETRIEVAL_DOCUMENT``."""
    output_dimensionality: int | None = None
    """Embeddings are truncated to this number of dimensions."""
    mime_type: VertexOnly[str | None] = None
    auto_truncate: VertexOnly[bool | None] = None
    """Whether a text that is too long is truncated instead of refused."""
    document_ocr: VertexOnly[bool | None] = None
    """Whether text in documents is recognized."""
    audio_track_extraction: VertexOnly[bool | None] = None
    """Whether the sound of a video is embedded, too."""


class ContentEmbeddingStatistics(OpenMessage):
    """Statistics of an embedded text."""

    truncated: bool | None = None
    """Whether the text was too long and was truncated."""
    token_count: float | None = None
    tokens_details: tuple[ModalityTokenCount, ...] = ()


class ContentEmbedding(OpenMessage):
    """An embedding."""

    values: tuple[float, ...] = ()
    statistics: ContentEmbeddingStatistics | None = None


class EmbedContentMetadata(OpenMessage):
    """Billing metadata of embeddings."""

    billable_character_count: int | None = None


class EmbedContentResponse(OpenMessage):
    """The embeddings, in the order of the contents."""

    embeddings: tuple[ContentEmbedding, ...] = ()
    metadata: EmbedContentMetadata | None = None
    truncated: bool | None = None
    """Whether the content was too long and was truncated."""
    usage_metadata: UsageMetadata | None = None


class SingleEmbedContentResponse(OpenMessage):
    """An embedding in the results of a batch."""

    embedding: ContentEmbedding | None = None
    token_count: int | None = None
