"""Vectors for texts and media."""

from genai_fn.schema.base import Message, VertexOnly

__all__ = [
    "ContentEmbedding",
    "ContentEmbeddingStatistics",
    "EmbedContentConfig",
    "EmbedContentMetadata",
    "EmbedContentResponse",
    "SingleEmbedContentResponse",
]


class EmbedContentConfig(Message):
    """What vectors are for and how long they are."""

    task_type: str | None = None
    """Such as ``RETRIEVAL_QUERY``, ``RETRIEVAL_DOCUMENT`` or ``SEMANTIC_SIMILARITY``."""
    title: str | None = None
    """Of the document, for the task ``RETRIEVAL_DOCUMENT``."""
    output_dimensionality: int | None = None
    """The vectors are cut to this length."""
    mime_type: VertexOnly[str | None] = None
    auto_truncate: VertexOnly[bool | None] = None
    """Whether a text that is too long is cut; otherwise it is an error."""


class ContentEmbeddingStatistics(Message):
    """What a vector was made of."""

    truncated: bool | None = None
    """Whether the text was too long and cut."""
    token_count: float | None = None


class ContentEmbedding(Message):
    """A vector."""

    values: tuple[float, ...] = ()
    statistics: ContentEmbeddingStatistics | None = None


class EmbedContentMetadata(Message):
    """What vectors cost."""

    billable_character_count: int | None = None


class EmbedContentResponse(Message):
    """The vectors, in the order of what was asked."""

    embeddings: tuple[ContentEmbedding, ...] = ()
    metadata: EmbedContentMetadata | None = None


class SingleEmbedContentResponse(Message):
    """One vector, as a batch gives it."""

    embedding: ContentEmbedding | None = None
    token_count: int | None = None
