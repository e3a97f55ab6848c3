"""Prompts: validates a request for content, adds the cached content it refers to, and counts its tokens."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.contents.caches import EmulatedCache, find_cache_for_model
from genai_fn.emulator.fake_model.tokenizer import count_prompt_tokens
from genai_fn.emulator.files import check_file_references
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, describe_range_error
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema import Content, GenerationConfig, ModelSelectionConfig, SafetySetting, Tool, ToolConfig
from genai_fn.schema.base import Message
from genai_fn.values import Value


class EmulatedGenerationConfig(GenerationConfig):
    """Generation config as requests send it, with fields that `GenerationConfig` lacks."""

    model_config: ModelSelectionConfig | None = None
    """Vertex AI's name for ``model_selection_config``."""
    image_config: Any = None
    """Accepted and ignored."""


class EmulatedGenerateRequest(Message):
    """The body of ``generateContent`` and ``streamGenerateContent``."""

    model: str | None = None
    contents: tuple[Content, ...] | None = None
    generation_config: EmulatedGenerationConfig = EmulatedGenerationConfig()
    system_instruction: Content | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    cached_content: str | None = None
    labels: Mapping[str, str] | None = None


class ResolvedPrompt(Value):
    """A request merged with the cached content it refers to, and its token counts."""

    request: EmulatedGenerateRequest
    """If it refers to a cache, its contents start with the cached ones, and its other fields are those of the cache."""
    token_count: int
    """Number of tokens, including the cached ones."""
    cached_token_count: int = 0
    """Number of the tokens that are cached."""

    @property
    def contents(self) -> tuple[Content, ...]:
        """The contents of the request; an empty tuple if there are none."""
        return self.request.contents or ()


def resolve_prompt(
    state: EmulatorState, request: EmulatedRequest, model: str, body: EmulatedGenerateRequest
) -> ResolvedPrompt:
    """
    Validate a request, merge it with its cached content, and count its tokens.

    Raises:
        EmulatedFault: If the request is invalid, or refers to a cache or file that does not exist.
    """
    _check_request(body)
    check_file_references(state, request, body.contents or ())
    cached = 0
    if body.cached_content is not None:
        cache = find_cache_for_model(state, request, body.cached_content, model)
        body, cached = _merge_cache(body, cache), cache.token_count
    return ResolvedPrompt(body, count_prompt_tokens(body.system_instruction, body.contents or (), body.tools), cached)


def _merge_cache(body: EmulatedGenerateRequest, cache: EmulatedCache) -> EmulatedGenerateRequest:
    if body.system_instruction is not None or body.tools or body.tool_config is not None:
        raise make_invalid_argument(
            "CachedContent can not be used with GenerateContent request setting system_instruction, tools or"
            " tool_config. Proposed fix: move those values to CachedContent from GenerateContent request."
        )
    return replace(
        body,
        contents=(*cache.contents, *(body.contents or ())),
        system_instruction=cache.system_instruction,
        tools=cache.tools,
        tool_config=cache.tool_config,
    )


def _check_request(body: EmulatedGenerateRequest) -> None:
    if not body.contents:
        raise make_invalid_argument("* GenerateContentRequest.contents: contents is not specified")
    for index, content in enumerate(body.contents):
        if not content.parts:
            raise make_invalid_argument(
                f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty."
            )
        if content.role not in (None, "user", "model", "function"):
            raise make_invalid_argument(
                f"* GenerateContentRequest.contents[{index}].role: Please use a valid role: user, model."
            )
    if error := describe_range_error(body.generation_config, _CONFIG_RANGES):
        raise make_invalid_argument(f"* GenerateContentRequest.generation_config.{error}")


_CONFIG_RANGES = {
    "candidate_count": (1, 8),
    "max_output_tokens": (1, 2**31 - 1),
    "temperature": (0, 2),
    "top_p": (0, 1),
}
