"""Embedding: texts become vectors, one by one or many at once, as either backend has it asked."""

from msgspec import field

from genai_fn.emulator.answers import told
from genai_fn.emulator.faults import invalid
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.stand_in.pieces import pieces, weight
from genai_fn.emulator.stand_in.vectors import is_empty, vector
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import Content, ContentEmbedding, EmbedContentMetadata, EmbedContentResponse, Part
from genai_fn.schema._base import Message

__all__ = ["ROUTES", "EmbedContentRequest", "Embedded", "embedded", "made"]


# Gemini: a content in each request


class EmbedContentRequest(Message):
    """What is to become a vector."""

    model: str | None = None
    content: Content | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class Embedded(Message):
    """A vector by itself, and what it was made of."""

    embedding: ContentEmbedding
    token_count: int | None = None


class _Batch(Message):
    requests: tuple[EmbedContentRequest, ...] = ()


def made(request: EmbedContentRequest, path: str = "EmbedContentRequest") -> Embedded:
    """
    Make a vector of a request.

    Raises:
        Fault: with the path of what does not fit.
    """
    if request.content is None or is_empty(request.content):
        raise invalid(f"* {path}.content: contents.parts must not be empty.")
    size = _checked(path, request.task_type, request.title, request.output_dimensionality)
    titled = (Part(text=request.title), *(request.content.parts or ())) if request.title else request.content.parts
    values = vector(Content(parts=titled), size)
    return Embedded(embedding=ContentEmbedding(values=values), token_count=weight(request.content))


def _one(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``embedContent``."""
    return state, told(Embedded(embedding=made(body_of(asked, EmbedContentRequest)).embedding))


def _many(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``batchEmbedContents``."""
    requests = body_of(asked, _Batch).requests
    if not 0 < len(requests) <= _MOST:
        raise invalid(f"* BatchEmbedContentsRequest.requests: from 1 to {_MOST} requests can be in one batch")
    model = f"models/{asked.names['model']}"
    for index, each in enumerate(requests):
        if each.model != model:
            path = f"BatchEmbedContentsRequest.requests[{index}].model"
            raise invalid(f"* {path}: {each.model!r} is not the model of the batch, {model!r}")
    paths = (f"BatchEmbedContentsRequest.requests[{index}]" for index in range(len(requests)))
    vectors = tuple(made(each, path).embedding for each, path in zip(requests, paths, strict=True))
    return state, told(EmbedContentResponse(embeddings=vectors))


_MOST = 100

ROUTES = (
    ("POST", "models/{model}:embedContent", _one),
    ("POST", "models/{model}:batchEmbedContents", _many),
)


# Vertex: a text in each instance of a prediction


class _Instance(Message):
    content: str = ""
    task_type: str | None = field(default=None, name="task_type")
    title: str | None = None
    mime_type: str | None = None


class _Parameters(Message):
    output_dimensionality: int | None = None
    auto_truncate: bool = True


class _Predict(Message):
    instances: tuple[_Instance, ...] = ()
    parameters: _Parameters = _Parameters()


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


def embedded(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``predict`` for texts."""
    body = body_of(asked, _Predict)
    if not 0 < len(body.instances) <= _MOST_INSTANCES:
        raise invalid(f"{len(body.instances)} instance(s) given, but from 1 to {_MOST_INSTANCES} are allowed.")
    made_of = tuple(_predicted(each, body.parameters, index) for index, each in enumerate(body.instances))
    count = sum(len(each.content) for each in body.instances)
    return state, told(_Predictions(predictions=made_of, metadata=EmbedContentMetadata(billable_character_count=count)))


def _predicted(instance: _Instance, parameters: _Parameters, index: int) -> _Prediction:
    if not instance.content.strip():
        raise invalid(f"The text content of instance {index} is empty.")
    size = _checked(f"instances[{index}]", instance.task_type, instance.title, parameters.output_dimensionality)
    tokens = pieces(instance.content)
    if len(tokens) > _LONGEST and not parameters.auto_truncate:
        raise invalid(f"The text of instance {index} has {len(tokens)} tokens, but only {_LONGEST} are supported.")
    parts = (Part(text=instance.title), Part(text="".join(tokens[:_LONGEST])))
    statistics = _Statistics(truncated=len(tokens) > _LONGEST, token_count=min(len(tokens), _LONGEST))
    return _Prediction(embeddings=_Embeddings(values=vector(Content(parts=parts), size), statistics=statistics))


_MOST_INSTANCES = 250
_LONGEST = 2048


# Both


def _checked(path: str, task: str | None, title: str | None, size: int | None) -> int:
    """Give the length of the vector."""
    if task is not None and task not in _TASKS:
        raise invalid(f"* {path}.task_type: {task!r} is no task type")
    if title is not None and task != "RETRIEVAL_DOCUMENT":
        raise invalid(f"* {path}.title: a title goes with the task type RETRIEVAL_DOCUMENT alone")
    if size is not None and not 0 < size <= _LARGEST:
        raise invalid(f"* {path}.output_dimensionality: {size} is not from 1 to {_LARGEST}")
    return size or _SIZE


_SIZE = 768
_LARGEST = 3072
_TASKS = {
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
