"""Batches of embeddings; the builder is ``batches.create_embeddings``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from genai_fn import codec
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.batches.jobs import GEMINI_JOB
from genai_fn.ops.batches.requests import (
    CreateGeminiBatchBody,
    GeminiBatch,
    GeminiBatchInput,
    InlinedRequestBody,
    InlinedRequestsBody,
)
from genai_fn.ops.embed import EmbedRequestBody, encode_request
from genai_fn.request import POST, Call, Operation, Refusal, Request
from genai_fn.schema.base import Message
from genai_fn.schema.batches import BatchJob, CreateEmbeddingsBatchJobConfig, EmbeddingsBatchJobSource
from genai_fn.schema.content import Content
from genai_fn.schema.convert import as_struct
from genai_fn.schema.embeddings import EmbedContentConfig
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import CreateEmbeddingsBatchJobConfigLike

__all__ = ["CreateEmbeddingsBatch", "create_embeddings", "encode_embedding_line"]


class CreateEmbeddingsBatch(Operation[BatchJob]):
    """Create a batch job that embeds contents."""

    op: ClassVar = "batches.create_embeddings"
    repeatable: ClassVar = False

    model: str
    src: EmbeddingsBatchJobSource
    config: CreateEmbeddingsBatchJobConfig = CreateEmbeddingsBatchJobConfig()

    def gemini(self, at: Gemini) -> Call[BatchJob]:
        batch = GeminiBatch(display_name=self.config.display_name, input_config=_encode_input(self.src))
        path = f"{resolve_model_name(at, self.model)}:asyncBatchEmbedContent"
        return POST(path, CreateGeminiBatchBody(batch=batch), GEMINI_JOB)

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("batches of embeddings exist only on the Gemini Developer API")


def create_embeddings(
    model: str,
    src: EmbeddingsBatchJobSource | Mapping[str, Any],
    config: "CreateEmbeddingsBatchJobConfigLike | None" = None,
) -> Request[BatchJob]:
    """
    Create a batch job that embeds contents; ``| until_done()`` waits for its end. Gemini Developer API only.

    Args:
        model: As in ``embed``.

        src: Either ``file_name``, such as ``files/abc``, or ``inlined_requests``: ``contents``, one vector for each
            item of a list, and one ``config`` for all.

        config: ``display_name``.

    Raises:
        InvalidRequest: If the model name is empty or invalid, ``src`` is not exactly one source, or a field is unknown
            or has the wrong type.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the model or the file does not exist (404), or the server rejects the batch (400).

        OperationFailed: After ``| until_done()``, if the job has failed, has expired or was cancelled.

    >>> src = {"inlined_requests": {"contents": ["a text", "another"]}}
    >>> len(create_embeddings("gemini-embedding-001", src).operation.src.inlined_requests.contents)
    2
    """
    source = as_struct(EmbeddingsBatchJobSource, src, "src")
    if (source.file_name is None) == (source.inlined_requests is None):
        raise InvalidRequest("src", src, "either file_name or inlined_requests")
    if source.inlined_requests is not None and source.inlined_requests.contents is None:
        raise InvalidRequest("src.inlined_requests.contents", None, "at least one content")
    return Request(
        CreateEmbeddingsBatch(
            model=check_model_name(model), src=source, config=as_struct(CreateEmbeddingsBatchJobConfig, config)
        )
    )


def _encode_input(src: EmbeddingsBatchJobSource) -> GeminiBatchInput:
    inlined = src.inlined_requests
    if inlined is None:
        return GeminiBatchInput(file_name=src.file_name)
    config = inlined.config or EmbedContentConfig()
    contents = cast("tuple[Content, ...]", inlined.contents)
    requests = tuple(InlinedRequestBody(request=encode_request(each, config)) for each in contents)
    return GeminiBatchInput(requests=InlinedRequestsBody(requests=requests))


class _EmbedLine(Message):
    key: str
    request: EmbedRequestBody


def encode_embedding_line(key: str, content: Content, config: EmbedContentConfig) -> bytes:
    r"""
    Encode a content as a line of the source file of a batch of embeddings. The result has the same key.

    >>> from genai_fn.schema.content import Part
    >>> encode_embedding_line("0", Content(parts=(Part(text="hi"),)), EmbedContentConfig(output_dimensionality=2))
    b'{"key":"0","request":{"content":{"parts":[{"text":"hi"}]},"outputDimensionality":2}}\n'
    """
    return codec.encode(_EmbedLine(key=key, request=encode_request(content, config))) + b"\n"
