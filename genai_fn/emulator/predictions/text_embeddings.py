"""Embeddings of texts with the ``predict`` method of Vertex AI: one text for each vector."""

from typing import Any

from msgspec import field

from genai_fn.emulator.contents.embeddings import MAX_VERTEX_BATCH_SIZE, EmbedOptions, resolve_vector_size
from genai_fn.emulator.fake_model.tokenizer import split_tokens
from genai_fn.emulator.fake_model.vectors import build_vector
from genai_fn.emulator.models.existence import check_model_exists
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, check_count, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content, Part


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


def predict_embeddings(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``predict`` for embeddings."""
    body = parse_body(request, _PredictBody)
    model = request.path_params["model"]
    check_model_exists(state, request, model, "embedContent")
    if model.startswith("gemini-embedding-2"):
        raise make_invalid_argument(f"{model} is not supported by predict: use embedContent.")
    check_count(body.instances, "instance(s)", MAX_VERTEX_BATCH_SIZE)
    predictions = [_embed_instance(each, body.parameters, model, index) for index, each in enumerate(body.instances)]
    metadata = {"billableCharacterCount": sum(len(each.content) for each in body.instances)}
    return state, build_json_response({"predictions": predictions, "metadata": metadata})


def _embed_instance(instance: _TextInstance, parameters: _EmbedParameters, model: str, index: int) -> dict[str, Any]:
    """Return the prediction for one text."""
    if not instance.content.strip():
        raise make_invalid_argument(f"The text content of instance {index} is empty.")
    options = EmbedOptions(
        task_type=instance.task_type,
        title=instance.title,
        output_dimensionality=parameters.output_dimensionality,
    )
    size = resolve_vector_size(options, model, f"instances[{index}]")
    tokens = split_tokens(instance.content)
    if len(tokens) > _MAX_TEXT_TOKENS and not parameters.auto_truncate:
        raise make_invalid_argument(
            f"The text of instance {index} has {len(tokens)} tokens, but only {_MAX_TEXT_TOKENS} are supported."
        )
    parts = (Part(text=instance.title), Part(text="".join(tokens[:_MAX_TEXT_TOKENS])))
    statistics = {"truncated": len(tokens) > _MAX_TEXT_TOKENS, "token_count": min(len(tokens), _MAX_TEXT_TOKENS)}
    return {"embeddings": {"values": build_vector(Content(parts=parts), size), "statistics": statistics}}


_MAX_TEXT_TOKENS = 2048
