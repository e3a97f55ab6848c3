"""Embedding: a vector for each text, so that what means the same lies close together."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from msgspec import field

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import CountMismatch, Unsupported
from genai_fn.names import model_name, valid_model
from genai_fn.ops._parts import nothing_is_none
from genai_fn.request import POST, Call, Operation, Request, json
from genai_fn.schema import (
    Content,
    ContentEmbedding,
    ContentEmbeddingStatistics,
    EmbedContentConfig,
    EmbedContentMetadata,
    EmbedContentResponse,
    Part,
)
from genai_fn.schema._base import Message, Value
from genai_fn.schema._convert import as_struct, as_value
from genai_fn.schema.content import ContentsLike, SeparateContentsLike

__all__ = ["EmbedContent", "embed"]


class EmbedContent(Operation[EmbedContentResponse]):
    """Make a vector of each content."""

    op: ClassVar = "embed"

    model: str
    contents: tuple[Content, ...]
    config: EmbedContentConfig = EmbedContentConfig()

    def gemini(self, at: Gemini) -> Call[EmbedContentResponse]:
        model = model_name(at, self.model)
        body = _Batch(requests=tuple(_request(each, model, self.config) for each in self.contents))
        return POST(f"{model}:batchEmbedContents", body, json(EmbedContentResponse, _Embedded(len(self.contents))))

    def vertex(self, at: Vertex) -> Call[EmbedContentResponse]:
        answer = json(_Predictions, _Embedded(len(self.contents)))
        return POST(f"{model_name(at, self.model)}:predict", _predict(self, at), answer)


def embed(
    model: str, contents: ContentsLike, config: EmbedContentConfig | Mapping[str, Any] | None = None
) -> Request[EmbedContentResponse]:
    """
    Make one vector for each item of a list, always; anything else is one item.

    Several parts in one `Content`, or in a list within the list, are one vector. Vertex makes vectors of single texts
    alone. An answer with more or fewer vectors is a ``CountMismatch``.

    Args:
        model: Such as ``gemini-embedding-001``, in any form that ``generate`` takes.

        contents: What ``generate`` takes; but here each item of a list is by itself.

        config: What the vectors are for, and how long they are.

    >>> len(embed("gemini-embedding-001", ["a text", "another"]).operation.contents)
    2
    """
    return Request(
        EmbedContent(
            model=valid_model(model),
            contents=as_value(SeparateContentsLike, contents, "contents"),
            config=as_struct(EmbedContentConfig, config),
        )
    )


# Gemini: a request for each


class _Request(Message):
    model: str
    content: Content
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class _Batch(Message):
    requests: tuple[_Request, ...]


def _request(content: Content, model: str, config: EmbedContentConfig) -> _Request:
    return _Request(
        model=model,
        content=content,
        task_type=config.task_type,
        title=config.title,
        output_dimensionality=config.output_dimensionality,
    )


# Vertex: a text for each


class _Instance(Message):
    content: str
    task_type: str | None = field(default=None, name="task_type")
    title: str | None = None
    mime_type: str | None = None


class _Parameters(Message):
    output_dimensionality: int | None = None
    auto_truncate: bool | None = None


class _Predict(Message):
    instances: tuple[_Instance, ...]
    parameters: _Parameters | None = None


def _predict(operation: EmbedContent, at: Vertex) -> _Predict:
    config = operation.config
    refused = [path for index, each in enumerate(operation.contents) for path in _more_than_text(each, index)]
    if refused:
        raise Unsupported(at.title, tuple(refused), "a vector is made of one text")
    parameters = _Parameters(output_dimensionality=config.output_dimensionality, auto_truncate=config.auto_truncate)
    return _Predict(
        instances=tuple(
            _Instance(content=_text(each), task_type=config.task_type, title=config.title, mime_type=config.mime_type)
            for each in operation.contents
        ),
        parameters=nothing_is_none(parameters),
    )


def _more_than_text(content: Content, index: int) -> Iterator[str]:
    """Name what there is in a content besides one text of the user's."""
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


def _text(content: Content) -> str:
    return "".join(part.text or "" for part in content.parts or ())


# What comes back


class _Embedded(Value):
    """Reads an answer, and holds it to as many vectors as were asked for."""

    expected: int

    def __call__(self, said: "EmbedContentResponse | _Predictions") -> EmbedContentResponse:
        answer = _predicted(said) if isinstance(said, _Predictions) else said
        if len(answer.embeddings) != self.expected:
            raise CountMismatch(self.expected, len(answer.embeddings))
        return answer


class _Statistics(Message):
    truncated: bool | None = None
    token_count: float | None = field(default=None, name="token_count")


class _Embeddings(Message):
    values: tuple[float, ...] = ()
    statistics: _Statistics | None = None


class _Prediction(Message):
    embeddings: _Embeddings


class _Predictions(Message):
    predictions: tuple[_Prediction, ...] = ()
    metadata: EmbedContentMetadata | None = None


def _predicted(said: _Predictions) -> EmbedContentResponse:
    return EmbedContentResponse(
        embeddings=tuple(
            ContentEmbedding(values=each.embeddings.values, statistics=_told(each.embeddings.statistics))
            for each in said.predictions
        ),
        metadata=said.metadata,
    )


def _told(said: _Statistics | None) -> ContentEmbeddingStatistics | None:
    if said is None:
        return None
    return ContentEmbeddingStatistics(truncated=said.truncated, token_count=said.token_count)
