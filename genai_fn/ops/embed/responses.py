"""Responses with embeddings: how each method of the API returns them, and their conversion to one type."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from genai_fn.errors import CountMismatch
from genai_fn.ops.embed.prediction import VertexEmbedding, read_vector
from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.embeddings import (
    ContentEmbedding,
    ContentEmbeddingStatistics,
    EmbedContentMetadata,
    EmbedContentResponse,
)
from genai_fn.schema.live_server import UsageMetadata
from genai_fn.values import Value

__all__ = ["EmbeddingsDecoder", "VertexBatchEmbedResponse", "VertexEmbedResponse", "read_batch", "read_single"]


class EmbeddingsDecoder(Value):
    """Converts a response, and checks that it has as many vectors as there are contents."""

    expected: int
    convert: Callable[[Any], EmbedContentResponse] | None = None

    def __call__(self, wire: Any) -> EmbedContentResponse:
        response: EmbedContentResponse = wire if self.convert is None else self.convert(wire)
        if len(response.embeddings) != self.expected:
            raise CountMismatch(self.expected, len(response.embeddings))
        return response


class VertexEmbedResponse(OpenMessage):
    """The response of ``:embedContent`` on Vertex AI."""

    embedding: ContentEmbedding | None = None
    truncated: bool | None = None
    usage_metadata: UsageMetadata | None = None


class VertexBatchEmbedResponse(OpenMessage):
    """The response of ``:batchEmbedContents`` on Vertex AI."""

    embeddings: tuple[VertexEmbedding, ...] = ()
    metadata: EmbedContentMetadata | None = None
    truncated: bool | None = None
    usage_metadata: UsageMetadata | None = None


def read_single(wire: VertexEmbedResponse) -> EmbedContentResponse:
    """Convert the response of ``:embedContent``; its token count and truncation become those of the vector."""
    usage = wire.usage_metadata
    statistics = ContentEmbeddingStatistics(
        truncated=wire.truncated,
        token_count=usage.prompt_token_count if usage else None,
        tokens_details=usage.prompt_tokens_details if usage else (),
    )
    vectors = () if wire.embedding is None else (replace(wire.embedding, statistics=omit_if_empty(statistics)),)
    return copy_fields(EmbedContentResponse, wire, embeddings=vectors)


def read_batch(wire: VertexBatchEmbedResponse) -> EmbedContentResponse:
    """Convert the response of ``:batchEmbedContents`` to the public type."""
    return copy_fields(EmbedContentResponse, wire, embeddings=tuple(map(read_vector, wire.embeddings)))
