"""Live sessions: what we say."""

from genai_fn.schema.base import Message, OpenEnum, VertexOnly
from genai_fn.schema.content import Blob, Content, ContentLike
from genai_fn.schema.functions import FunctionResponse
from genai_fn.schema.generation import GenerationConfig, MediaResolution, Modality, ThinkingConfig
from genai_fn.schema.speech import SpeechConfigLike
from genai_fn.schema.tools import ToolLike

__all__ = [
    "ActivityEnd",
    "ActivityHandling",
    "ActivityStart",
    "AudioTranscriptionConfig",
    "AutomaticActivityDetection",
    "ContextWindowCompressionConfig",
    "EndSensitivity",
    "LiveClientContent",
    "LiveClientMessage",
    "LiveClientRealtimeInput",
    "LiveClientSetup",
    "LiveClientToolResponse",
    "LiveConnectConfig",
    "LiveConnectParameters",
    "LiveSendRealtimeInputParameters",
    "ProactivityConfig",
    "RealtimeInputConfig",
    "SessionResumptionConfig",
    "SlidingWindow",
    "StartSensitivity",
    "TurnCoverage",
]


class StartSensitivity(OpenEnum):
    """How readily a voice is taken for speech that begins."""

    START_SENSITIVITY_UNSPECIFIED = "START_SENSITIVITY_UNSPECIFIED"
    START_SENSITIVITY_HIGH = "START_SENSITIVITY_HIGH"
    START_SENSITIVITY_LOW = "START_SENSITIVITY_LOW"


class EndSensitivity(OpenEnum):
    """How readily a silence is taken for speech that ends."""

    END_SENSITIVITY_UNSPECIFIED = "END_SENSITIVITY_UNSPECIFIED"
    END_SENSITIVITY_HIGH = "END_SENSITIVITY_HIGH"
    END_SENSITIVITY_LOW = "END_SENSITIVITY_LOW"


class ActivityHandling(OpenEnum):
    """Whether speech interrupts the model."""

    ACTIVITY_HANDLING_UNSPECIFIED = "ACTIVITY_HANDLING_UNSPECIFIED"
    START_OF_ACTIVITY_INTERRUPTS = "START_OF_ACTIVITY_INTERRUPTS"
    NO_INTERRUPTION = "NO_INTERRUPTION"


class TurnCoverage(OpenEnum):
    """Whether the silence between utterances belongs to a turn."""

    TURN_COVERAGE_UNSPECIFIED = "TURN_COVERAGE_UNSPECIFIED"
    TURN_INCLUDES_ONLY_ACTIVITY = "TURN_INCLUDES_ONLY_ACTIVITY"
    TURN_INCLUDES_ALL_INPUT = "TURN_INCLUDES_ALL_INPUT"


class SessionResumptionConfig(Message):
    """Which session is taken up again; empty asks for handles to do so later."""

    handle: str | None = None
    """The ``new_handle`` of an earlier session."""
    transparent: VertexOnly[bool | None] = None
    """Whether the service tells which of our messages it has heard."""


class SlidingWindow(Message):
    """The oldest turns are dropped."""

    target_tokens: int | None = None
    """How many tokens stay."""


class ContextWindowCompressionConfig(Message):
    """What happens when a session grows too long for the model."""

    trigger_tokens: int | None = None
    """From how many tokens on."""
    sliding_window: SlidingWindow | None = None


class AudioTranscriptionConfig(Message):
    """Speech is written down, too: nothing more to be said."""


class ProactivityConfig(Message):
    """Whether the model may speak up, or keep silent, by itself."""

    proactive_audio: bool | None = None


class AutomaticActivityDetection(Message):
    """How it is found out when somebody speaks."""

    disabled: bool | None = None
    """Whether we tell by ourselves, with `ActivityStart` and `ActivityEnd`."""
    start_of_speech_sensitivity: StartSensitivity | None = None
    end_of_speech_sensitivity: EndSensitivity | None = None
    prefix_padding_ms: int | None = None
    """How many milliseconds speech must last to be taken for speech."""
    silence_duration_ms: int | None = None
    """How many milliseconds silence must last to end a turn."""


class RealtimeInputConfig(Message):
    """How speech is heard."""

    automatic_activity_detection: AutomaticActivityDetection | None = None
    activity_handling: ActivityHandling | None = None
    turn_coverage: TurnCoverage | None = None


class LiveConnectConfig(Message):
    """How a session is set up."""

    generation_config: GenerationConfig | None = None
    response_modalities: tuple[Modality, ...] | None = None
    temperature: float | None = None
    """0 keeps to the likeliest words; above 1 gets adventurous."""
    top_p: float | None = None
    """Only the likeliest tokens whose probabilities add up to this are drawn from."""
    top_k: float | None = None
    """Only this many of the likeliest tokens are drawn from."""
    max_output_tokens: int | None = None
    media_resolution: MediaResolution | None = None
    seed: int | None = None
    speech_config: SpeechConfigLike | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | None = None
    """Whether the model answers to the tone of a voice."""
    system_instruction: ContentLike | None = None
    tools: tuple[ToolLike, ...] | None = None
    session_resumption: SessionResumptionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    proactivity: ProactivityConfig | None = None


class LiveClientSetup(Message):
    """The first message: how the session is set up."""

    model: str | None = None
    generation_config: GenerationConfig | None = None
    system_instruction: ContentLike | None = None
    tools: tuple[ToolLike, ...] | None = None
    session_resumption: SessionResumptionConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    proactivity: ProactivityConfig | None = None


class LiveClientContent(Message):
    """Turns that are added to the conversation."""

    turns: tuple[Content, ...] | None = None
    turn_complete: bool | None = None
    """Whether the model is to answer now."""


class ActivityStart(Message):
    """Somebody begins to speak."""


class ActivityEnd(Message):
    """Somebody stops speaking."""


class LiveClientRealtimeInput(Message):
    """A piece of what is heard, seen or typed right now."""

    media_chunks: tuple[Blob, ...] | None = None
    """Older than ``audio`` and ``video``."""
    audio: Blob | None = None
    """Such as ``audio/pcm;rate=16000``."""
    audio_stream_end: bool | None = None
    """The microphone is off."""
    video: Blob | None = None
    """One picture."""
    text: str | None = None
    activity_start: ActivityStart | None = None
    activity_end: ActivityEnd | None = None


class LiveSendRealtimeInputParameters(Message):
    """A piece of what is heard, seen or typed right now; one of these."""

    media: Blob | None = None
    audio: Blob | None = None
    audio_stream_end: bool | None = None
    video: Blob | None = None
    text: str | None = None
    activity_start: ActivityStart | None = None
    activity_end: ActivityEnd | None = None


class LiveClientToolResponse(Message):
    """What functions answered."""

    function_responses: tuple[FunctionResponse, ...] | None = None


class LiveClientMessage(Message):
    """One message of ours; one of these."""

    setup: LiveClientSetup | None = None
    client_content: LiveClientContent | None = None
    realtime_input: LiveClientRealtimeInput | None = None
    tool_response: LiveClientToolResponse | None = None


class LiveConnectParameters(Message):
    """What connecting takes."""

    model: str | None = None
    config: LiveConnectConfig | None = None
