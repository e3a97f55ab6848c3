"""What prompts come to in tokens."""

from genai_fn.schema.base import Message, VertexOnly
from genai_fn.schema.content import ContentLike
from genai_fn.schema.generation import GenerationConfig
from genai_fn.schema.tools import Tool

__all__ = [
    "ComputeTokensConfig",
    "ComputeTokensResponse",
    "ComputeTokensResult",
    "CountTokensConfig",
    "CountTokensResponse",
    "CountTokensResult",
    "TokensInfo",
]


class CountTokensConfig(Message):
    """What counts besides the contents."""

    system_instruction: VertexOnly[ContentLike | None] = None
    tools: VertexOnly[tuple[Tool, ...] | None] = None
    generation_config: VertexOnly[GenerationConfig | None] = None


class CountTokensResponse(Message):
    """How many tokens it comes to."""

    total_tokens: int | None = None
    cached_content_token_count: int | None = None
    """Of these, what comes out of a cache."""


class ComputeTokensConfig(Message):
    """How tokens are told: nothing to be said."""


class TokensInfo(Message):
    """The tokens of one turn."""

    role: str | None = None
    token_ids: tuple[int, ...] = ()
    tokens: tuple[bytes, ...] = ()


class ComputeTokensResponse(Message):
    """The tokens themselves."""

    tokens_info: tuple[TokensInfo, ...] = ()


class CountTokensResult(Message):
    """How many tokens a local tokenizer finds."""

    total_tokens: int | None = None


class ComputeTokensResult(Message):
    """The tokens that a local tokenizer finds."""

    tokens_info: tuple[TokensInfo, ...] = ()
