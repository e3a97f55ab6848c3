"""Counts of tokens, and the tokens themselves."""

from genai_fn.schema.base import Message, OpenMessage, VertexOnly
from genai_fn.schema.content import ContentLike
from genai_fn.schema.generation import GenerationConfig
from genai_fn.schema.responses import ModalityTokenCount
from genai_fn.schema.tools import Tool


class CountTokensConfig(Message):
    """Options of `tokens.count`: what to count besides the contents."""

    system_instruction: VertexOnly[ContentLike | None] = None
    tools: VertexOnly[tuple[Tool, ...] | None] = None
    generation_config: VertexOnly[GenerationConfig | None] = None


class CountTokensResponse(OpenMessage):
    """Number of tokens."""

    total_tokens: int | None = None
    cached_content_token_count: int | None = None
    """Number of those that come from a cache."""
    prompt_tokens_details: tuple[ModalityTokenCount, ...] = ()
    total_billable_characters: int | None = None


class ComputeTokensConfig(Message):
    """Options of `tokens.compute`; there are none."""


class TokensInfo(OpenMessage):
    """The tokens of a `Content`."""

    role: str | None = None
    token_ids: tuple[int, ...] = ()
    tokens: tuple[bytes, ...] = ()


class ComputeTokensResponse(OpenMessage):
    """The tokens of a prompt."""

    tokens_info: tuple[TokensInfo, ...] = ()


class CountTokensResult(OpenMessage):
    """Number of tokens according to a local tokenizer."""

    total_tokens: int | None = None


class ComputeTokensResult(OpenMessage):
    """The tokens according to a local tokenizer."""

    tokens_info: tuple[TokensInfo, ...] = ()
