"""Embeddings by ``:predict`` on Vertex AI: one text for each vector."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import field

from genai_fn.backend import Vertex
from genai_fn.codec import ExtraFields
from genai_fn.errors import Unsupported
from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.content import Content, Part
from genai_fn.schema.embeddings import (
    ContentEmbedding,
    ContentEmbeddingStatistics,
    EmbedContentConfig,
    EmbedContentMetadata,
    EmbedContentResponse,
)
from genai_fn.schema.responses import ModalityTokenCount

__all__ = ["EmbedPredictions", "VertexEmbedding", "build_predict_body", "read_predictions", "read_vector"]


class _EmbedInstance(Message):
    content: str
    task_type: str | None = field(default=None, name="task_type")
    title: str | None = None
    mime_type: str | None = None


class _EmbedParameters(Message):
    output_dimensionality: int | None = None
    auto_truncate: bool | None = None


class _EmbedPredictBody(Message):
    instances: tuple[_EmbedInstance, ...]
    parameters: _EmbedParameters | None = None


def build_predict_body(contents: tuple[Content, ...], config: EmbedContentConfig, at: Vertex) -> _EmbedPredictBody:
    """Build the body. Raises Unsupported if a content is not one text, or the method lacks a field of the config."""
    unsupported = [path for index, each in enumerate(contents) for path in _find_unsupported_content(each, index)]
    if unsupported:
        raise Unsupported(at.title, tuple(unsupported), "each content must be one text")
    media_options = [name for name in _MEDIA_OPTIONS if getattr(config, name) is not None]
    if media_options:
        raise Unsupported(at.title, tuple(f"config.{name}" for name in media_options), "this model embeds texts only")
    return _EmbedPredictBody(
        instances=tuple(
            _EmbedInstance(
                content=_get_text(each), task_type=config.task_type, title=config.title, mime_type=config.mime_type
            )
            for each in contents
        ),
        parameters=omit_if_empty(copy_fields(_EmbedParameters, config)),
    )


_MEDIA_OPTIONS = ("document_ocr", "audio_track_extraction")


def _find_unsupported_content(content: Content, index: int) -> Iterator[str]:
    """Yield the paths of all that a content has besides one text of the user."""
    parts = content.parts or ()
    if len(parts) != 1:
        yield f"contents[{index}].parts"
    if content.role not in ("user", None):
        yield f"contents[{index}].role"
    for place, part in enumerate(parts):
        beside = [name for name in Part.__struct_fields__ if name != "text" and getattr(part, name) is not None]
        yield from (f"contents[{index}].parts[{place}].{name}" for name in beside)
        if part.text is None and not beside:
            yield f"contents[{index}].parts[{place}]"


def _get_text(content: Content) -> str:
    return "".join(part.text or "" for part in content.parts or ())


# Responses


class _WireStatistics(OpenMessage):
    truncated: bool | None = None
    token_count: float | None = field(default=None, name="token_count")
    tokens_details: tuple[ModalityTokenCount, ...] = ()


class VertexEmbedding(OpenMessage):
    """A vector on the wire of Vertex AI, where one of its statistics has a name in snake case."""

    values: tuple[float, ...] = ()
    statistics: _WireStatistics | None = None


class _EmbedPrediction(OpenMessage):
    embeddings: VertexEmbedding


class EmbedPredictions(OpenMessage):
    """The response of ``:predict``."""

    predictions: tuple[_EmbedPrediction, ...] = ()
    metadata: EmbedContentMetadata | None = None


def read_predictions(wire: EmbedPredictions) -> EmbedContentResponse:
    """Convert the response of ``:predict`` to the public type."""
    vectors = tuple(read_vector(each.embeddings, each.extra) for each in wire.predictions)
    return copy_fields(EmbedContentResponse, wire, embeddings=vectors)


def read_vector(wire: VertexEmbedding, extra: Mapping[str, Any] | None = None) -> ContentEmbedding:
    """Convert one vector to the public type; `extra` are unknown fields of the prediction that contains it."""
    statistics = None
    if wire.statistics is not None:
        statistics = ContentEmbeddingStatistics(
            truncated=wire.statistics.truncated,
            token_count=wire.statistics.token_count,
            tokens_details=wire.statistics.tokens_details,
            extra=wire.statistics.extra,
        )
    unknown = {**(extra or {}), **(wire.extra or {})}
    return ContentEmbedding(values=wire.values, statistics=statistics, extra=ExtraFields(unknown) if unknown else None)
