"""What a model is asked: checked, with the cache that it names before it, and counted."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.contents.caches import EmulatedCache, find_cache_for_model
from genai_fn.emulator.fake_model.tokenizer import count_prompt_tokens
from genai_fn.emulator.files import check_file_references
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema import Content, GenerationConfig, ModelSelectionConfig, SafetySetting, Tool, ToolConfig
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = ["EmulatedGenerateRequest", "EmulatedGenerationConfig", "ResolvedPrompt", "resolve_prompt"]


class EmulatedGenerationConfig(GenerationConfig):
    """How an answer is made, as it is said on the wire."""

    model_config: ModelSelectionConfig | None = None
    image_config: Any = None


class EmulatedGenerateRequest(Message):
    """What ``generateContent`` reads."""

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
    """A request with what was cached before its contents, and how many tokens it comes to."""

    request: EmulatedGenerateRequest
    token_count: int
    cached_token_count: int = 0
    """How many of the tokens are those of the cache."""

    @property
    def contents(self) -> tuple[Content, ...]:
        """All turns."""
        return self.request.contents or ()


def resolve_prompt(
    state: EmulatorState, asked: EmulatedRequest, model: str, request: EmulatedGenerateRequest
) -> ResolvedPrompt:
    """
    Check a request, and complete it.

    Raises:
        Fault: where it makes no sense, or names a cache or a file that is not there.
    """
    _check_request(request)
    check_file_references(state, asked, request.contents or ())
    cached = 0
    if request.cached_content is not None:
        cache = find_cache_for_model(state, asked, request.cached_content, model)
        request, cached = _merge_cache(request, cache), cache.token_count
    return ResolvedPrompt(
        request, count_prompt_tokens(request.system_instruction, request.contents or (), request.tools), cached
    )


def _merge_cache(request: EmulatedGenerateRequest, cache: EmulatedCache) -> EmulatedGenerateRequest:
    if request.system_instruction is not None or request.tools or request.tool_config is not None:
        raise make_invalid_argument(
            "CachedContent can not be used with GenerateContent request setting system_instruction, tools or"
            " tool_config. Proposed fix: move those values to CachedContent from GenerateContent request."
        )
    return replace(
        request,
        contents=(*cache.contents, *(request.contents or ())),
        system_instruction=cache.system_instruction,
        tools=cache.tools,
        tool_config=cache.tool_config,
    )


def _check_request(request: EmulatedGenerateRequest) -> None:
    if not request.contents:
        raise make_invalid_argument("* GenerateContentRequest.contents: contents is not specified")
    for index, content in enumerate(request.contents):
        if not content.parts:
            raise make_invalid_argument(
                f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty."
            )
        if content.role not in (None, "user", "model", "function"):
            raise make_invalid_argument(
                f"* GenerateContentRequest.contents[{index}].role: Please use a valid role: user, model."
            )
    for name, (least, most) in _CONFIG_RANGES.items():
        given = getattr(request.generation_config, name)
        if given is not None and not least <= given <= most:
            raise make_invalid_argument(
                f"* GenerateContentRequest.generation_config.{name}: {given} is not from {least} to {most}"
            )


_CONFIG_RANGES = {
    "candidate_count": (1, 8),
    "max_output_tokens": (1, 2**31 - 1),
    "temperature": (0, 2),
    "top_p": (0, 1),
}
