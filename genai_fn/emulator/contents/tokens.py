"""The methods ``countTokens`` and ``computeTokens``. A token is a word or punctuation mark, unlike in real models."""

from genai_fn.emulator.contents.prompts import EmulatedGenerateRequest, EmulatedGenerationConfig, resolve_prompt
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.tokenizer import count_prompt_modalities, split_tokens, sum_token_counts
from genai_fn.emulator.models.existence import check_model_exists
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.model_paths import GEMINI_MODEL_PATHS, VERTEX_MODEL_PATHS
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import Int64, build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content, Part
from genai_fn.schema.tokens import ComputeTokensResponse, CountTokensResponse, TokensInfo
from genai_fn.schema.tools import Tool


class _GeminiCountBody(Message):
    contents: tuple[Content, ...] | None = None
    generate_content_request: EmulatedGenerateRequest | None = None


class _ComputeTokensBody(Message):
    model: str | None = None
    contents: tuple[Content, ...] = ()


class _VertexCountBody(_ComputeTokensBody):
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    generation_config: EmulatedGenerationConfig | None = None


def _count_gemini_tokens(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    body = parse_body(request, _GeminiCountBody)
    if (body.contents is None) == (body.generate_content_request is None):
        raise make_invalid_argument(
            "* CountTokensRequest: exactly one of contents and generate_content_request must be set."
        )
    prompt_body = body.generate_content_request or EmulatedGenerateRequest(contents=body.contents)
    prompt = resolve_prompt(state, request, request.path_params["model"], prompt_body, "countTokens")
    response = CountTokensResponse(
        total_tokens=prompt.token_count,
        cached_content_token_count=prompt.cached_token_count,
        prompt_tokens_details=prompt.token_details,
    )
    return state, build_json_response(response)


def _count_vertex_tokens(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    body = parse_body(request, _VertexCountBody)
    check_model_exists(state, request, request.path_params["model"], "countTokens")
    details = count_prompt_modalities(body.system_instruction, _require_contents(body.contents), body.tools)
    response = CountTokensResponse(total_tokens=sum_token_counts(details), prompt_tokens_details=details)
    return state, build_json_response(response)


def _compute_tokens(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    body = parse_body(request, _ComputeTokensBody)
    check_model_exists(state, request, request.path_params["model"], "computeTokens")
    contents = _require_contents(body.contents)
    return state, build_json_response(ComputeTokensResponse(tokens_info=tuple(map(_build_tokens_info, contents))))


def _require_contents(contents: tuple[Content, ...]) -> tuple[Content, ...]:
    if not contents:
        raise make_invalid_argument("Unable to submit request because it must have at least one content.")
    return contents


def _build_tokens_info(content: Content) -> TokensInfo:
    texts = [_require_text(part) for part in content.parts or ()]
    tokens = [each.encode() for text in texts for each in split_tokens(text)]
    return TokensInfo(role=content.role, token_ids=tuple(map(_derive_token_id, tokens)), tokens=tuple(tokens))


def _require_text(part: Part) -> str:
    if part.text is None:
        raise make_invalid_argument("The model only supports text in computeTokens.")
    return part.text


def _derive_token_id(token: bytes) -> Int64:
    """Return an ID from 0 to 255,999: the same for equal tokens."""
    return Int64(int.from_bytes(compute_digest(token, 4)) % _VOCABULARY_SIZE)


_VOCABULARY_SIZE = 256_000

ROUTES = (
    *(("POST", f"{model}:countTokens", _count_gemini_tokens) for model in GEMINI_MODEL_PATHS),
    *(("POST", f"{model}:countTokens", _count_vertex_tokens) for model in VERTEX_MODEL_PATHS),
    *(("POST", f"{model}:computeTokens", _compute_tokens) for model in VERTEX_MODEL_PATHS),
)
