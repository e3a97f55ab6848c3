"""Live sessions: how one is opened, and what is said in it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.names import Name, model_name, valid_model
from genai_fn.ops import live_music as music
from genai_fn.ops._parts import recast
from genai_fn.ops._setup import Setup, said_once, setup
from genai_fn.request import Live, LiveOperation, Opening
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
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct, as_value
from genai_fn.schema._pillow import image_bytes, is_pillow_image
from genai_fn.schema.content import ContentsLike
from genai_fn.schema.contents import as_contents

if TYPE_CHECKING:
    from genai_fn.schema.images import PillowImage

    BlobLike: TypeAlias = Blob | PillowImage | Mapping[str, Any]
    FunctionResponseLike: TypeAlias = FunctionResponse | Mapping[str, Any]

__all__ = ["Connect", "UnknownMessage", "client_content", "connect", "music", "realtime_input", "tool_response"]


class UnknownMessage(LiveServerMessage):
    """A message of which nothing is known here: newer than this library."""

    raw: str
    """The JSON as it came."""


class Connect(LiveOperation[LiveServerMessage]):
    """Open a session with a model that listens and speaks in real time."""

    op: ClassVar = "live.connect"

    model: str
    config: LiveConnectConfig = LiveConnectConfig()

    def __post_init__(self) -> None:
        valid_model(self.model)
        said_once(self.config, "config")

    def gemini(self, at: Gemini) -> Opening[LiveServerMessage]:
        path = (
            "ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContentConstrained"
            if at.is_ephemeral
            else "ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
        )
        first = _First(setup=setup(model_name(at, self.model), self.config, at, "config"))
        return Opening(path, first, LiveServerMessage, unknown=UnknownMessage)

    def vertex(self, at: Vertex) -> Opening[LiveServerMessage]:
        said = _renamed(setup(_model(at, self.model), self.config, at, "config"))
        first = _First(setup=said if at.api_key is not None else _spoken(said))
        path = "" if at.is_gateway else "ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent"
        return Opening(path, first, _VertexMessage, _read, UnknownMessage)


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
    return Live(Connect(model=model, config=as_struct(LiveConnectConfig, config)))


class _First(Message):
    setup: Setup


def _model(at: Vertex, model: str) -> str:
    name = model_name(at, model)
    is_whole = not name.startswith("publishers/") or at.api_key is not None or at.is_gateway
    return name if is_whole else Name(f"projects/{{project}}/locations/{{location}}/{name}")


def _spoken(said: Setup) -> Setup:
    """Ask for speech where nothing is asked for: the model would answer with neither."""
    config = said.generation_config or GenerationConfig()
    if config.response_modalities is not None:
        return said
    return replace(said, generation_config=replace(config, response_modalities=(Modality.AUDIO,)))


# What Vertex AI calls otherwise


class _VertexGeneration(GenerationConfig):
    model_config: ModelSelectionConfig | None = None


def _renamed(said: Setup) -> Setup:
    config = said.generation_config
    if config is None or config.model_selection_config is None:
        return said
    choice: dict[str, Any] = {"model_config": config.model_selection_config, "model_selection_config": None}
    return replace(said, generation_config=recast(_VertexGeneration, config, **choice))


class _VertexUsage(UsageMetadata):
    candidates_token_count: int | None = None
    candidates_tokens_details: tuple[ModalityTokenCount, ...] = ()


class _VertexMessage(LiveServerMessage):
    usage_metadata: _VertexUsage | None = None


def _read(said: _VertexMessage) -> LiveServerMessage:
    return recast(LiveServerMessage, said, usage_metadata=_used(said.usage_metadata))


def _used(said: _VertexUsage | None) -> UsageMetadata | None:
    if said is None:
        return None
    count, details = said.candidates_token_count, said.candidates_tokens_details
    return recast(
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
    if name in _BLOBS:
        said = {_BLOBS[name]: _blob(name, said[name])}
    return LiveClientMessage(realtime_input=as_struct(LiveClientRealtimeInput, said, "realtime_input"))


_BLOBS = {"media": "media_chunks", "audio": "audio", "video": "video"}
_FAMILIES = {"audio": "audio/", "video": "image/"}


def _blob(name: str, value: Any) -> Any:
    if name != "audio" and is_pillow_image(value):
        data, mime_type = image_bytes(value)
        value = Blob(data=data, mime_type=mime_type)
    blob, family = as_struct(Blob, value, f"realtime_input.{name}"), _FAMILIES.get(name, "")
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
