"""Live sessions: messages of the server."""

from msgspec.structs import force_setattr

from genai_fn.schema.base import OpenEnum, OpenMessage
from genai_fn.schema.content import Content, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.generation import ServiceTier
from genai_fn.schema.grounding import GroundingMetadata, UrlContextMetadata
from genai_fn.schema.responses import ModalityTokenCount, TrafficType
from genai_fn.schema.speech import VoiceConsentSignature
from genai_fn.schema.transcription import Transcription


class TurnCompleteReason(OpenEnum):
    """Why the model's turn ended."""

    TURN_COMPLETE_REASON_UNSPECIFIED = "TURN_COMPLETE_REASON_UNSPECIFIED"
    MALFORMED_FUNCTION_CALL = "MALFORMED_FUNCTION_CALL"
    RESPONSE_REJECTED = "RESPONSE_REJECTED"
    NEED_MORE_INPUT = "NEED_MORE_INPUT"
    PROHIBITED_INPUT_CONTENT = "PROHIBITED_INPUT_CONTENT"
    IMAGE_PROHIBITED_INPUT_CONTENT = "IMAGE_PROHIBITED_INPUT_CONTENT"
    INPUT_TEXT_CONTAIN_PROMINENT_PERSON_PROHIBITED = "INPUT_TEXT_CONTAIN_PROMINENT_PERSON_PROHIBITED"
    INPUT_IMAGE_CELEBRITY = "INPUT_IMAGE_CELEBRITY"
    INPUT_IMAGE_PHOTO_REALISTIC_CHILD_PROHIBITED = "INPUT_IMAGE_PHOTO_REALISTIC_CHILD_PROHIBITED"
    INPUT_TEXT_NCII_PROHIBITED = "INPUT_TEXT_NCII_PROHIBITED"
    INPUT_OTHER = "INPUT_OTHER"
    INPUT_IP_PROHIBITED = "INPUT_IP_PROHIBITED"
    BLOCKLIST = "BLOCKLIST"
    UNSAFE_PROMPT_FOR_IMAGE_GENERATION = "UNSAFE_PROMPT_FOR_IMAGE_GENERATION"
    GENERATED_IMAGE_SAFETY = "GENERATED_IMAGE_SAFETY"
    GENERATED_CONTENT_SAFETY = "GENERATED_CONTENT_SAFETY"
    GENERATED_AUDIO_SAFETY = "GENERATED_AUDIO_SAFETY"
    GENERATED_VIDEO_SAFETY = "GENERATED_VIDEO_SAFETY"
    GENERATED_CONTENT_PROHIBITED = "GENERATED_CONTENT_PROHIBITED"
    GENERATED_CONTENT_BLOCKLIST = "GENERATED_CONTENT_BLOCKLIST"
    GENERATED_IMAGE_PROHIBITED = "GENERATED_IMAGE_PROHIBITED"
    GENERATED_IMAGE_CELEBRITY = "GENERATED_IMAGE_CELEBRITY"
    GENERATED_IMAGE_PROMINENT_PEOPLE_DETECTED_BY_REWRITER = "GENERATED_IMAGE_PROMINENT_PEOPLE_DETECTED_BY_REWRITER"
    GENERATED_IMAGE_IDENTIFIABLE_PEOPLE = "GENERATED_IMAGE_IDENTIFIABLE_PEOPLE"
    GENERATED_IMAGE_MINORS = "GENERATED_IMAGE_MINORS"
    OUTPUT_IMAGE_IP_PROHIBITED = "OUTPUT_IMAGE_IP_PROHIBITED"
    GENERATED_OTHER = "GENERATED_OTHER"
    MAX_REGENERATION_REACHED = "MAX_REGENERATION_REACHED"


class InteractionStatus(OpenEnum):
    """Whether the server still works on the input: it does, or waits for the client."""

    INTERACTION_STATUS_UNSPECIFIED = "INTERACTION_STATUS_UNSPECIFIED"
    IN_PROGRESS = "IN_PROGRESS"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    IDLE = "IDLE"


class VadSignalType(OpenEnum):
    """Whether a sentence starts (SOS) or ends (EOS)."""

    VAD_SIGNAL_TYPE_UNSPECIFIED = "VAD_SIGNAL_TYPE_UNSPECIFIED"
    VAD_SIGNAL_TYPE_SOS = "VAD_SIGNAL_TYPE_SOS"
    VAD_SIGNAL_TYPE_EOS = "VAD_SIGNAL_TYPE_EOS"


class VoiceActivityType(OpenEnum):
    """Whether the user starts or stops speaking."""

    TYPE_UNSPECIFIED = "TYPE_UNSPECIFIED"
    ACTIVITY_START = "ACTIVITY_START"
    ACTIVITY_END = "ACTIVITY_END"


class LiveServerSetupComplete(OpenMessage):
    """The session is ready."""

    session_id: str | None = None
    voice_consent_signature: VoiceConsentSignature | None = None
    """Proof that the speaker of a replicated voice consents; a later setup may contain it in place of the audio."""


class LiveServerContent(OpenMessage):
    """Output of the model."""

    model_turn: Content | None = None
    turn_complete: bool | None = None
    """Whether the turn of the model is complete."""
    interrupted: bool | None = None
    """Whether the user interrupted the model; output that has not been played should be discarded."""
    grounding_metadata: GroundingMetadata | None = None
    generation_complete: bool | None = None
    """Whether generation is complete, though playback may continue."""
    input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    url_context_metadata: UrlContextMetadata | None = None
    turn_complete_reason: TurnCompleteReason | None = None
    waiting_for_input: bool | None = None
    """Whether the model waits for more input before it responds."""
    interim_input_transcription: Transcription | None = None
    """What the user is saying, before the end of the utterance; it may still change."""
    interaction_status: InteractionStatus | None = None
    """Set together with ``turn_complete``."""


class LiveServerToolCall(OpenMessage):
    """Function calls that the model requests."""

    function_calls: tuple[FunctionCall, ...] = ()


class LiveServerToolCallCancellation(OpenMessage):
    """Function calls that are cancelled because the user interrupted."""

    ids: tuple[str, ...] = ()


class UsageMetadata(OpenMessage):
    """Tokens used by a session so far, or by a request for embeddings."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    response_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: tuple[ModalityTokenCount, ...] = ()
    cache_tokens_details: tuple[ModalityTokenCount, ...] = ()
    response_tokens_details: tuple[ModalityTokenCount, ...] = ()
    tool_use_prompt_tokens_details: tuple[ModalityTokenCount, ...] = ()
    traffic_type: TrafficType | None = None
    service_tier: ServiceTier | None = None
    prompt_token_details: tuple[ModalityTokenCount, ...] = ()
    """Wire name of ``prompt_tokens_details`` for embeddings on Gemini; the values are moved to it."""

    def __post_init__(self) -> None:
        if self.prompt_token_details:
            force_setattr(self, "prompt_tokens_details", self.prompt_tokens_details + self.prompt_token_details)
            force_setattr(self, "prompt_token_details", ())


class LiveServerGoAway(OpenMessage):
    """Announces that the server will close the connection."""

    time_left: str | None = None
    """Time until then, such as ``"10s"``."""


class LiveServerSessionResumptionUpdate(OpenMessage):
    """Handle for resuming the session."""

    new_handle: str | None = None
    """Empty while the session cannot be resumed."""
    resumable: bool | None = None
    last_consumed_client_message_index: int | None = None
    """Index of the last client message that the handle includes; only with ``transparent``."""


class VoiceActivityDetectionSignal(OpenMessage):
    """Announces the start or end of a sentence of the user."""

    vad_signal_type: VadSignalType | None = None


class VoiceActivity(OpenMessage):
    """Announces that the user starts or stops speaking."""

    voice_activity_type: VoiceActivityType | None = None
    audio_offset: str | None = None
    """Position in the audio stream, such as ``"1.5s"``."""


class LiveServerMessage(OpenMessage):
    """A message of the server."""

    setup_complete: LiveServerSetupComplete | None = None
    server_content: LiveServerContent | None = None
    tool_call: LiveServerToolCall | None = None
    tool_call_cancellation: LiveServerToolCallCancellation | None = None
    usage_metadata: UsageMetadata | None = None
    go_away: LiveServerGoAway | None = None
    session_resumption_update: LiveServerSessionResumptionUpdate | None = None
    voice_activity_detection_signal: VoiceActivityDetectionSignal | None = None
    voice_activity: VoiceActivity | None = None

    @property
    def text(self) -> str | None:
        """The text of the message without thoughts, or None."""
        return "".join(part.text for part in self._parts if part.text and not part.thought) or None

    @property
    def data(self) -> bytes | None:
        """The inline data of the message, usually audio, or None."""
        blobs = (part.inline_data for part in self._parts)
        return b"".join(blob.data for blob in blobs if blob is not None and blob.data) or None

    @property
    def _parts(self) -> tuple[Part, ...]:
        turn = self.server_content.model_turn if self.server_content is not None else None
        return (turn.parts or ()) if turn is not None else ()
