"""
Live sessions: how to open one, and the messages to send in it.

- `setup`: the setup message, which ephemeral tokens share.
- `music`: live music sessions.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.live import music
from genai_fn.ops.live.setup import LiveSetup, build_setup, validate_set_once
from genai_fn.ops.request_parts import copy_fields
from genai_fn.ops.tool_config import merge_function_declarations
from genai_fn.request import Handshake, Live, LiveOperation
from genai_fn.schema.base import Message
from genai_fn.schema.content import Blob, ContentLike, Part
from genai_fn.schema.contents import ContentsLike, as_contents
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.functions import FunctionResponse
from genai_fn.schema.generation import GenerationConfig, Modality, ModelSelectionConfig
from genai_fn.schema.live import (
    ActivityEnd,
    ActivityStart,
    LiveClientContent,
    LiveClientContextUpdate,
    LiveClientContextUpdateTools,
    LiveClientMessage,
    LiveClientRealtimeInput,
    LiveClientToolResponse,
    LiveConnectConfig,
)
from genai_fn.schema.live_server import LiveServerMessage, UsageMetadata
from genai_fn.schema.pillow_images import is_pillow_image
from genai_fn.schema.responses import ModalityTokenCount
from genai_fn.schema.tools import ToolLike
from genai_fn.wire.resource_names import ResourceName, check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import LiveConnectConfigLike
    from genai_fn.schema.images import PillowImage

    BlobLike: TypeAlias = Blob | PillowImage | Mapping[str, Any]
    FunctionResponseLike: TypeAlias = FunctionResponse | Mapping[str, Any]

__all__ = [
    "ConnectLive",
    "client_content",
    "connect",
    "context_update",
    "music",
    "realtime_input",
    "tool_response",
]


class ConnectLive(LiveOperation[LiveServerMessage]):
    """Open a real-time session with a model."""

    op: ClassVar = "live.connect"

    model: str
    config: LiveConnectConfig = LiveConnectConfig()

    def __post_init__(self) -> None:
        check_model_name(self.model)
        validate_set_once(self.config, "config")

    def gemini(self, at: Gemini) -> Handshake[LiveServerMessage]:
        path = (
            "ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContentConstrained"
            if at.is_ephemeral
            else "ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
        )
        setup = _SetupMessage(setup=build_setup(resolve_model_name(at, self.model), self.config, at, "config"))
        return Handshake(path, setup, LiveServerMessage)

    def vertex(self, at: Vertex) -> Handshake[LiveServerMessage]:
        setup = _rename_model_config(build_setup(_resolve_model_name(at, self.model), self.config, at, "config"))
        message = _SetupMessage(setup=setup if at.api_key is not None else _default_to_audio(setup))
        path = "" if at.is_gateway else "ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent"
        return Handshake(path, message, _VertexServerMessage, _message_from_vertex)


def connect(model: str, config: "LiveConnectConfigLike | None" = None) -> Live[LiveServerMessage]:
    """
    Open a real-time session with a model, for text, audio and video.

    On Vertex AI the model answers with audio unless ``response_modalities`` is set. With ``session_resumption={}``,
    the server sends resumption handles, and the session continues when its connection breaks.

    Args:
        model: A model that supports the Live API.

        config: The setup of the session. Fields of ``generation_config`` can be set here directly, but not in both
            places. Multi-speaker voices are not supported.

    Raises:
        InvalidRequest: If the model name is empty or invalid, a field is unknown or has the wrong type, or a field is
            set in both places.

    Fails with:
        Unsupported: If a field is set that the backend does not have; the error lists the paths.

        LiveClosed: If the server closes the session with an error, such as for an unknown model.

    >>> from genai_fn import with_config
    >>> (connect("m") | with_config(response_modalities=["TEXT"])).operation.config
    LiveConnectConfig(response_modalities=(<Modality.TEXT: 'TEXT'>,))
    """
    return Live(ConnectLive(model=model, config=as_struct(LiveConnectConfig, config)))


class _SetupMessage(Message):
    setup: LiveSetup


def _resolve_model_name(at: Vertex, model: str) -> str:
    name = resolve_model_name(at, model)
    is_whole = not name.startswith("publishers/") or at.api_key is not None or at.is_gateway
    return name if is_whole else ResourceName(f"projects/{{project}}/locations/{{location}}/{name}")


def _default_to_audio(setup: LiveSetup) -> LiveSetup:
    """Set the response modality to audio if none is set; the model would not answer otherwise."""
    config = setup.generation_config or GenerationConfig()
    if config.response_modalities is not None:
        return setup
    return replace(setup, generation_config=replace(config, response_modalities=(Modality.AUDIO,)))


# Fields that have other names on Vertex AI


class _VertexGenerationConfig(GenerationConfig):
    model_config: ModelSelectionConfig | None = None


def _rename_model_config(setup: LiveSetup) -> LiveSetup:
    config = setup.generation_config
    if config is None or config.model_selection_config is None:
        return setup
    choice: dict[str, Any] = {"model_config": config.model_selection_config, "model_selection_config": None}
    return replace(setup, generation_config=copy_fields(_VertexGenerationConfig, config, **choice))


class _VertexUsageMetadata(UsageMetadata):
    candidates_token_count: int | None = None
    candidates_tokens_details: tuple[ModalityTokenCount, ...] = ()


class _VertexServerMessage(LiveServerMessage):
    usage_metadata: _VertexUsageMetadata | None = None


def _message_from_vertex(wire: _VertexServerMessage) -> LiveServerMessage:
    return copy_fields(LiveServerMessage, wire, usage_metadata=_usage_from_vertex(wire.usage_metadata))


def _usage_from_vertex(wire: _VertexUsageMetadata | None) -> UsageMetadata | None:
    if wire is None:
        return None
    count, details = wire.candidates_token_count, wire.candidates_tokens_details
    return copy_fields(
        UsageMetadata,
        wire,
        response_token_count=wire.response_token_count if count is None else count,
        response_tokens_details=details or wire.response_tokens_details,
    )


# Messages to send


def client_content(turns: "ContentsLike | None" = None, turn_complete: bool = True) -> LiveClientMessage:
    """
    Build a message that adds turns to the conversation.

    Args:
        turns: What ``contents`` of ``generate`` takes; None adds no turns.

        turn_complete: Whether the model is to answer now.

    Raises:
        InvalidRequest: If the turns cannot be converted, or ``turn_complete`` is not a bool.

    >>> client_content("hello").client_content.turns
    (Content(parts=(Part(text='hello'),), role='user'),)
    """
    is_complete = as_value(bool, turn_complete, "turn_complete")
    converted = None if turns is None else as_contents(turns, "turns")
    return LiveClientMessage(client_content=LiveClientContent(turns=converted, turn_complete=is_complete))


def realtime_input(
    *,
    media: "BlobLike | None" = None,
    audio: "Blob | Mapping[str, Any] | None" = None,
    video: "BlobLike | None" = None,
    text: str | None = None,
    activity_start: ActivityStart | Mapping[str, Any] | None = None,
    activity_end: ActivityEnd | Mapping[str, Any] | None = None,
    audio_stream_end: bool | None = None,
) -> LiveClientMessage:
    """
    Build a message with one piece of real-time input: audio, video, text or an activity signal.

    Args:
        media: A blob of any MIME type, or an image.

        audio: A blob of an audio MIME type, such as ``audio/pcm;rate=16000``.

        video: One frame: a blob of an image MIME type, such as ``image/jpeg``, or an image.

        text: A text.

        activity_start: Start of the user's speech, for sessions without automatic activity detection.

        activity_end: End of the user's speech.

        audio_stream_end: The audio stream has ended, as when the microphone is switched off.

    Raises:
        InvalidRequest: If not exactly one argument is given, or it has the wrong type or MIME type.

    >>> realtime_input(audio={"data": b"...", "mime_type": "audio/pcm"}).realtime_input.audio.mime_type
    'audio/pcm'
    """
    given = {
        "media": media,
        "audio": audio,
        "video": video,
        "text": text,
        "activity_start": activity_start,
        "activity_end": activity_end,
        "audio_stream_end": audio_stream_end,
    }
    inputs = {name: value for name, value in given.items() if value is not None}
    if len(inputs) != 1:
        raise InvalidRequest("realtime_input", tuple(inputs), f"exactly one of {', '.join(given)}")
    [name] = inputs
    if name in _BLOB_FIELD_BY_PARAMETER:
        inputs = {_BLOB_FIELD_BY_PARAMETER[name]: _parse_blob(name, inputs[name])}
    return LiveClientMessage(realtime_input=as_struct(LiveClientRealtimeInput, inputs, "realtime_input"))


_BLOB_FIELD_BY_PARAMETER = {"media": "media_chunks", "audio": "audio", "video": "video"}
_MIME_PREFIX_BY_PARAMETER = {"audio": "audio/", "video": "image/"}


def _parse_blob(name: str, value: Any) -> Any:
    if name != "audio" and is_pillow_image(value):
        value = as_value(Part, value, f"realtime_input.{name}").inline_data
    blob, prefix = as_struct(Blob, value, f"realtime_input.{name}"), _MIME_PREFIX_BY_PARAMETER.get(name, "")
    if not (blob.mime_type or "").startswith(prefix):
        raise InvalidRequest(f"realtime_input.{name}.mime_type", blob.mime_type, f"one that starts with {prefix}")
    return (blob,) if name == "media" else blob


def tool_response(
    function_responses: "FunctionResponseLike | Sequence[FunctionResponseLike]",
) -> LiveClientMessage:
    """
    Build a message with the responses to function calls of the model.

    Args:
        function_responses: One response or several. The Gemini Developer API requires the ``id`` of each call.

    Raises:
        InvalidRequest: If there is no response, one is empty, or a field is unknown or has the wrong type.

    >>> tool_response({"id": "1", "name": "f", "response": {"result": 2}}).tool_response.function_responses
    (FunctionResponse(id='1', name='f', response={'result': 2}),)
    """
    is_single = isinstance(function_responses, FunctionResponse | Mapping)
    answers = (function_responses,) if is_single else function_responses
    converted = as_value(tuple[FunctionResponse, ...], answers, "function_responses")
    if not converted or FunctionResponse() in converted:
        raise InvalidRequest("function_responses", function_responses, "a response to at least one call")
    return LiveClientMessage(tool_response=LiveClientToolResponse(function_responses=converted))


def context_update(
    system_instruction: "ContentLike | None" = None, tools: Sequence[ToolLike] | None = None
) -> LiveClientMessage:
    """
    Build a message that changes the system instruction or the tools for the rest of the session.

    The service applies it in order with the other messages, and processes the conversation from its beginning again.

    Args:
        system_instruction: The new system instruction; None keeps the present one.

        tools: The tools that replace all present ones; ``[]`` removes them, None keeps them. Functions are only
            declared: those of ``calling`` are called as before.

    Raises:
        InvalidRequest: If neither is given, or one cannot be converted.

    >>> context_update("Be concise.", []).context_update.tools
    LiveClientContextUpdateTools()
    """
    if system_instruction is None and tools is None:
        raise InvalidRequest("system_instruction", None, "a system instruction or tools")
    update = as_struct(
        LiveClientContextUpdate,
        {"system_instruction": system_instruction, "tools": None if tools is None else {"tools": tools}},
        "context_update",
    )
    if update.tools is not None:
        merged = LiveClientContextUpdateTools(tools=merge_function_declarations(update.tools.tools))
        update = replace(update, tools=merged)
    return LiveClientMessage(context_update=update)
