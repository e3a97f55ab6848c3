"""
Embeddings: one vector for each content; texts of similar meaning have similar vectors.

- `many`: embeds any number of texts, in batches.
- `prediction`: the body and the response of ``:predict``, for Vertex AI's text models.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import CountMismatch, Unsupported
from genai_fn.ops.embed.prediction import (
    EmbedPredictions,
    VertexEmbedding,
    build_predict_body,
    read_predictions,
    read_vector,
)
from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.request import POST, Call, Operation, Request, read_json
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.content import Content
from genai_fn.schema.contents import ContentsLike, SeparateContentsLike, check_parts
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.embeddings import (
    ContentEmbedding,
    ContentEmbeddingStatistics,
    EmbedContentConfig,
    EmbedContentMetadata,
    EmbedContentResponse,
)
from genai_fn.schema.live_server import UsageMetadata
from genai_fn.values import Value
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

__all__ = ["EmbedContent", "embed", "has_embed_method"]


class EmbedContent(Operation[EmbedContentResponse]):
    """Embed contents: one vector for each."""

    op: ClassVar = "embed"

    model: str
    contents: tuple[Content, ...]
    config: EmbedContentConfig = EmbedContentConfig()

    def gemini(self, at: Gemini) -> Call[EmbedContentResponse]:
        model = resolve_model_name(at, self.model)
        body = _BatchEmbedBody(requests=tuple(_encode_request(each, model, self.config) for each in self.contents))
        return POST(
            f"{model}:batchEmbedContents", body, read_json(EmbedContentResponse, _EmbeddingsDecoder(len(self.contents)))
        )

    def vertex(self, at: Vertex) -> Call[EmbedContentResponse]:
        model, count = resolve_model_name(at, self.model), len(self.contents)
        if not has_embed_method(model):
            reader = read_json(EmbedPredictions, _EmbeddingsDecoder(count, read_predictions))
            return POST(f"{model}:predict", build_predict_body(self.contents, self.config, at), reader)
        requests = tuple(_encode_vertex_request(each, self.config, at) for each in self.contents)
        if count == 1:
            one = read_json(_VertexEmbedResponse, _EmbeddingsDecoder(count, _read_single))
            return POST(f"{model}:embedContent", requests[0], one)
        if _takes_one_content(model):
            raise Unsupported(at.title, ("contents",), "this model embeds one content at a time")
        several = read_json(_VertexBatchEmbedResponse, _EmbeddingsDecoder(count, _read_batch))
        return POST(f"{model}:batchEmbedContents", _VertexBatchEmbedBody(requests=requests), several)


def embed(
    model: str, contents: ContentsLike, config: EmbedContentConfig | Mapping[str, Any] | None = None
) -> Request[EmbedContentResponse]:
    """
    Embed contents: one vector for each item of a list; anything that is not a list is one item.

    Several parts in one `Content`, or in a list within the list, make one vector. On Vertex AI, models with ``gemini``
    or ``maas`` in their name embed whole contents; for any other model each item must be a single text.

    Args:
        model: Such as ``gemini-embedding-001``, in any form that ``generate`` takes.

        contents: As in ``generate``, except that each item of a list is a content of its own.

        config: ``task_type``, ``title``, ``output_dimensionality`` and more.

    Raises:
        InvalidRequest: If the model name is empty or invalid, the contents cannot be converted, or a field of
            ``config`` is unknown or has the wrong type.

    Fails with:
        Unsupported: If the backend or the model's method does not have a field that is set, an item is not a single
            text where only texts are embedded, or there are several items for a ``maas`` model on Vertex AI.

        CountMismatch: If the response has more or fewer vectors than there are contents.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> len(embed("gemini-embedding-001", ["a text", "another"]).operation.contents)
    2
    """
    turns: tuple[Content, ...] = as_value(SeparateContentsLike, contents, "contents")
    check_parts(turns, "contents")
    return Request(
        EmbedContent(
            model=check_model_name(model),
            contents=turns,
            config=as_struct(EmbedContentConfig, config),
        )
    )


# Gemini: one request for each content


class _EmbedRequestBody(Message):
    model: str
    content: Content
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class _BatchEmbedBody(Message):
    requests: tuple[_EmbedRequestBody, ...]


def _encode_request(content: Content, model: str, config: EmbedContentConfig) -> _EmbedRequestBody:
    return _EmbedRequestBody(
        model=model,
        content=content,
        task_type=config.task_type,
        title=config.title,
        output_dimensionality=config.output_dimensionality,
    )


# Vertex AI: whole contents


def has_embed_method(model: str) -> bool:
    """Whether Vertex AI embeds contents with a model by ``:embedContent``; google-genai decides by the same words."""
    name = model.rpartition("/")[2]
    return "gemini" in name or "maas" in name


def _takes_one_content(model: str) -> bool:
    return "maas" in model.rpartition("/")[2]


class _VertexEmbedConfig(Message):
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None
    auto_truncate: bool | None = None
    document_ocr: bool | None = None
    audio_track_extraction: bool | None = None


class _VertexEmbedBody(Message):
    content: Content
    embed_content_config: _VertexEmbedConfig | None = None


class _VertexBatchEmbedBody(Message):
    requests: tuple[_VertexEmbedBody, ...]


def _encode_vertex_request(content: Content, config: EmbedContentConfig, at: Vertex) -> _VertexEmbedBody:
    if config.mime_type is not None:
        raise Unsupported(at.title, ("config.mime_type",), "this model takes the MIME type of each part")
    given = _VertexEmbedConfig(**{name: getattr(config, name) for name in _VertexEmbedConfig.__struct_fields__})
    return _VertexEmbedBody(content=content, embed_content_config=omit_if_empty(given))


# Responses


class _EmbeddingsDecoder(Value):
    """Converts a response, and checks that it has as many vectors as there are contents."""

    expected: int
    convert: Callable[[Any], EmbedContentResponse] | None = None

    def __call__(self, wire: Any) -> EmbedContentResponse:
        response: EmbedContentResponse = wire if self.convert is None else self.convert(wire)
        if len(response.embeddings) != self.expected:
            raise CountMismatch(self.expected, len(response.embeddings))
        return response


class _VertexEmbedResponse(OpenMessage):
    embedding: ContentEmbedding | None = None
    truncated: bool | None = None
    usage_metadata: UsageMetadata | None = None


class _VertexBatchEmbedResponse(OpenMessage):
    embeddings: tuple[VertexEmbedding, ...] = ()
    metadata: EmbedContentMetadata | None = None
    truncated: bool | None = None
    usage_metadata: UsageMetadata | None = None


def _read_single(wire: _VertexEmbedResponse) -> EmbedContentResponse:
    """Convert the response of ``:embedContent``; its token count and truncation become those of the vector."""
    usage = wire.usage_metadata
    statistics = ContentEmbeddingStatistics(
        truncated=wire.truncated,
        token_count=usage.prompt_token_count if usage else None,
        tokens_details=usage.prompt_tokens_details if usage else (),
    )
    vectors = () if wire.embedding is None else (replace(wire.embedding, statistics=omit_if_empty(statistics)),)
    return EmbedContentResponse(embeddings=vectors, truncated=wire.truncated, usage_metadata=usage, extra=wire.extra)


def _read_batch(wire: _VertexBatchEmbedResponse) -> EmbedContentResponse:
    return EmbedContentResponse(
        embeddings=tuple(map(read_vector, wire.embeddings)),
        metadata=wire.metadata,
        truncated=wire.truncated,
        usage_metadata=wire.usage_metadata,
        extra=wire.extra,
    )
