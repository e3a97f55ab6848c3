"""Live sessions: what the model says."""

from genai_fn.schema.base import Message, OpenEnum
from genai_fn.schema.content import Content, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.grounding import GroundingMetadata, UrlContextMetadata
from genai_fn.schema.responses import ModalityTokenCount, TrafficType

__all__ = [
    "LiveServerContent",
    "LiveServerGoAway",
    "LiveServerMessage",
    "LiveServerSessionResumptionUpdate",
    "LiveServerSetupComplete",
    "LiveServerToolCall",
    "LiveServerToolCallCancellation",
    "Transcription",
    "TurnCompleteReason",
    "UsageMetadata",
]


class TurnCompleteReason(OpenEnum):
    """Why the model's turn ended."""

    TURN_COMPLETE_REASON_UNSPECIFIED = "TURN_COMPLETE_REASON_UNSPECIFIED"
    MALFORMED_FUNCTION_CALL = "MALFORMED_FUNCTION_CALL"
    RESPONSE_REJECTED = "RESPONSE_REJECTED"
    NEED_MORE_INPUT = "NEED_MORE_INPUT"


class LiveServerSetupComplete(Message):
    """The session is set up."""

    session_id: str | None = None


class Transcription(Message):
    """Speech, written down."""

    text: str | None = None
    finished: bool | None = None
    """Whether the utterance ends here."""


class LiveServerContent(Message):
    """A piece of what the model says."""

    model_turn: Content | None = None
    turn_complete: bool | None = None
    """The model has finished; it is our turn."""
    interrupted: bool | None = None
    """We interrupted it; what has not been played yet is void."""
    grounding_metadata: GroundingMetadata | None = None
    generation_complete: bool | None = None
    """All is said, though it may not all have been played yet."""
    input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    url_context_metadata: UrlContextMetadata | None = None
    turn_complete_reason: TurnCompleteReason | None = None
    waiting_for_input: bool | None = None
    """The model waits for more before it answers."""


class LiveServerToolCall(Message):
    """Functions that the model would like called."""

    function_calls: tuple[FunctionCall, ...] = ()


class LiveServerToolCallCancellation(Message):
    """Calls that nobody waits for any more, as we interrupted."""

    ids: tuple[str, ...] = ()


class UsageMetadata(Message):
    """What the session cost so far, in tokens."""

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


class LiveServerGoAway(Message):
    """The connection will be cut soon."""

    time_left: str | None = None
    """A duration such as ``"10s"``."""


class LiveServerSessionResumptionUpdate(Message):
    """What it takes to come back to this session."""

    new_handle: str | None = None
    """Empty while the session cannot be resumed."""
    resumable: bool | None = None
    last_consumed_client_message_index: int | None = None
    """Which of our messages the handle includes; only with ``transparent``."""


class LiveServerMessage(Message):
    """One message of the model's."""

    setup_complete: LiveServerSetupComplete | None = None
    server_content: LiveServerContent | None = None
    tool_call: LiveServerToolCall | None = None
    tool_call_cancellation: LiveServerToolCallCancellation | None = None
    usage_metadata: UsageMetadata | None = None
    go_away: LiveServerGoAway | None = None
    session_resumption_update: LiveServerSessionResumptionUpdate | None = None

    @property
    def text(self) -> str | None:
        """The text that the message brings, without thoughts; None where it brings none."""
        return "".join(part.text for part in self._parts if part.text and not part.thought) or None

    @property
    def data(self) -> bytes | None:
        """The sound that the message brings; None where it brings none."""
        blobs = (part.inline_data for part in self._parts)
        return b"".join(blob.data for blob in blobs if blob is not None and blob.data) or None

    @property
    def _parts(self) -> tuple[Part, ...]:
        turn = self.server_content.model_turn if self.server_content is not None else None
        return (turn.parts or ()) if turn is not None else ()
