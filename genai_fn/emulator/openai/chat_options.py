"""Converts the options and tools of a request of ``chat/completions``."""

from typing import Any, cast

from genai_fn.emulator.contents.prompts import EmulatedGenerationConfig
from genai_fn.emulator.openai.chat_requests import (
    ChatResponseFormat,
    ChatTool,
    EmulatedChatRequest,
    GoogleOptions,
    JsonSchemaFormat,
    VertexChatRequest,
)
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.schema.generation import ThinkingConfig, ThinkingLevel
from genai_fn.schema.tools import (
    FunctionCallingConfig,
    FunctionCallingConfigMode,
    FunctionDeclaration,
    Tool,
    ToolConfig,
)


def get_google_options(chat: EmulatedChatRequest) -> GoogleOptions:
    """Return the options of a request that OpenAI's API lacks."""
    if isinstance(chat, VertexChatRequest) and chat.google is not None:
        return chat.google
    return (chat.extra_body and chat.extra_body.google) or GoogleOptions()


def build_generation_config(chat: EmulatedChatRequest) -> EmulatedGenerationConfig:
    """
    Build the generation config of a request.

    Raises:
        EmulatedFault: If an option is invalid.
    """
    if chat.n is not None and not 1 <= chat.n <= _MAX_CANDIDATES:
        raise make_invalid_argument(f"Invalid value of n: should be between 1 and {_MAX_CANDIDATES}, got {chat.n}")
    if chat.max_tokens is not None and chat.max_completion_tokens is not None:
        raise make_invalid_argument("max_tokens and max_completion_tokens cannot both be set.")
    mime_type, schema = _get_response_format(chat)
    return EmulatedGenerationConfig(
        temperature=chat.temperature,
        top_p=chat.top_p,
        candidate_count=chat.n,
        max_output_tokens=chat.max_completion_tokens if chat.max_tokens is None else chat.max_tokens,
        stop_sequences=_build_stop_sequences(chat.stop),
        presence_penalty=chat.presence_penalty,
        frequency_penalty=chat.frequency_penalty if isinstance(chat, VertexChatRequest) else None,
        seed=chat.seed if isinstance(chat, VertexChatRequest) else None,
        response_mime_type=mime_type,
        response_json_schema=schema,
        thinking_config=_build_thinking_config(chat),
    )


_MAX_CANDIDATES = 8


def _build_stop_sequences(stop: Any) -> tuple[str, ...] | None:
    if stop is None:
        return None
    stops: list[Any] = cast("Any", stop) if isinstance(stop, list) else [stop]
    if not all(isinstance(each, str) for each in stops):
        raise make_invalid_argument("stop must be a text or a list of texts.")
    return tuple(stops)


def _get_response_format(chat: EmulatedChatRequest) -> tuple[str | None, Any]:
    """Return the MIME type and the schema of the response."""
    match chat.response_format:
        case None | ChatResponseFormat(type="text"):
            return None, None
        case ChatResponseFormat(type="json_object"):
            return "application/json", None
        case ChatResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=schema)):
            return "application/json", schema
        case ChatResponseFormat(type=kind):
            raise make_invalid_argument(f"Invalid response_format: {kind}")


def _build_thinking_config(chat: EmulatedChatRequest) -> ThinkingConfig | None:
    effort, options = chat.reasoning_effort, get_google_options(chat)
    if effort is None:
        return options.thinking_config
    if options.thinking_config is not None:
        raise make_invalid_argument(
            "Expected one of either `reasoning_effort` or custom `thinking_config`; found both."
        )
    if effort not in _THINKING_BUDGETS:
        raise make_invalid_argument(f"Invalid reasoning_effort: {effort}")
    if "gemini-3" in (chat.model or ""):
        return ThinkingConfig(thinking_level=ThinkingLevel("MINIMAL" if effort == "none" else effort.upper()))
    return ThinkingConfig(thinking_budget=_THINKING_BUDGETS[effort])


_THINKING_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
"""Tokens for each effort on models before Gemini 3: https://ai.google.dev/gemini-api/docs/openai#thinking"""


def build_tools(tools: tuple[ChatTool, ...]) -> tuple[Tool, ...] | None:
    """
    Build one tool that declares all functions; None if there are none.

    Raises:
        EmulatedFault: If a tool is not a function.
    """
    return (Tool(function_declarations=tuple(map(_build_declaration, tools))),) if tools else None


def _build_declaration(tool: ChatTool) -> FunctionDeclaration:
    function = tool.function
    if tool.type != "function" or function is None or not function.name:
        raise make_invalid_argument(f"Unsupported tool: {tool.type}. A tool must be a function with a name.")
    return FunctionDeclaration(
        name=function.name, description=function.description, parameters_json_schema=function.parameters
    )


def build_tool_config(choice: Any) -> ToolConfig | None:
    """
    Convert the ``tool_choice`` of a request.

    Raises:
        EmulatedFault: If it is invalid.
    """
    match choice:
        case None:
            return None
        case "none" | "auto" | "required":
            config = FunctionCallingConfig(mode=_MODES[choice])
        case {"type": "function", "function": {"name": str(name)}}:
            config = FunctionCallingConfig(mode=FunctionCallingConfigMode.ANY, allowed_function_names=(name,))
        case _:
            raise make_invalid_argument(f"Invalid tool_choice: {cast('object', choice)!r}")
    return ToolConfig(function_calling_config=config)


_MODES = {
    "none": FunctionCallingConfigMode.NONE,
    "auto": FunctionCallingConfigMode.AUTO,
    "required": FunctionCallingConfigMode.ANY,
}
