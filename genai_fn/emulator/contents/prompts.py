"""Prompts: validates a request for content, adds the cached content it refers to, and counts its tokens."""

from collections.abc import Mapping

from msgspec.structs import replace

from genai_fn.emulator.contents.caches import CacheBody, find_cache_for_model
from genai_fn.emulator.fake_model.tokenizer import count_prompt_modalities, sum_token_counts
from genai_fn.emulator.files import check_file_references
from genai_fn.emulator.models.existence import check_model_exists
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, describe_range_error
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.schema.generation import (
    GenerationConfig,
    GenerationOutputConfig,
    ImageConfig,
    ModelArmorConfig,
    ModelSelectionConfig,
    ServiceTier,
)
from genai_fn.schema.responses import ModalityTokenCount
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.tools import Tool, ToolConfig
from genai_fn.values import Value


class EmulatedGenerationConfig(GenerationConfig):
    """Generation config as requests send it, with fields that `GenerationConfig` lacks."""

    model_config: ModelSelectionConfig | None = None
    """Vertex AI's name for ``model_selection_config``."""
    image_config: ImageConfig | None = None


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
    model_armor_config: ModelArmorConfig | None = None
    service_tier: ServiceTier | None = None
    continuation_token: str | None = None
    output_config: GenerationOutputConfig | None = None
    store: bool | None = None


class ResolvedPrompt(Value):
    """A request merged with the cached content it refers to, and its token counts."""

    request: EmulatedGenerateRequest
    """If it refers to a cache, its contents start with the cached ones, and its other fields are those of the cache."""
    token_details: tuple[ModalityTokenCount, ...]
    """Numbers of tokens by modality, including the cached ones."""
    cached_token_details: tuple[ModalityTokenCount, ...] = ()
    """Numbers of the tokens that are cached."""

    @property
    def contents(self) -> tuple[Content, ...]:
        """The contents of the request; an empty tuple if there are none."""
        return self.request.contents or ()

    @property
    def token_count(self) -> int:
        """Number of tokens, including the cached ones."""
        return sum_token_counts(self.token_details)

    @property
    def cached_token_count(self) -> int | None:
        """Number of the tokens that are cached; None if there are none."""
        return sum_token_counts(self.cached_token_details) or None


def resolve_prompt(
    state: EmulatorState,
    request: EmulatedRequest,
    model: str,
    body: EmulatedGenerateRequest,
    method: str = "generateContent",
) -> ResolvedPrompt:
    """
    Validate a request, merge it with its cached content, and count its tokens.

    Raises:
        EmulatedFault: If the request is invalid, or refers to a model, cache or file that does not exist.
    """
    check_model_exists(state, request, model, method)
    _check_request(body)
    check_file_references(state, request, body.contents or ())
    cached_details: tuple[ModalityTokenCount, ...] = ()
    if body.cached_content is not None:
        cache = find_cache_for_model(state, request, body.cached_content, model).body
        body = _merge_cache(body, cache)
        cached_details = count_prompt_modalities(cache.system_instruction, cache.contents, cache.tools)
    if model.startswith(_SIGNING_MODELS):
        _check_signatures(body.contents or ())
    details = count_prompt_modalities(body.system_instruction, body.contents or (), body.tools)
    return ResolvedPrompt(body, details, cached_details)


def _merge_cache(body: EmulatedGenerateRequest, cache: CacheBody) -> EmulatedGenerateRequest:
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
    if error := describe_range_error(body.generation_config, GENERATION_CONFIG_RANGES):
        raise make_invalid_argument(f"* GenerateContentRequest.generation_config.{error}")


_SIGNING_MODELS = "gemini-3"
"""Start of the names of models that require the signatures of their thoughts."""


def _check_signatures(contents: tuple[Content, ...]) -> None:
    """
    Check that the first function call of each turn of the model since the last question has its thought signature.

    https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    for index in range(len(contents) - 1, -1, -1):
        parts = contents[index].parts or ()
        if contents[index].role != "model" and any(part.function_response is None for part in parts):
            return
        first_call = next((part for part in parts if part.function_call is not None), None)
        if contents[index].role == "model" and first_call is not None and first_call.thought_signature is None:
            name = first_call.function_call and first_call.function_call.name
            raise make_invalid_argument(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work"
                " correctly, and missing thought_signature may lead to degraded model performance. Additional data,"
                f" function call `default_api:{name}` , position {index + 1}. Please refer to"
                " https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )


GENERATION_CONFIG_RANGES = {
    "candidate_count": (1, 8),
    "max_output_tokens": (1, 2**31 - 1),
    "temperature": (0, 2),
    "top_p": (0, 1),
}
"""Valid values of fields of a generation config, also in a live session."""
