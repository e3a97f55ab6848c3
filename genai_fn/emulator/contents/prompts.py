"""What a model is asked: checked, with the cache that it names before it, and counted."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.contents.caches import Cache, cache_for
from genai_fn.emulator.faults import invalid
from genai_fn.emulator.files import read_by
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.stand_in.pieces import prompted
from genai_fn.emulator.state import State
from genai_fn.schema import Content, GenerationConfig, ModelSelectionConfig, SafetySetting, Tool, ToolConfig
from genai_fn.schema._base import Message, Value

__all__ = ["GenerateContentRequest", "Prompt", "WireGenerationConfig", "prompt_of"]


class WireGenerationConfig(GenerationConfig):
    """How an answer is made, as it is said on the wire."""

    model_config: ModelSelectionConfig | None = None
    image_config: Any = None


class GenerateContentRequest(Message):
    """What ``generateContent`` reads."""

    model: str | None = None
    contents: tuple[Content, ...] | None = None
    generation_config: WireGenerationConfig = WireGenerationConfig()
    system_instruction: Content | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    cached_content: str | None = None
    labels: Mapping[str, str] | None = None


class Prompt(Value):
    """A request with what was cached before its contents, and how many tokens it comes to."""

    request: GenerateContentRequest
    tokens: int
    cached: int = 0
    """How many of the tokens are those of the cache."""

    @property
    def contents(self) -> tuple[Content, ...]:
        """All turns."""
        return self.request.contents or ()


def prompt_of(state: State, asked: Asked, model: str, request: GenerateContentRequest) -> Prompt:
    """
    Check a request, and complete it.

    Raises:
        Fault: where it makes no sense, or names a cache or a file that is not there.
    """
    _check(request)
    read_by(state, asked, request.contents or ())
    cached = 0
    if request.cached_content is not None:
        cache = cache_for(state, asked, request.cached_content, model)
        request, cached = _with_cache(request, cache), cache.tokens
    return Prompt(request, prompted(request.system_instruction, request.contents or (), request.tools), cached)


def _with_cache(request: GenerateContentRequest, cache: Cache) -> GenerateContentRequest:
    if request.system_instruction is not None or request.tools or request.tool_config is not None:
        raise invalid(
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


def _check(request: GenerateContentRequest) -> None:
    if not request.contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified")
    for index, content in enumerate(request.contents):
        if not content.parts:
            raise invalid(f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.")
        if content.role not in (None, "user", "model", "function"):
            raise invalid(f"* GenerateContentRequest.contents[{index}].role: Please use a valid role: user, model.")
    for name, (least, most) in _RANGES.items():
        given = getattr(request.generation_config, name)
        if given is not None and not least <= given <= most:
            raise invalid(f"* GenerateContentRequest.generation_config.{name}: {given} is not from {least} to {most}")


_RANGES = {
    "candidate_count": (1, 8),
    "max_output_tokens": (1, 2**31 - 1),
    "temperature": (0, 2),
    "top_p": (0, 1),
}
