"""Answers: candidates, why they ended, what they cost."""

from datetime import datetime

from genai_fn.schema.base import Message, OpenEnum
from genai_fn.schema.content import Content, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.grounding import CitationMetadata, GroundingMetadata, UrlContextMetadata
from genai_fn.schema.safety import BlockedReason, SafetyRating

__all__ = [
    "Candidate",
    "FinishReason",
    "GenerateContentResponse",
    "GenerateContentResponsePromptFeedback",
    "GenerateContentResponseUsageMetadata",
    "LogprobsResult",
    "LogprobsResultCandidate",
    "LogprobsResultTopCandidates",
    "MediaModality",
    "ModalityTokenCount",
    "TrafficType",
]


class FinishReason(OpenEnum):
    """Why an answer ended."""

    FINISH_REASON_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
    STOP = "STOP"
    MAX_TOKENS = "MAX_TOKENS"
    SAFETY = "SAFETY"
    RECITATION = "RECITATION"
    LANGUAGE = "LANGUAGE"
    OTHER = "OTHER"
    BLOCKLIST = "BLOCKLIST"
    PROHIBITED_CONTENT = "PROHIBITED_CONTENT"
    SPII = "SPII"
    MALFORMED_FUNCTION_CALL = "MALFORMED_FUNCTION_CALL"
    IMAGE_SAFETY = "IMAGE_SAFETY"
    UNEXPECTED_TOOL_CALL = "UNEXPECTED_TOOL_CALL"
    IMAGE_PROHIBITED_CONTENT = "IMAGE_PROHIBITED_CONTENT"
    NO_IMAGE = "NO_IMAGE"


class TrafficType(OpenEnum):
    """Which quota a request was counted against."""

    TRAFFIC_TYPE_UNSPECIFIED = "TRAFFIC_TYPE_UNSPECIFIED"
    ON_DEMAND = "ON_DEMAND"
    PROVISIONED_THROUGHPUT = "PROVISIONED_THROUGHPUT"


class MediaModality(OpenEnum):
    """What tokens stand for."""

    MODALITY_UNSPECIFIED = "MODALITY_UNSPECIFIED"
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    DOCUMENT = "DOCUMENT"


class LogprobsResultCandidate(Message):
    """A token and how likely it was."""

    log_probability: float | None = None
    token: str | None = None
    token_id: int | None = None


class LogprobsResultTopCandidates(Message):
    """The likeliest tokens at one place, likeliest first."""

    candidates: tuple[LogprobsResultCandidate, ...] = ()


class LogprobsResult(Message):
    """How likely each token of an answer was."""

    chosen_candidates: tuple[LogprobsResultCandidate, ...] = ()
    top_candidates: tuple[LogprobsResultTopCandidates, ...] = ()


class Candidate(Message):
    """One answer of possibly several."""

    content: Content | None = None
    citation_metadata: CitationMetadata | None = None
    finish_message: str | None = None
    token_count: int | None = None
    finish_reason: FinishReason | None = None
    avg_logprobs: float | None = None
    """The mean log probability of its tokens."""
    grounding_metadata: GroundingMetadata | None = None
    index: int | None = None
    logprobs_result: LogprobsResult | None = None
    safety_ratings: tuple[SafetyRating, ...] = ()
    url_context_metadata: UrlContextMetadata | None = None


class GenerateContentResponsePromptFeedback(Message):
    """Why a prompt was not answered."""

    block_reason: BlockedReason | None = None
    block_reason_message: str | None = None
    safety_ratings: tuple[SafetyRating, ...] = ()


class ModalityTokenCount(Message):
    """How many tokens stand for one kind of media."""

    modality: MediaModality | None = None
    token_count: int | None = None


class GenerateContentResponseUsageMetadata(Message):
    """What an answer cost, in tokens; in a stream, so far."""

    cache_tokens_details: tuple[ModalityTokenCount, ...] = ()
    cached_content_token_count: int | None = None
    """Of the prompt, what came out of a cache."""
    candidates_token_count: int | None = None
    candidates_tokens_details: tuple[ModalityTokenCount, ...] = ()
    prompt_token_count: int | None = None
    """With what came out of a cache."""
    prompt_tokens_details: tuple[ModalityTokenCount, ...] = ()
    thoughts_token_count: int | None = None
    """Not part of ``candidates_token_count``."""
    tool_use_prompt_token_count: int | None = None
    tool_use_prompt_tokens_details: tuple[ModalityTokenCount, ...] = ()
    total_token_count: int | None = None
    traffic_type: TrafficType | None = None


class GenerateContentResponse(Message):
    """What the model answered, or a piece of it in a stream."""

    candidates: tuple[Candidate, ...] = ()
    create_time: datetime | None = None
    model_version: str | None = None
    prompt_feedback: GenerateContentResponsePromptFeedback | None = None
    response_id: str | None = None
    usage_metadata: GenerateContentResponseUsageMetadata | None = None
    automatic_function_calling_history: tuple[Content, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the first candidate."""
        content = self.candidates[0].content if self.candidates else None
        return (content.parts or ()) if content is not None else ()

    @property
    def text(self) -> str | None:
        """The text of the first candidate without its thoughts; None where it has no text at all."""
        texts = [part.text for part in self.parts if part.text is not None and not part.thought]
        return "".join(texts) if texts else None

    @property
    def function_calls(self) -> tuple[FunctionCall, ...]:
        """The function calls of the first candidate."""
        return tuple(part.function_call for part in self.parts if part.function_call is not None)

    @property
    def executable_code(self) -> str | None:
        """The first code in the first candidate."""
        codes = (part.executable_code for part in self.parts)
        return next((code.code for code in codes if code is not None), None)

    @property
    def code_execution_result(self) -> str | None:
        """The first output of code in the first candidate."""
        results = (part.code_execution_result for part in self.parts)
        return next((result.output for result in results if result is not None), None)
