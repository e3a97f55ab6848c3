"""Responses: candidates, finish reasons, token usage."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import Message, Opaque, OpenEnum, OpenMessage
from genai_fn.schema.content import Content, Part, show_parts
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.generation import ServiceTier
from genai_fn.schema.grounding import CitationMetadata, GroundingMetadata, UrlContextMetadata
from genai_fn.schema.safety import BlockedReason, SafetyRating


class FinishReason(OpenEnum):
    """Why generation stopped."""

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
    IMAGE_OTHER = "IMAGE_OTHER"
    IMAGE_RECITATION = "IMAGE_RECITATION"
    TOO_MANY_TOOL_CALLS = "TOO_MANY_TOOL_CALLS"
    MISSING_THOUGHT_SIGNATURE = "MISSING_THOUGHT_SIGNATURE"
    MALFORMED_RESPONSE = "MALFORMED_RESPONSE"
    ESCALATION = "ESCALATION"
    PUP_LIMITED_DISABLED = "PUP_LIMITED_DISABLED"
    CONTINUATION = "CONTINUATION"
    """The response is incomplete; its ``continuation_token`` continues it."""
    MODEL_ARMOR = "MODEL_ARMOR"


class TrafficType(OpenEnum):
    """Quota that a request counts against."""

    TRAFFIC_TYPE_UNSPECIFIED = "TRAFFIC_TYPE_UNSPECIFIED"
    ON_DEMAND = "ON_DEMAND"
    ON_DEMAND_PRIORITY = "ON_DEMAND_PRIORITY"
    ON_DEMAND_FLEX = "ON_DEMAND_FLEX"
    ON_DEMAND_OFFPEAK = "ON_DEMAND_OFFPEAK"
    PROVISIONED_THROUGHPUT = "PROVISIONED_THROUGHPUT"


class MediaModality(OpenEnum):
    """Modality of tokens."""

    MODALITY_UNSPECIFIED = "MODALITY_UNSPECIFIED"
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    DOCUMENT = "DOCUMENT"


class ModelStage(OpenEnum):
    """Stage of a model in its life cycle."""

    MODEL_STAGE_UNSPECIFIED = "MODEL_STAGE_UNSPECIFIED"
    UNSTABLE_EXPERIMENTAL = "UNSTABLE_EXPERIMENTAL"
    EXPERIMENTAL = "EXPERIMENTAL"
    PREVIEW = "PREVIEW"
    STABLE = "STABLE"
    LEGACY = "LEGACY"
    DEPRECATED = "DEPRECATED"
    RETIRED = "RETIRED"


class LogprobsResultCandidate(Message):  # no ``extra``: an answer has thousands, and decoding them would take 1.1 times
    """A token and its log probability."""

    log_probability: float | None = None
    token: str | None = None
    token_id: int | None = None


class LogprobsResultTopCandidates(Message):
    """The most likely tokens at one position, in descending order."""

    candidates: tuple[LogprobsResultCandidate, ...] = ()


class LogprobsResult(OpenMessage):
    """Log probabilities of the tokens of a response."""

    chosen_candidates: tuple[LogprobsResultCandidate, ...] = ()
    top_candidates: tuple[LogprobsResultTopCandidates, ...] = ()
    log_probability_sum: float | None = None
    """Sum over all tokens."""


class Candidate(OpenMessage):
    """One of the alternatives of a response."""

    content: Content | None = None
    citation_metadata: CitationMetadata | None = None
    finish_message: str | None = None
    token_count: int | None = None
    finish_reason: FinishReason | None = None
    avg_logprobs: float | None = None
    """Mean log probability of the tokens."""
    grounding_metadata: GroundingMetadata | None = None
    index: int | None = None
    logprobs_result: LogprobsResult | None = None
    safety_ratings: tuple[SafetyRating, ...] = ()
    url_context_metadata: UrlContextMetadata | None = None
    continuation_token: Opaque | None = None
    """Token that continues a response with the finish reason ``CONTINUATION``."""


class GenerateContentResponsePromptFeedback(OpenMessage):
    """Why a prompt was blocked."""

    block_reason: BlockedReason | None = None
    block_reason_message: str | None = None
    safety_ratings: tuple[SafetyRating, ...] = ()


class ModalityTokenCount(OpenMessage):
    """Number of tokens of one modality."""

    modality: MediaModality | None = None
    token_count: int | None = None


class GenerateContentResponseUsageMetadata(OpenMessage):
    """Token usage of a response; in a stream, up to this chunk."""

    cache_tokens_details: tuple[ModalityTokenCount, ...] = ()
    cached_content_token_count: int | None = None
    """Tokens of the prompt that came from a cache."""
    candidates_token_count: int | None = None
    candidates_tokens_details: tuple[ModalityTokenCount, ...] = ()
    prompt_token_count: int | None = None
    """Tokens of the prompt, including those from a cache."""
    prompt_tokens_details: tuple[ModalityTokenCount, ...] = ()
    thoughts_token_count: int | None = None
    """Tokens of thoughts; not included in ``candidates_token_count``."""
    tool_use_prompt_token_count: int | None = None
    tool_use_prompt_tokens_details: tuple[ModalityTokenCount, ...] = ()
    total_token_count: int | None = None
    traffic_type: TrafficType | None = None
    service_tier: ServiceTier | None = None


class ModelStatus(OpenMessage):
    """Stage of the model, and when it is retired."""

    message: str | None = None
    model_stage: ModelStage | None = None
    retirement_time: datetime | None = None


class GenerateContentResponse(OpenMessage):
    """A response of the model, or a chunk of it in a stream."""

    candidates: tuple[Candidate, ...] = ()
    create_time: datetime | None = None
    model_version: str | None = None
    prompt_feedback: GenerateContentResponsePromptFeedback | None = None
    response_id: str | None = None
    usage_metadata: GenerateContentResponseUsageMetadata | None = None
    automatic_function_calling_history: tuple[Content, ...] = ()
    """The contents before this response, including function calls and results; set by ``calling(…)``."""
    model_status: ModelStatus | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the first candidate; ``()`` if there is none."""
        content = self.candidates[0].content if self.candidates else None
        return (content.parts or ()) if content is not None else ()

    @property
    def text(self) -> str | None:
        """The text of the first candidate without thoughts, or None if it has no text."""
        texts = [part.text for part in self.parts if part.text is not None and not part.thought]
        return "".join(texts) if texts else None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str] | None:
        return show_parts(self.parts)

    @property
    def function_calls(self) -> tuple[FunctionCall, ...]:
        """The function calls of the first candidate."""
        return tuple(part.function_call for part in self.parts if part.function_call is not None)

    @property
    def executable_code(self) -> str | None:
        """The first executable code in the first candidate, or None."""
        codes = (part.executable_code for part in self.parts)
        return next((code.code for code in codes if code is not None), None)

    @property
    def code_execution_result(self) -> str | None:
        """The output of the first code execution in the first candidate, or None."""
        results = (part.code_execution_result for part in self.parts)
        return next((result.output for result in results if result is not None), None)
