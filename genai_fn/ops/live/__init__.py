"""Live sessions: how one is opened, and what is said in it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.live import music
from genai_fn.ops.live.setup import LiveSetup, build_setup, validate_set_once
from genai_fn.ops.request_parts import copy_fields
from genai_fn.request import Handshake, Live, LiveOperation
from genai_fn.schema import (
    ActivityEnd,
    ActivityStart,
    Blob,
    FunctionResponse,
    GenerationConfig,
    LiveClientContent,
    LiveClientMessage,
    LiveClientRealtimeInput,
    LiveClientToolResponse,
    LiveConnectConfig,
    LiveServerMessage,
    Modality,
    ModalityTokenCount,
    ModelSelectionConfig,
    UsageMetadata,
)
from genai_fn.schema.base import Message
from genai_fn.schema.content import ContentsLike
from genai_fn.schema.contents import as_contents
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.pillow_images import encode_pillow_image, is_pillow_image
from genai_fn.wire.resource_names import ResourceName, check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.images import PillowImage

    BlobLike: TypeAlias = Blob | PillowImage | Mapping[str, Any]
    FunctionResponseLike: TypeAlias = FunctionResponse | Mapping[str, Any]

__all__ = ["ConnectLive", "UnknownLiveMessage", "client_content", "connect", "music", "realtime_input", "tool_response"]


class UnknownLiveMessage(LiveServerMessage):
    """A message of which nothing is known here: newer than this library."""

    raw: str
    """The JSON as it came."""


class ConnectLive(LiveOperation[LiveServerMessage]):
    """Open a session with a model that listens and speaks in real time."""

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
        first = _SetupMessage(setup=build_setup(resolve_model_name(at, self.model), self.config, at, "config"))
        return Handshake(path, first, LiveServerMessage, build_unknown=UnknownLiveMessage)

    def vertex(self, at: Vertex) -> Handshake[LiveServerMessage]:
        said = _rename_model_config(build_setup(_resolve_model_name(at, self.model), self.config, at, "config"))
        first = _SetupMessage(setup=said if at.api_key is not None else _default_to_audio(said))
        path = "" if at.is_gateway else "ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent"
        return Handshake(path, first, _VertexServerMessage, _message_from_vertex, UnknownLiveMessage)


def connect(model: str, config: LiveConnectConfig | Mapping[str, Any] | None = None) -> Live[LiveServerMessage]:
    """
    Open a session with a model that listens and speaks in real time.

    On Vertex AI the model speaks unless ``response_modalities`` says otherwise. ``session_resumption={}`` asks for
    handles, with which a session goes on where its connection broke.

    Args:
        model: A model that is made for this.

        config: How the session is set up. A session has one voice, and a field of ``generation_config`` is not set
            beside it once more.

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


def _default_to_audio(said: LiveSetup) -> LiveSetup:
    """Ask for speech where nothing is asked for: the model would answer with neither."""
    config = said.generation_config or GenerationConfig()
    if config.response_modalities is not None:
        return said
    return replace(said, generation_config=replace(config, response_modalities=(Modality.AUDIO,)))


# What Vertex AI calls otherwise


class _VertexGenerationConfig(GenerationConfig):
    model_config: ModelSelectionConfig | None = None


def _rename_model_config(said: LiveSetup) -> LiveSetup:
    config = said.generation_config
    if config is None or config.model_selection_config is None:
        return said
    choice: dict[str, Any] = {"model_config": config.model_selection_config, "model_selection_config": None}
    return replace(said, generation_config=copy_fields(_VertexGenerationConfig, config, **choice))


class _VertexUsageMetadata(UsageMetadata):
    candidates_token_count: int | None = None
    candidates_tokens_details: tuple[ModalityTokenCount, ...] = ()


class _VertexServerMessage(LiveServerMessage):
    usage_metadata: _VertexUsageMetadata | None = None


def _message_from_vertex(said: _VertexServerMessage) -> LiveServerMessage:
    return copy_fields(LiveServerMessage, said, usage_metadata=_usage_from_vertex(said.usage_metadata))


def _usage_from_vertex(said: _VertexUsageMetadata | None) -> UsageMetadata | None:
    if said is None:
        return None
    count, details = said.candidates_token_count, said.candidates_tokens_details
    return copy_fields(
        UsageMetadata,
        said,
        response_token_count=said.response_token_count if count is None else count,
        response_tokens_details=details or said.response_tokens_details,
    )


# What is said in a session


def client_content(turns: ContentsLike | None = None, turn_complete: bool = True) -> LiveClientMessage:
    """
    Add turns to the conversation.

    Args:
        turns: What ``contents`` takes; None adds none.

        turn_complete: Whether the model is to answer now.

    >>> client_content("hello").client_content.turns
    (Content(parts=(Part(text='hello'),), role='user'),)
    """
    complete = as_value(bool, turn_complete, "turn_complete")
    settled = None if turns is None else as_contents(turns, "turns")
    return LiveClientMessage(client_content=LiveClientContent(turns=settled, turn_complete=complete))


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
    Let the model hear, see or read something right now; one thing a message.

    Args:
        media: Bytes of any MIME type, or an image.

        audio: Bytes of a MIME type such as ``audio/pcm;rate=16000``.

        video: One picture of a video: bytes of a MIME type such as ``image/jpeg``, or an image.

        text: A text.

        activity_start: Somebody begins to speak: for sessions that do not find out by themselves.

        activity_end: Somebody stops speaking.

        audio_stream_end: The microphone is off.

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
    said = {name: value for name, value in given.items() if value is not None}
    if len(said) != 1:
        raise InvalidRequest("realtime_input", tuple(said), f"exactly one of {', '.join(given)}")
    [name] = said
    if name in _BLOB_FIELD_BY_PARAMETER:
        said = {_BLOB_FIELD_BY_PARAMETER[name]: _parse_blob(name, said[name])}
    return LiveClientMessage(realtime_input=as_struct(LiveClientRealtimeInput, said, "realtime_input"))


_BLOB_FIELD_BY_PARAMETER = {"media": "media_chunks", "audio": "audio", "video": "video"}
_MIME_PREFIX_BY_PARAMETER = {"audio": "audio/", "video": "image/"}


def _parse_blob(name: str, value: Any) -> Any:
    if name != "audio" and is_pillow_image(value):
        data, mime_type = encode_pillow_image(value)
        value = Blob(data=data, mime_type=mime_type)
    blob, family = as_struct(Blob, value, f"realtime_input.{name}"), _MIME_PREFIX_BY_PARAMETER.get(name, "")
    if not (blob.mime_type or "").startswith(family):
        raise InvalidRequest(f"realtime_input.{name}.mime_type", blob.mime_type, f"one that starts with {family}")
    return (blob,) if name == "media" else blob


def tool_response(
    function_responses: "FunctionResponseLike | Sequence[FunctionResponseLike]",
) -> LiveClientMessage:
    """
    Answer function calls of the model's; the Gemini Developer API wants the ``id`` of each call.

    Args:
        function_responses: One answer or several.

    >>> tool_response({"id": "1", "name": "f", "response": {"result": 2}}).tool_response.function_responses
    (FunctionResponse(id='1', name='f', response={'result': 2}),)
    """
    one = isinstance(function_responses, FunctionResponse | Mapping)
    answers = (function_responses,) if one else function_responses
    settled = as_value(tuple[FunctionResponse, ...], answers, "function_responses")
    if not settled or FunctionResponse() in settled:
        raise InvalidRequest("function_responses", function_responses, "an answer to at least one call")
    return LiveClientMessage(tool_response=LiveClientToolResponse(function_responses=settled))
