"""Embeddings for clients of OpenAI's API: one for each input."""

from array import array
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, cast

from genai_fn.emulator.contents.embeddings import MAX_BATCH_SIZE, EmbedOptions, build_embedding
from genai_fn.emulator.models.existence import check_model_exists
from genai_fn.emulator.openai.chat import get_model_id
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content, Part


class _EmbeddingsBody(Message, rename=None):
    model: str | None = None
    input: Any = None
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None


def _create_embeddings(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Embed each input. The response has no ``usage``, as the service does not count the tokens."""
    body = parse_body(request, _EmbeddingsBody)
    if not body.model:
        raise make_invalid_argument("model is not specified")
    if body.encoding_format not in (None, "float", "base64"):
        raise make_invalid_argument(f"Invalid encoding_format: {body.encoding_format}")
    model = get_model_id(body.model)
    check_model_exists(state, request, model, "embedContent")
    options = EmbedOptions(output_dimensionality=body.dimensions)
    embeddings: list[dict[str, Any]] = []
    for index, text in enumerate(_list_texts(body.input)):
        content = Content(parts=(Part(text=text),))
        path = f"BatchEmbedContentsRequest.requests[{index}]"
        values = build_embedding(content, options, model, path).embedding.values
        vector = _encode_base64(values) if body.encoding_format == "base64" else values
        position = {"index": index} if index else {}  # the service omits the first index
        embeddings.append({"embedding": vector, **position, "object": "embedding"})
    return state, build_json_response({"data": embeddings, "model": body.model, "object": "list"})


def _list_texts(texts: Any) -> list[str]:
    inputs: list[Any] = cast("Any", texts) if isinstance(texts, list) else [texts]
    if not inputs or not all(isinstance(each, str) for each in inputs):
        raise make_invalid_argument("input must be a text or a list of texts.")
    if len(inputs) > MAX_BATCH_SIZE:
        raise make_invalid_argument(
            f"* BatchEmbedContentsRequest.requests: at most {MAX_BATCH_SIZE} requests can be in one batch"
        )
    return inputs


def _encode_base64(values: Sequence[float]) -> str:
    """Encode numbers of 32 bits each, as OpenAI's SDKs request by default."""
    return b64encode(array("f", values).tobytes()).decode()


ROUTES = (
    ("POST", "openai/embeddings", _create_embeddings),
    ("POST", "openai/v1/embeddings", _create_embeddings),
)
