"""
Embeddings: one vector for each content; texts of similar meaning have similar vectors.

`many` embeds any number of texts, in batches.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from msgspec import field

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import CountMismatch, Unsupported
from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.request import POST, Call, Operation, Request, read_json
from genai_fn.schema import (
    Content,
    ContentEmbedding,
    ContentEmbeddingStatistics,
    EmbedContentConfig,
    EmbedContentMetadata,
    EmbedContentResponse,
    Part,
)
from genai_fn.schema.base import Message
from genai_fn.schema.contents import ContentsLike, SeparateContentsLike
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.values import Value
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

__all__ = ["EmbedContent", "embed"]


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
        reader = read_json(_EmbedPredictions, _EmbeddingsDecoder(len(self.contents)))
        return POST(f"{resolve_model_name(at, self.model)}:predict", _encode_predict(self, at), reader)


def embed(
    model: str, contents: ContentsLike, config: EmbedContentConfig | Mapping[str, Any] | None = None
) -> Request[EmbedContentResponse]:
    """
    Embed contents: one vector for each item of a list; anything that is not a list is one item.

    Several parts in one `Content`, or in a list within the list, make one vector. On Vertex AI each item must be a
    single text.

    Args:
        model: Such as ``gemini-embedding-001``, in any form that ``generate`` takes.

        contents: As in ``generate``, except that each item of a list is a content of its own.

        config: ``task_type``, ``title``, ``output_dimensionality`` and more.

    Raises:
        InvalidRequest: If the model name is empty or invalid, the contents cannot be converted, or a field of
            ``config`` is unknown or has the wrong type.

    Fails with:
        Unsupported: If the backend does not have a field that is set, or an item is not a single text on Vertex AI.

        CountMismatch: If the response has more or fewer vectors than there are contents.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> len(embed("gemini-embedding-001", ["a text", "another"]).operation.contents)
    2
    """
    return Request(
        EmbedContent(
            model=check_model_name(model),
            contents=as_value(SeparateContentsLike, contents, "contents"),
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


# Vertex AI: one text for each content


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


def _encode_predict(operation: EmbedContent, at: Vertex) -> _EmbedPredictBody:
    config = operation.config
    unsupported = [
        path for index, each in enumerate(operation.contents) for path in _find_unsupported_content(each, index)
    ]
    if unsupported:
        raise Unsupported(at.title, tuple(unsupported), "each content must be one text")
    parameters = _EmbedParameters(
        output_dimensionality=config.output_dimensionality, auto_truncate=config.auto_truncate
    )
    return _EmbedPredictBody(
        instances=tuple(
            _EmbedInstance(
                content=_get_text(each), task_type=config.task_type, title=config.title, mime_type=config.mime_type
            )
            for each in operation.contents
        ),
        parameters=omit_if_empty(parameters),
    )


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


class _EmbeddingsDecoder(Value):
    """Decodes a response, and checks that it has as many vectors as there are contents."""

    expected: int

    def __call__(self, wire: "EmbedContentResponse | _EmbedPredictions") -> EmbedContentResponse:
        response = _embeddings_from_vertex(wire) if isinstance(wire, _EmbedPredictions) else wire
        if len(response.embeddings) != self.expected:
            raise CountMismatch(self.expected, len(response.embeddings))
        return response


class _WireStatistics(Message):
    truncated: bool | None = None
    token_count: float | None = field(default=None, name="token_count")


class _WireEmbedding(Message):
    values: tuple[float, ...] = ()
    statistics: _WireStatistics | None = None


class _EmbedPrediction(Message):
    embeddings: _WireEmbedding


class _EmbedPredictions(Message):
    predictions: tuple[_EmbedPrediction, ...] = ()
    metadata: EmbedContentMetadata | None = None


def _embeddings_from_vertex(wire: _EmbedPredictions) -> EmbedContentResponse:
    return EmbedContentResponse(
        embeddings=tuple(
            ContentEmbedding(values=each.embeddings.values, statistics=_decode_statistics(each.embeddings.statistics))
            for each in wire.predictions
        ),
        metadata=wire.metadata,
    )


def _decode_statistics(wire: _WireStatistics | None) -> ContentEmbeddingStatistics | None:
    if wire is None:
        return None
    return ContentEmbeddingStatistics(truncated=wire.truncated, token_count=wire.token_count)
