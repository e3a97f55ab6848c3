"""The shape of requests of ``chat/completions``."""

from typing import Any

from genai_fn.schema.base import Message
from genai_fn.schema.generation import ThinkingConfig
from genai_fn.schema.safety import SafetySetting


class GoogleExtraContent(Message, rename=None):
    """What the service adds to a message or a tool call, under ``extra_content.google``."""

    thought_signature: str | None = None
    thought: bool | None = None


class ExtraContent(Message, rename=None):
    """Fields of a message or a tool call that OpenAI's API lacks."""

    google: GoogleExtraContent | None = None


class CalledFunction(Message, rename=None):
    """The function of a tool call. Its arguments are JSON in a text."""

    arguments: str | None = None
    name: str | None = None


class ChatToolCall(Message, rename=None):
    """A tool call of the model."""

    extra_content: ExtraContent | None = None
    function: CalledFunction
    id: str | None = None
    type: str | None = None


class ChatRequestMessage(Message, rename=None):
    """A message of the conversation. Its content is a text or a list of parts."""

    role: str | None = None
    content: Any = None
    name: str | None = None
    tool_calls: tuple[ChatToolCall, ...] | None = None
    tool_call_id: str | None = None
    extra_content: ExtraContent | None = None


class FunctionSpec(Message, rename=None):
    """A function that the model may call, with parameters in JSON Schema."""

    name: str | None = None
    description: str | None = None
    parameters: Any = None
    strict: bool | None = None


class ChatTool(Message, rename=None):
    """A tool: always a function."""

    type: str | None = None
    function: FunctionSpec | None = None


class JsonSchemaFormat(Message, rename=None):
    """The schema of a response in JSON."""

    name: str | None = None
    description: str | None = None
    schema: Any = None
    strict: bool | None = None


class ChatResponseFormat(Message, rename=None):
    """The format of the response: ``text``, ``json_object`` or ``json_schema``."""

    type: str | None = None
    json_schema: JsonSchemaFormat | None = None


class StreamOptions(Message, rename=None):
    """Options of a stream."""

    include_usage: bool | None = None


class GoogleOptions(Message):
    """Options that OpenAI's API lacks."""

    thinking_config: ThinkingConfig | None = None
    cached_content: str | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    thought_tag_marker: str | None = None


class ExtraBody(Message, rename=None):
    """Where those options stand in a request: ``{"extra_body": {"google": {…}}}``."""

    google: GoogleOptions | None = None


class EmulatedChatRequest(Message, rename=None):
    """
    The body of ``chat/completions``.

    The Developer API refuses other fields of OpenAI's API by name, such as ``seed`` and ``frequency_penalty``.
    """

    model: str | None = None
    messages: tuple[ChatRequestMessage, ...] | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: Any = None
    presence_penalty: float | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: tuple[ChatTool, ...] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: ChatResponseFormat | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    extra_body: ExtraBody | None = None


class VertexChatRequest(EmulatedChatRequest):
    """The body on Vertex AI, which accepts more fields."""

    frequency_penalty: float | None = None
    seed: int | None = None
    google: GoogleOptions | None = None
    """The same as ``extra_body.google``."""
    store: bool | None = None
    metadata: Any = None
    service_tier: str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Any = None
