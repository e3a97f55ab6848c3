"""Live sessions: configuration and messages of the client."""

from collections.abc import Mapping

from genai_fn.schema.base import Message, OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.content import Blob, Content, ContentLike
from genai_fn.schema.functions import FunctionResponse
from genai_fn.schema.generation import GenerationConfig, MediaResolution, Modality, ThinkingConfig
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.speech import SpeechConfigLike, TranslationConfig
from genai_fn.schema.tools import ToolLike
from genai_fn.schema.transcription import AudioTranscriptionConfig


class StartSensitivity(OpenEnum):
    """Sensitivity of the detection of the start of speech."""

    START_SENSITIVITY_UNSPECIFIED = "START_SENSITIVITY_UNSPECIFIED"
    START_SENSITIVITY_HIGH = "START_SENSITIVITY_HIGH"
    START_SENSITIVITY_LOW = "START_SENSITIVITY_LOW"


class EndSensitivity(OpenEnum):
    """Sensitivity of the detection of the end of speech."""

    END_SENSITIVITY_UNSPECIFIED = "END_SENSITIVITY_UNSPECIFIED"
    END_SENSITIVITY_HIGH = "END_SENSITIVITY_HIGH"
    END_SENSITIVITY_LOW = "END_SENSITIVITY_LOW"


class ActivityHandling(OpenEnum):
    """Whether speech interrupts the model."""

    ACTIVITY_HANDLING_UNSPECIFIED = "ACTIVITY_HANDLING_UNSPECIFIED"
    START_OF_ACTIVITY_INTERRUPTS = "START_OF_ACTIVITY_INTERRUPTS"
    NO_INTERRUPTION = "NO_INTERRUPTION"


class TurnCoverage(OpenEnum):
    """Whether a turn includes the silence between utterances."""

    TURN_COVERAGE_UNSPECIFIED = "TURN_COVERAGE_UNSPECIFIED"
    TURN_INCLUDES_ONLY_ACTIVITY = "TURN_INCLUDES_ONLY_ACTIVITY"
    TURN_INCLUDES_ALL_INPUT = "TURN_INCLUDES_ALL_INPUT"
    TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO = "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"


class SessionResumptionConfig(OpenMessage):
    """Resumption of an earlier session. If empty, the session sends handles for later resumption."""

    handle: str | None = None
    """The ``new_handle`` of an earlier session."""
    transparent: VertexOnly[bool | None] = None
    """Whether the service reports the index of the last client message that it has processed."""


class SlidingWindow(OpenMessage):
    """Compression that drops the oldest turns."""

    target_tokens: int | None = None
    """Number of tokens to keep."""


class ContextWindowCompressionConfig(OpenMessage):
    """Compression of the context of a session that grows too long."""

    trigger_tokens: int | None = None
    """Number of tokens at which compression starts."""
    sliding_window: SlidingWindow | None = None


class ProactivityConfig(OpenMessage):
    """Whether the model may speak unprompted or ignore irrelevant input."""

    proactive_audio: bool | None = None
    proactive_video: bool | None = None
    """Whether a received image may start a response; needs ``proactive_audio``."""


class AutomaticActivityDetection(OpenMessage):
    """Detection of the user's speech."""

    disabled: bool | None = None
    """Whether detection is off, so that the client sends `ActivityStart` and `ActivityEnd`."""
    start_of_speech_sensitivity: StartSensitivity | None = None
    end_of_speech_sensitivity: EndSensitivity | None = None
    prefix_padding_ms: int | None = None
    """Duration of sound, in milliseconds, from which it counts as speech."""
    silence_duration_ms: int | None = None
    """Duration of silence, in milliseconds, that ends a turn."""


class RealtimeInputConfig(OpenMessage):
    """Handling of realtime input."""

    automatic_activity_detection: AutomaticActivityDetection | None = None
    activity_handling: ActivityHandling | None = None
    turn_coverage: TurnCoverage | None = None
    interim_transcript_timestamp_enabled: bool | None = None
    """Whether interim transcriptions have timestamps."""


class HistoryConfig(OpenMessage):
    """Exchange of the history of the conversation."""

    initial_history_in_client_content: bool | None = None
    """Whether the first ``client_content``, up to ``turn_complete``, is history, which the model does not answer."""


class CustomizedAvatar(OpenMessage):
    """An avatar with the appearance of a reference image."""

    image_mime_type: str | None = None
    image_data: bytes | None = None
    """An image in the format 9:16, of at least 704 x 1280 pixels."""


class AvatarConfig(OpenMessage):
    """The avatar that speaks in the video of the responses."""

    avatar_name: str | None = None
    """Name of a prebuilt avatar."""
    customized_avatar: CustomizedAvatar | None = None
    audio_bitrate_bps: int | None = None
    """Bitrate of the compressed audio, in bits per second."""
    video_bitrate_bps: int | None = None
    """Bitrate of the compressed video, in bits per second."""


class LiveConnectConfig(Message):
    """Options of `live.connect`."""

    generation_config: GenerationConfig | None = None
    response_modalities: tuple[Modality, ...] | None = None
    temperature: float | None = None
    """Sampling temperature. 0 is close to deterministic; values above 1 are more varied."""
    top_p: float | None = None
    """Sample only from the most likely tokens whose probabilities add up to this."""
    top_k: float | None = None
    """Sample only from this many of the most likely tokens."""
    max_output_tokens: int | None = None
    media_resolution: MediaResolution | None = None
    seed: int | None = None
    speech_config: SpeechConfigLike | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | None = None
    """Whether the model reacts to the tone of a voice."""
    system_instruction: ContentLike | None = None
    tools: tuple[ToolLike, ...] | None = None
    session_resumption: SessionResumptionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    proactivity: ProactivityConfig | None = None
    explicit_vad_signal: VertexOnly[bool | None] = None
    """Whether the server sends a signal where speech starts and ends."""
    history_config: HistoryConfig | None = None
    avatar_config: AvatarConfig | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    translation_config: TranslationConfig | None = None
    labels: Mapping[str, str] | None = None
    """Labels of the session, for billing reports on Vertex AI."""


class LiveClientSetup(OpenMessage):
    """The first message of the client: the setup of the session."""

    model: str | None = None
    generation_config: GenerationConfig | None = None
    system_instruction: ContentLike | None = None
    tools: tuple[ToolLike, ...] | None = None
    session_resumption: SessionResumptionConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    proactivity: ProactivityConfig | None = None
    explicit_vad_signal: VertexOnly[bool | None] = None
    """Whether the server sends a signal where speech starts and ends."""
    history_config: HistoryConfig | None = None
    avatar_config: AvatarConfig | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    labels: Mapping[str, str] | None = None


class LiveClientContent(OpenMessage):
    """Turns to add to the conversation."""

    turns: tuple[Content, ...] | None = None
    turn_complete: bool | None = None
    """Whether the model should respond now."""


class ActivityStart(OpenMessage):
    """Marks the start of the user's speech."""


class ActivityEnd(OpenMessage):
    """Marks the end of the user's speech."""


class LiveClientRealtimeInput(OpenMessage):
    """Realtime input: audio, video or text."""

    media_chunks: tuple[Blob, ...] | None = None
    """Predecessor of ``audio`` and ``video``."""
    audio: Blob | None = None
    """Audio, of a type such as ``audio/pcm;rate=16000``."""
    audio_stream_end: bool | None = None
    """Whether the audio stream has ended, for example because the microphone is off."""
    video: Blob | None = None
    """A frame of video."""
    text: str | None = None
    activity_start: ActivityStart | None = None
    activity_end: ActivityEnd | None = None


class LiveSendRealtimeInputParameters(Message):
    """Realtime input; exactly one field is set."""

    media: Blob | None = None
    audio: Blob | None = None
    audio_stream_end: bool | None = None
    video: Blob | None = None
    text: str | None = None
    activity_start: ActivityStart | None = None
    activity_end: ActivityEnd | None = None


class LiveClientToolResponse(OpenMessage):
    """Responses to function calls."""

    function_responses: tuple[FunctionResponse, ...] | None = None


class LiveClientContextUpdateTools(OpenMessage):
    """The tools of a context update; an empty list removes all."""

    tools: tuple[ToolLike, ...] | None = None


class LiveClientContextUpdate(OpenMessage):
    """Changes of the context of a session; what is not set stays."""

    system_instruction: ContentLike | None = None
    tools: LiveClientContextUpdateTools | None = None
    """The tools that replace the previous ones."""


class LiveClientMessage(OpenMessage):
    """A message from the client; exactly one field is set."""

    setup: LiveClientSetup | None = None
    client_content: LiveClientContent | None = None
    realtime_input: LiveClientRealtimeInput | None = None
    tool_response: LiveClientToolResponse | None = None
    context_update: LiveClientContextUpdate | None = None


class LiveConnectParameters(Message):
    """Parameters of `live.connect`."""

    model: str | None = None
    config: LiveConnectConfig | None = None
