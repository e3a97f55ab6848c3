"""Embeddings: single texts and batches, in the request formats of both backends."""

from msgspec import field

from genai_fn.emulator.fake_model.tokenizer import count_tokens, split_tokens
from genai_fn.emulator.fake_model.vectors import build_vector, is_empty
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema import Content, ContentEmbedding, EmbedContentMetadata, EmbedContentResponse, Part
from genai_fn.schema.base import Message


class EmulatedEmbedRequest(Message):
    """A request of ``embedContent``."""

    model: str | None = None
    content: Content | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class EmulatedEmbedding(Message):
    """An embedding and the number of tokens it was computed from."""

    embedding: ContentEmbedding
    token_count: int | None = None


class _BatchEmbedBody(Message):
    requests: tuple[EmulatedEmbedRequest, ...] = ()


def build_embedding(request: EmulatedEmbedRequest, path: str = "EmbedContentRequest") -> EmulatedEmbedding:
    """
    Compute the embedding of a request.

    Raises:
        EmulatedFault: If the content is empty or an option is invalid; the message contains `path`.
    """
    if request.content is None or is_empty(request.content):
        raise make_invalid_argument(f"* {path}.content: contents.parts must not be empty.")
    size = _check_embed_options(path, request.task_type, request.title, request.output_dimensionality)
    titled = (Part(text=request.title), *(request.content.parts or ())) if request.title else request.content.parts
    values = build_vector(Content(parts=titled), size)
    return EmulatedEmbedding(embedding=ContentEmbedding(values=values), token_count=count_tokens(request.content))


def _embed_content(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``embedContent``."""
    embedding = build_embedding(parse_body(request, EmulatedEmbedRequest)).embedding
    return state, build_json_response(EmulatedEmbedding(embedding=embedding))


def _batch_embed_contents(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``batchEmbedContents``."""
    requests = parse_body(request, _BatchEmbedBody).requests
    if not 0 < len(requests) <= _MAX_BATCH_SIZE:
        raise make_invalid_argument(
            f"* BatchEmbedContentsRequest.requests: from 1 to {_MAX_BATCH_SIZE} requests can be in one batch"
        )
    model = f"models/{request.path_params['model']}"
    for index, each in enumerate(requests):
        if each.model != model:
            path = f"BatchEmbedContentsRequest.requests[{index}].model"
            raise make_invalid_argument(f"* {path}: {each.model!r} is not the model of the batch, {model!r}")
    embeddings = tuple(
        build_embedding(each, f"BatchEmbedContentsRequest.requests[{index}]").embedding
        for index, each in enumerate(requests)
    )
    return state, build_json_response(EmbedContentResponse(embeddings=embeddings))


_MAX_BATCH_SIZE = 100

ROUTES = (
    ("POST", "models/{model}:embedContent", _embed_content),
    ("POST", "models/{model}:batchEmbedContents", _batch_embed_contents),
)


class _TextInstance(Message):
    content: str = ""
    task_type: str | None = field(default=None, name="task_type")
    title: str | None = None
    mime_type: str | None = None


class _EmbedParameters(Message):
    output_dimensionality: int | None = None
    auto_truncate: bool = True


class _PredictBody(Message):
    instances: tuple[_TextInstance, ...] = ()
    parameters: _EmbedParameters = _EmbedParameters()


class _Statistics(Message, omit_defaults=False):
    truncated: bool
    token_count: float = field(name="token_count")


class _Embeddings(Message):
    values: tuple[float, ...]
    statistics: _Statistics


class _Prediction(Message):
    embeddings: _Embeddings


class _Predictions(Message):
    predictions: tuple[_Prediction, ...]
    metadata: EmbedContentMetadata


def predict_embeddings(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``predict`` for embeddings."""
    body = parse_body(request, _PredictBody)
    if not 0 < len(body.instances) <= _MAX_INSTANCES:
        raise make_invalid_argument(
            f"{len(body.instances)} instance(s) given, but from 1 to {_MAX_INSTANCES} are allowed."
        )
    predictions = tuple(_embed_instance(each, body.parameters, index) for index, each in enumerate(body.instances))
    count = sum(len(each.content) for each in body.instances)
    metadata = EmbedContentMetadata(billable_character_count=count)
    return state, build_json_response(_Predictions(predictions=predictions, metadata=metadata))


def _embed_instance(instance: _TextInstance, parameters: _EmbedParameters, index: int) -> _Prediction:
    if not instance.content.strip():
        raise make_invalid_argument(f"The text content of instance {index} is empty.")
    size = _check_embed_options(
        f"instances[{index}]", instance.task_type, instance.title, parameters.output_dimensionality
    )
    tokens = split_tokens(instance.content)
    if len(tokens) > _MAX_TEXT_TOKENS and not parameters.auto_truncate:
        raise make_invalid_argument(
            f"The text of instance {index} has {len(tokens)} tokens, but only {_MAX_TEXT_TOKENS} are supported."
        )
    parts = (Part(text=instance.title), Part(text="".join(tokens[:_MAX_TEXT_TOKENS])))
    statistics = _Statistics(truncated=len(tokens) > _MAX_TEXT_TOKENS, token_count=min(len(tokens), _MAX_TEXT_TOKENS))
    return _Prediction(embeddings=_Embeddings(values=build_vector(Content(parts=parts), size), statistics=statistics))


_MAX_INSTANCES = 250
_MAX_TEXT_TOKENS = 2048


def _check_embed_options(path: str, task: str | None, title: str | None, size: int | None) -> int:
    """Check the options, and return the length of the vector."""
    if task is not None and task not in _TASK_TYPES:
        raise make_invalid_argument(f"* {path}.task_type: {task!r} is not a task type")
    if title is not None and task != "RETRIEVAL_DOCUMENT":
        raise make_invalid_argument(f"* {path}.title: a title requires the task type RETRIEVAL_DOCUMENT")
    if size is not None and not 0 < size <= _MAX_VECTOR_SIZE:
        raise make_invalid_argument(f"* {path}.output_dimensionality: {size} is not from 1 to {_MAX_VECTOR_SIZE}")
    return size or _DEFAULT_VECTOR_SIZE


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
