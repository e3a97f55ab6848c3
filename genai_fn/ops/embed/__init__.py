"""
Embeddings: one vector for each content; texts of similar meaning have similar vectors.

- `many`: embeds any number of texts, in batches.
- `batches`: how much one request takes, by backend and model, and cutting texts into batches.
- `arrays`: embeddings as numpy arrays.
- `responses`: the responses of all methods, and their conversion to one type.
- `prediction`: the body and the response of ``:predict``, for Vertex AI's text models.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar, overload

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.embed.arrays import ArraysReader, EmbedContentArrayResponse, check_numpy
from genai_fn.ops.embed.prediction import EmbedPredictions, build_predict_body, read_predictions
from genai_fn.ops.embed.responses import (
    EmbeddingsDecoder,
    VertexBatchEmbedResponse,
    VertexEmbedResponse,
    read_batch,
    read_single,
)
from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.request import POST, Call, Operation, Request, ResponseReader, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.schema.contents import ContentsLike, SeparateContentsLike, check_parts
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.embeddings import EmbedContentConfig, EmbedContentResponse
from genai_fn.schema.plain_contents import convert_plain_texts
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import EmbedContentConfigLike

__all__ = [
    "EmbedContent",
    "EmbedContentArrays",
    "EmbedOperation",
    "EmbedRequestBody",
    "EmbeddingOutput",
    "check_output",
    "embed",
    "encode_request",
    "has_embed_method",
]

T_co = TypeVar("T_co", covariant=True)

EmbeddingOutput: TypeAlias = Literal["tuples", "numpy"]

_Convert: TypeAlias = Callable[[Any], EmbedContentResponse] | None
_PATH = "$.embeddings[{}].values"


class EmbedOperation(Operation[T_co], Generic[T_co]):
    """Embed contents. The subclasses differ in how they read the response."""

    model: str
    contents: tuple[Content, ...]
    config: EmbedContentConfig = EmbedContentConfig()

    def gemini(self, at: Gemini) -> Call[T_co]:
        model = resolve_model_name(at, self.model)
        body = _BatchEmbedBody(requests=tuple(encode_request(each, self.config, model) for each in self.contents))
        return POST(f"{model}:batchEmbedContents", body, self._build_reader(EmbedContentResponse))

    def vertex(self, at: Vertex) -> Call[T_co]:
        model = resolve_model_name(at, self.model)
        if not has_embed_method(model):
            path = "$.predictions[{}].embeddings.values"
            reader = self._build_reader(EmbedPredictions, read_predictions, path)
            return POST(f"{model}:predict", build_predict_body(self.contents, self.config, at), reader)
        requests = tuple(_encode_vertex_request(each, self.config, at) for each in self.contents)
        if len(self.contents) == 1:
            return POST(f"{model}:embedContent", requests[0], self._build_reader(VertexEmbedResponse, read_single))
        if _takes_one_content(model):
            raise Unsupported(at.title, ("contents",), "this model embeds one content at a time")
        body = _VertexBatchEmbedBody(requests=requests)
        return POST(f"{model}:batchEmbedContents", body, self._build_reader(VertexBatchEmbedResponse, read_batch))

    def _build_reader(self, wire_type: type[Any], convert: _Convert = None, path: str = _PATH) -> ResponseReader[T_co]:
        """Build the reader of a response; `path` is where its vectors are, with ``{}`` for their index."""
        raise NotImplementedError


class EmbedContent(EmbedOperation[EmbedContentResponse]):
    """Embed contents: one vector for each."""

    op: ClassVar = "embed"

    def _build_reader(
        self, wire_type: type[Any], convert: _Convert = None, path: str = _PATH
    ) -> ResponseReader[EmbedContentResponse]:
        return read_json(wire_type, EmbeddingsDecoder(len(self.contents), convert))


class EmbedContentArrays(EmbedOperation[EmbedContentArrayResponse]):
    """Embed contents: one vector for each, as numpy arrays."""

    op: ClassVar = "embed.numpy"

    output: Literal["numpy"]

    def _build_reader(
        self, wire_type: type[Any], convert: _Convert = None, path: str = _PATH
    ) -> ResponseReader[EmbedContentArrayResponse]:
        decode = EmbeddingsDecoder(len(self.contents), convert)
        return ResponseReader(wire_type, parse=ArraysReader(wire_type, decode, path))


@overload
def embed(
    model: str,
    contents: "ContentsLike",
    config: "EmbedContentConfigLike | None" = None,
    *,
    output: Literal["tuples"] = "tuples",
) -> Request[EmbedContentResponse]: ...
@overload
def embed(
    model: str,
    contents: "ContentsLike",
    config: "EmbedContentConfigLike | None" = None,
    *,
    output: Literal["numpy"],
) -> Request[EmbedContentArrayResponse]: ...
@overload
def embed(
    model: str,
    contents: "ContentsLike",
    config: "EmbedContentConfigLike | None" = None,
    *,
    output: EmbeddingOutput,
) -> Request[EmbedContentResponse] | Request[EmbedContentArrayResponse]: ...
def embed(
    model: str,
    contents: "ContentsLike",
    config: "EmbedContentConfigLike | None" = None,
    *,
    output: EmbeddingOutput = "tuples",
) -> Request[EmbedContentResponse] | Request[EmbedContentArrayResponse]:
    """
    Embed contents: one vector for each item of a list or column; anything else is one item.

    Several parts in one `Content`, or in a list within the list, make one vector. On Vertex AI, models with ``gemini``
    or ``maas`` in their name embed whole contents; for any other model each item must be a single text.

    With ``output="numpy"``, the ``values`` of the response are one read-only array of shape ``(contents, dimensions)``
    and dtype float32, with a row for each content, in order; those of each of its ``embeddings`` are one row. The
    numbers are those of the response, rounded to float32; one that is too large is infinite. Statistics, usage and
    unknown fields are as in tuples. Needs the extra ``numpy``.

    Args:
        model: Such as ``gemini-embedding-001``, in any form that ``generate`` takes.

        contents: As in ``generate``, except that each item of a list is a content of its own. A column of pandas,
            polars or numpy is a list.

        config: ``task_type``, ``title``, ``output_dimensionality`` and more.

        output: What the vectors are: ``"tuples"`` of floats, or ``"numpy"`` arrays.

    Raises:
        InvalidRequest: If the model name is empty or invalid, the contents cannot be converted, a field of
            ``config`` is unknown or has the wrong type, or ``output`` is another text.

        MissingExtra: If ``output`` is ``"numpy"``, and numpy is not installed.

    Fails with:
        Unsupported: If the backend or the model's method does not have a field that is set, an item is not a single
            text where only texts are embedded, or there are several items for a ``maas`` model on Vertex AI.

        CountMismatch: If the response has more or fewer vectors than there are contents.

        DecodeError: If ``output`` is ``"numpy"``, and the vectors differ in length; ``path`` has the index of the first
            that differs.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> len(embed("gemini-embedding-001", ["a text", "another"]).operation.contents)
    2
    >>> from genai_fn import Offline
    >>> Offline()(embed("gemini-embedding-001", ["a text", "another"], output="numpy")).unwrap().values.shape
    (2, 3072)
    """
    turns = convert_plain_texts(contents) or _convert_contents(contents)
    name, parsed_config = check_model_name(model), as_struct(EmbedContentConfig, config)
    if check_output(output) == "numpy":
        return Request(EmbedContentArrays(model=name, contents=turns, config=parsed_config, output="numpy"))
    return Request(EmbedContent(model=name, contents=turns, config=parsed_config))


def _convert_contents(contents: Any) -> tuple[Content, ...]:
    turns: tuple[Content, ...] = as_value(SeparateContentsLike, contents, "contents")
    check_parts(turns, "contents")
    return turns


def check_output(output: EmbeddingOutput) -> EmbeddingOutput:
    """Return the output. Raises InvalidRequest if there is no such output, MissingExtra if it needs numpy."""
    if output not in ("tuples", "numpy"):
        raise InvalidRequest("output", output, '"tuples" or "numpy"')
    if output == "numpy":
        check_numpy()
    return output


# Gemini: one request for each content


class EmbedRequestBody(Message):
    """A request for one embedding; in a batch, it has no model."""

    model: str | None = None
    content: Content
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class _BatchEmbedBody(Message):
    requests: tuple[EmbedRequestBody, ...]


def encode_request(content: Content, config: EmbedContentConfig, model: str | None = None) -> EmbedRequestBody:
    """Encode a content with the options that the Gemini Developer API has."""
    return EmbedRequestBody(
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
    options = omit_if_empty(copy_fields(_VertexEmbedConfig, config))
    return _VertexEmbedBody(content=content, embed_content_config=options)
