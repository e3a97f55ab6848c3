"""Tokens: how many there are, and which; they are words and signs here, and not those of any model."""

from genai_fn.emulator.answers import Int64, told
from genai_fn.emulator.contents.prompts import GenerateContentRequest, WireGenerationConfig, prompt_of
from genai_fn.emulator.faults import invalid
from genai_fn.emulator.places import GEMINI_MODELS, VERTEX_MODELS
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.stand_in.digests import digest
from genai_fn.emulator.stand_in.pieces import pieces, prompted
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    ComputeTokensResponse,
    Content,
    CountTokensResponse,
    Part,
    TokensInfo,
    Tool,
)
from genai_fn.schema._base import Message

__all__ = ["ROUTES"]


# How many


class _GeminiCount(Message):
    contents: tuple[Content, ...] | None = None
    generate_content_request: GenerateContentRequest | None = None


class _VertexCount(Message):
    model: str | None = None
    contents: tuple[Content, ...] | None = None
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    generation_config: WireGenerationConfig | None = None


def _counted_by_gemini(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    said = body_of(asked, _GeminiCount)
    if (said.contents is None) == (said.generate_content_request is None):
        raise invalid("* CountTokensRequest: exactly one of contents and generate_content_request has to be set.")
    request = said.generate_content_request or GenerateContentRequest(contents=said.contents)
    prompt = prompt_of(state, asked, asked.names["model"], request)
    return state, told(
        CountTokensResponse(total_tokens=prompt.tokens, cached_content_token_count=prompt.cached or None)
    )


def _counted_by_vertex(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    said = body_of(asked, _VertexCount)
    if not said.contents:
        raise invalid("Unable to submit request because it must have at least one content.")
    total = prompted(said.system_instruction, said.contents, said.tools)
    return state, told(CountTokensResponse(total_tokens=total))


# Which


class _Compute(Message):
    model: str | None = None
    contents: tuple[Content, ...] | None = None


def _computed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    said = body_of(asked, _Compute)
    if not said.contents:
        raise invalid("Unable to submit request because it must have at least one content.")
    return state, told(ComputeTokensResponse(tokens_info=tuple(map(_told, said.contents))))


def _told(content: Content) -> TokensInfo:
    texts = [_text(part) for part in content.parts or ()]
    tokens = [each.encode() for text in texts for each in pieces(text)]
    return TokensInfo(role=content.role, token_ids=tuple(map(_identity, tokens)), tokens=tuple(tokens))


def _text(part: Part) -> str:
    if part.text is None:
        raise invalid("The model only supports text in computeTokens.")
    return part.text


def _identity(token: bytes) -> Int64:
    """Number a token: the same number for the same token always."""
    return Int64(int.from_bytes(digest(token, 4)) % _VOCABULARY)


_VOCABULARY = 256_000

ROUTES = (
    *(("POST", f"{model}:countTokens", _counted_by_gemini) for model in GEMINI_MODELS),
    *(("POST", f"{model}:countTokens", _counted_by_vertex) for model in VERTEX_MODELS),
    *(("POST", f"{model}:computeTokens", _computed) for model in VERTEX_MODELS),
)
