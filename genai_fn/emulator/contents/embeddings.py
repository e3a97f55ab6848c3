"""Embeddings: single contents and batches, in the request formats of both backends."""

from genai_fn.emulator.fake_model.tokenizer import count_tokens
from genai_fn.emulator.fake_model.vectors import build_vector, is_empty
from genai_fn.emulator.models.existence import check_model_exists
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.model_paths import VERTEX_MODEL_PATHS
from genai_fn.emulator.server.request_parsing import EmulatedRequest, check_count, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content, Part
from genai_fn.schema.embeddings import ContentEmbedding, EmbedContentResponse
from genai_fn.schema.live_server import UsageMetadata
from genai_fn.schema.responses import MediaModality, ModalityTokenCount


class EmbedOptions(Message):
    """Options that all methods for embeddings have."""

    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class EmulatedEmbedRequest(EmbedOptions):
    """A request of ``embedContent``."""

    model: str | None = None
    content: Content | None = None


class EmulatedEmbedding(Message):
    """An embedding and the number of tokens it was computed from."""

    embedding: ContentEmbedding
    token_count: int | None = None


class _BatchEmbedBody(Message):
    requests: tuple[EmulatedEmbedRequest, ...] = ()


def build_embedding(
    content: Content | None, options: EmbedOptions, model: str, path: str = "EmbedContentRequest"
) -> EmulatedEmbedding:
    """
    Compute the embedding of a content. The model determines the size, unless the options do.

    Raises:
        EmulatedFault: If the content is empty or an option is invalid; the message contains `path`.
    """
    if content is None or is_empty(content):
        raise make_invalid_argument(f"* {path}.content: contents.parts must not be empty.")
    size = resolve_vector_size(options, model, path)
    titled = (Part(text=options.title), *(content.parts or ())) if options.title else content.parts
    values = build_vector(Content(parts=titled), size)
    return EmulatedEmbedding(embedding=ContentEmbedding(values=values), token_count=count_tokens(content))


def _embed_content(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``embedContent``."""
    model = request.path_params["model"]
    check_model_exists(state, request, model, "embedContent")
    body = parse_body(request, EmulatedEmbedRequest)
    return state, build_json_response({"embedding": build_embedding(body.content, body, model).embedding})


def _batch_embed_contents(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``batchEmbedContents``."""
    check_model_exists(state, request, request.path_params["model"], "embedContent")
    requests = parse_body(request, _BatchEmbedBody).requests
    if not 0 < len(requests) <= MAX_BATCH_SIZE:
        raise make_invalid_argument(
            f"* BatchEmbedContentsRequest.requests: from 1 to {MAX_BATCH_SIZE} requests can be in one batch"
        )
    model = f"models/{request.path_params['model']}"
    for index, each in enumerate(requests):
        if each.model != model:
            path = f"BatchEmbedContentsRequest.requests[{index}].model"
            raise make_invalid_argument(f"* {path}: {each.model!r} is not the model of the batch, {model!r}")
    embeddings = tuple(
        build_embedding(each.content, each, model, f"BatchEmbedContentsRequest.requests[{index}]").embedding
        for index, each in enumerate(requests)
    )
    return state, build_json_response(EmbedContentResponse(embeddings=embeddings))


MAX_BATCH_SIZE = 100
MAX_VERTEX_BATCH_SIZE = 250


class _VertexEmbedConfig(EmbedOptions):
    auto_truncate: bool | None = None
    document_ocr: bool | None = None
    audio_track_extraction: bool | None = None


class _VertexEmbedBody(Message):
    content: Content | None = None
    embed_content_config: _VertexEmbedConfig = _VertexEmbedConfig()


class _VertexBatchEmbedBody(Message):
    requests: tuple[_VertexEmbedBody, ...] = ()


def _embed_whole_content(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``embedContent`` on Vertex AI."""
    model = request.path_params["model"]
    check_model_exists(state, request, model, "embedContent")
    body = parse_body(request, _VertexEmbedBody)
    built = build_embedding(body.content, body.embed_content_config, model)
    return state, build_json_response({"embedding": built.embedding, "usageMetadata": _build_usage((built,))})


def _batch_embed_whole_contents(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``batchEmbedContents`` on Vertex AI."""
    requests = parse_body(request, _VertexBatchEmbedBody).requests
    check_count(requests, "request(s)", MAX_VERTEX_BATCH_SIZE)
    model = request.path_params["model"]
    check_model_exists(state, request, model, "embedContent")
    if "maas" in model:
        raise make_invalid_argument("This model embeds one content at a time.")
    built = tuple(
        build_embedding(each.content, each.embed_content_config, model, f"BatchEmbedContentsRequest.requests[{index}]")
        for index, each in enumerate(requests)
    )
    vectors = tuple(each.embedding for each in built)
    return state, build_json_response(EmbedContentResponse(embeddings=vectors, usage_metadata=_build_usage(built)))


def _build_usage(embeddings: tuple[EmulatedEmbedding, ...]) -> UsageMetadata:
    count = sum(each.token_count or 0 for each in embeddings)
    details = (ModalityTokenCount(modality=MediaModality.TEXT, token_count=count),)
    return UsageMetadata(prompt_token_count=count, total_token_count=count, prompt_tokens_details=details)


def resolve_vector_size(options: EmbedOptions, model: str, path: str) -> int:
    """
    Check the options, and return the length of the vector; by default, that of the model's vectors.

    https://ai.google.dev/gemini-api/docs/embeddings

    Raises:
        EmulatedFault: If an option is invalid; the message contains `path`.
    """
    task, size = options.task_type, options.output_dimensionality
    if task is not None and task not in _TASK_TYPES:
        raise make_invalid_argument(f"* {path}.task_type: {task!r} is not a task type")
    if options.title is not None and task != "RETRIEVAL_DOCUMENT":
        raise make_invalid_argument(f"* {path}.title: a title requires the task type RETRIEVAL_DOCUMENT")
    if size is not None and not 0 < size <= _MAX_VECTOR_SIZE:
        raise make_invalid_argument(f"* {path}.output_dimensionality: {size} is not from 1 to {_MAX_VECTOR_SIZE}")
    return size or (_MAX_VECTOR_SIZE if "gemini-embedding" in model else _DEFAULT_VECTOR_SIZE)


_DEFAULT_VECTOR_SIZE = 768
_MAX_VECTOR_SIZE = 3072
_TASK_TYPES = {
    "TASK_TYPE_UNSPECIFIED",
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
}


ROUTES = (
    ("POST", "models/{model}:embedContent", _embed_content),
    ("POST", "models/{model}:batchEmbedContents", _batch_embed_contents),
    *(("POST", f"{model}:embedContent", _embed_whole_content) for model in VERTEX_MODEL_PATHS),
    *(("POST", f"{model}:batchEmbedContents", _batch_embed_whole_contents) for model in VERTEX_MODEL_PATHS),
)
