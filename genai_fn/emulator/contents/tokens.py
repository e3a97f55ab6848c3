"""Tokens: how many there are, and which; they are words and signs here, and not those of any model."""

from genai_fn.emulator.contents.prompts import EmulatedGenerateRequest, EmulatedGenerationConfig, resolve_prompt
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.tokenizer import count_prompt_tokens, split_tokens
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.model_paths import GEMINI_MODEL_PATHS, VERTEX_MODEL_PATHS
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import Int64, build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    ComputeTokensResponse,
    Content,
    CountTokensResponse,
    Part,
    TokensInfo,
    Tool,
)
from genai_fn.schema.base import Message

__all__ = ["ROUTES"]


# How many


class _GeminiCountBody(Message):
    contents: tuple[Content, ...] | None = None
    generate_content_request: EmulatedGenerateRequest | None = None


class _VertexCountBody(Message):
    model: str | None = None
    contents: tuple[Content, ...] | None = None
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    generation_config: EmulatedGenerationConfig | None = None


def _count_gemini_tokens(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    said = parse_body(asked, _GeminiCountBody)
    if (said.contents is None) == (said.generate_content_request is None):
        raise make_invalid_argument(
            "* CountTokensRequest: exactly one of contents and generate_content_request has to be set."
        )
    request = said.generate_content_request or EmulatedGenerateRequest(contents=said.contents)
    prompt = resolve_prompt(state, asked, asked.path_params["model"], request)
    return state, build_json_response(
        CountTokensResponse(
            total_tokens=prompt.token_count, cached_content_token_count=prompt.cached_token_count or None
        )
    )


def _count_vertex_tokens(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    said = parse_body(asked, _VertexCountBody)
    if not said.contents:
        raise make_invalid_argument("Unable to submit request because it must have at least one content.")
    total = count_prompt_tokens(said.system_instruction, said.contents, said.tools)
    return state, build_json_response(CountTokensResponse(total_tokens=total))


# Which


class _ComputeTokensBody(Message):
    model: str | None = None
    contents: tuple[Content, ...] | None = None


def _compute_tokens(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    said = parse_body(asked, _ComputeTokensBody)
    if not said.contents:
        raise make_invalid_argument("Unable to submit request because it must have at least one content.")
    return state, build_json_response(ComputeTokensResponse(tokens_info=tuple(map(_build_tokens_info, said.contents))))


def _build_tokens_info(content: Content) -> TokensInfo:
    texts = [_require_text(part) for part in content.parts or ()]
    tokens = [each.encode() for text in texts for each in split_tokens(text)]
    return TokensInfo(role=content.role, token_ids=tuple(map(_derive_token_id, tokens)), tokens=tuple(tokens))


def _require_text(part: Part) -> str:
    if part.text is None:
        raise make_invalid_argument("The model only supports text in computeTokens.")
    return part.text


def _derive_token_id(token: bytes) -> Int64:
    """Number a token: the same number for the same token always."""
    return Int64(int.from_bytes(compute_digest(token, 4)) % _VOCABULARY_SIZE)


_VOCABULARY_SIZE = 256_000

ROUTES = (
    *(("POST", f"{model}:countTokens", _count_gemini_tokens) for model in GEMINI_MODEL_PATHS),
    *(("POST", f"{model}:countTokens", _count_vertex_tokens) for model in VERTEX_MODEL_PATHS),
    *(("POST", f"{model}:computeTokens", _compute_tokens) for model in VERTEX_MODEL_PATHS),
)
